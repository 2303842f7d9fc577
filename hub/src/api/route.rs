//! Every route of the API with what it needs: one table, read by the guard and walked by the tests. A route that is not in it answers nobody.

use axum::http::Method;

/// One route.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// As axum writes it.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
}

/// What a caller needs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// Nothing, not even a token.
    Public,
    /// A grant of this action on this object.
    Granted { resource: &'static str, action: &'static str, object: Object },
}

/// Which object a grant must name, and where the guard finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// A list: some grant of the action; the handler shows only what the grants name.
    Collection,
    /// The body or query names it: some grant on the resource; the handler checks the exact one before it acts.
    Body,
    /// A stream of everything: some grant of the action on anything; each event is checked.
    Anything,
    /// The application of the path.
    Application,
    /// Something of the application of the path: the guard asks for `get` on it; the handler checks the exact grant.
    Part,
    /// The cluster of the path.
    Cluster,
    /// The project of the path.
    Project,
    /// The operation of the path: its application.
    Operation,
    /// The body or query names an application, a project, a cluster or everything: some grant to sync or update; the handler checks the exact one.
    Scope,
}

const API: &str = "api";
pub(crate) const APPLICATIONS: &str = "applications";
pub(crate) const CLUSTERS: &str = "clusters";
pub(crate) const REPOSITORIES: &str = "repositories";
pub(crate) const OPERATIONS: &str = "operations";
pub(crate) const PROJECTS: &str = "projects";
pub(crate) const LOGS: &str = "logs";
pub(crate) const SETTINGS: &str = "settings";

pub(crate) const GET: &str = "get";
pub(crate) const CREATE: &str = "create";
pub(crate) const UPDATE: &str = "update";
pub(crate) const DELETE: &str = "delete";
pub(crate) const SYNC: &str = "sync";
pub(crate) const APPROVE: &str = "approve";
const ADOPT: &str = "adopt";

/// Grants name the kind and the action too: `action/apps/Deployment/restart`.
const ACTION: &str = "action";
const ACTIONS_PATH: &str = "/api/v1/applications/{namespace}/{name}/resources/actions";

/// Streams have no time limit.
pub(crate) const WATCH_PATH: &str = "/api/v1/watch";

pub(crate) static ROUTES: &[Route] = &[
    public("/livez"),
    public("/readyz"),
    public("/api/v1/version"),
    route(Method::GET, "/api/v1/openapi.json", API, GET, Object::Collection),
    route(Method::GET, "/api/v1/applications", APPLICATIONS, GET, Object::Collection),
    route(Method::POST, "/api/v1/applications", APPLICATIONS, CREATE, Object::Body),
    route(Method::GET, "/api/v1/applications/{namespace}/{name}", APPLICATIONS, GET, Object::Application),
    route(Method::PUT, "/api/v1/applications/{namespace}/{name}", APPLICATIONS, UPDATE, Object::Body),
    route(Method::DELETE, "/api/v1/applications/{namespace}/{name}", APPLICATIONS, DELETE, Object::Application),
    route(Method::GET, "/api/v1/applications/{namespace}/{name}/resources", APPLICATIONS, GET, Object::Application),
    route(Method::GET, "/api/v1/applications/{namespace}/{name}/targets", APPLICATIONS, GET, Object::Application),
    route(Method::GET, "/api/v1/applications/{namespace}/{name}/live/resource", APPLICATIONS, GET, Object::Application),
    route(Method::POST, "/api/v1/applications/{namespace}/{name}/live/diff", APPLICATIONS, GET, Object::Application),
    route(Method::GET, "/api/v1/applications/{namespace}/{name}/live/tree", APPLICATIONS, GET, Object::Application),
    route(Method::GET, "/api/v1/applications/{namespace}/{name}/live/events", APPLICATIONS, GET, Object::Application),
    // The handler asks for logs/get on the application too.
    route(Method::GET, "/api/v1/applications/{namespace}/{name}/live/logs", APPLICATIONS, GET, Object::Application),
    route(Method::GET, ACTIONS_PATH, APPLICATIONS, GET, Object::Application),
    route(Method::POST, ACTIONS_PATH, APPLICATIONS, ACTION, Object::Part),
    route(Method::GET, "/api/v1/applications/{namespace}/{name}/explain", APPLICATIONS, GET, Object::Application),
    route(Method::POST, "/api/v1/applications/{namespace}/{name}/refresh", APPLICATIONS, GET, Object::Application),
    route(Method::POST, "/api/v1/applications/{namespace}/{name}/sync", APPLICATIONS, SYNC, Object::Application),
    route(Method::POST, "/api/v1/applications/{namespace}/{name}/terminate", APPLICATIONS, SYNC, Object::Application),
    route(Method::POST, "/api/v1/applications/{namespace}/{name}/rollback", APPLICATIONS, SYNC, Object::Application),
    route(Method::POST, "/api/v1/applications/{namespace}/{name}/resume", APPLICATIONS, SYNC, Object::Application),
    route(Method::GET, "/api/v1/applications/{namespace}/{name}/history", APPLICATIONS, GET, Object::Application),
    route(Method::GET, "/api/v1/applications/{namespace}/{name}/events", APPLICATIONS, GET, Object::Application),
    route(
        Method::POST,
        "/api/v1/applications/{namespace}/{name}/confirm-deletion",
        APPLICATIONS,
        APPROVE,
        Object::Application,
    ),
    route(Method::POST, "/api/v1/applications/{namespace}/{name}/abandon", APPLICATIONS, DELETE, Object::Application),
    route(Method::GET, "/api/v1/freezes", APPLICATIONS, GET, Object::Collection),
    route(Method::PUT, "/api/v1/freezes", APPLICATIONS, SYNC, Object::Scope),
    route(Method::DELETE, "/api/v1/freezes", APPLICATIONS, SYNC, Object::Scope),
    route(Method::POST, "/api/v1/applications/{namespace}/{name}/approve", APPLICATIONS, APPROVE, Object::Application),
    route(Method::POST, "/api/v1/applications/{namespace}/{name}/adopt", APPLICATIONS, ADOPT, Object::Application),
    route(Method::GET, "/api/v1/clusters", CLUSTERS, GET, Object::Collection),
    route(Method::POST, "/api/v1/clusters", CLUSTERS, CREATE, Object::Body),
    route(Method::GET, "/api/v1/clusters/{name}", CLUSTERS, GET, Object::Cluster),
    route(Method::PATCH, "/api/v1/clusters/{name}", CLUSTERS, UPDATE, Object::Cluster),
    route(Method::DELETE, "/api/v1/clusters/{name}", CLUSTERS, DELETE, Object::Cluster),
    route(Method::POST, "/api/v1/clusters/{name}/token", CLUSTERS, CREATE, Object::Cluster),
    route(Method::POST, "/api/v1/clusters/{name}/revoke", CLUSTERS, UPDATE, Object::Cluster),
    route(Method::POST, "/api/v1/clusters/{name}/approve", CLUSTERS, APPROVE, Object::Cluster),
    route(Method::GET, "/api/v1/authorities", CLUSTERS, GET, Object::Body),
    route(Method::POST, "/api/v1/authorities", CLUSTERS, UPDATE, Object::Body),
    route(Method::GET, "/api/v1/cluster-upgrades", CLUSTERS, GET, Object::Collection),
    route(Method::POST, "/api/v1/cluster-upgrades", CLUSTERS, UPDATE, Object::Body),
    route(Method::POST, "/api/v1/cluster-upgrades/{id}/stop", CLUSTERS, UPDATE, Object::Body),
    route(Method::GET, "/api/v1/repositories", REPOSITORIES, GET, Object::Collection),
    route(Method::PUT, "/api/v1/repositories", REPOSITORIES, UPDATE, Object::Body),
    route(Method::DELETE, "/api/v1/repositories", REPOSITORIES, DELETE, Object::Body),
    route(Method::GET, "/api/v1/projects", PROJECTS, GET, Object::Collection),
    route(Method::POST, "/api/v1/projects", PROJECTS, CREATE, Object::Body),
    route(Method::GET, "/api/v1/projects/{name}", PROJECTS, GET, Object::Project),
    route(Method::PUT, "/api/v1/projects/{name}", PROJECTS, UPDATE, Object::Body),
    route(Method::DELETE, "/api/v1/projects/{name}", PROJECTS, DELETE, Object::Project),
    route(Method::GET, "/api/v1/settings", SETTINGS, GET, Object::Collection),
    route(Method::PUT, "/api/v1/settings", SETTINGS, UPDATE, Object::Body),
    route(Method::GET, "/api/v1/operations", OPERATIONS, GET, Object::Collection),
    route(Method::GET, "/api/v1/operations/{id}", OPERATIONS, GET, Object::Operation),
    route(Method::GET, WATCH_PATH, "*", GET, Object::Anything),
];

/// The entry of a request's path; `HEAD` is `GET`.
pub(crate) fn find(method: &Method, path: &str) -> Option<&'static Route> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    ROUTES.iter().find(|route| route.method == *method && matches(route.path, path))
}

/// Whether some method is possible on a path.
pub(crate) fn is_path(path: &str) -> bool {
    ROUTES.iter().any(|route| matches(route.path, path))
}

/// Whether a path asks a live cluster.
pub(crate) fn is_live(path: &str) -> bool {
    path.strip_prefix("/api/v1/applications/").and_then(|rest| rest.split('/').nth(2)) == Some("live")
}

/// A `{parameter}` is one segment that is not empty, as for axum's router; no two routes of the table match the same path otherwise than by method.
fn matches(pattern: &str, path: &str) -> bool {
    let fits = |(pattern, text): (&str, &str)| pattern == text || (pattern.starts_with('{') && !text.is_empty());
    pattern.split('/').count() == path.split('/').count() && pattern.split('/').zip(path.split('/')).all(fits)
}

const fn public(path: &'static str) -> Route {
    Route { method: Method::GET, path, access: Access::Public }
}

const fn route(
    method: Method,
    path: &'static str,
    resource: &'static str,
    action: &'static str,
    object: Object,
) -> Route {
    Route { method, path, access: Access::Granted { resource, action, object } }
}
