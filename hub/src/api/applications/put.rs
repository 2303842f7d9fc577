//! `PUT /applications/{namespace}/{name}` and `POST /applications`: an Argo CD Application manifest, as it stands.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use jiff::SignedDuration;
use serde_json::Value;
use windlass_domain::application::{Application, ApplicationManifest, InvalidApplication, Metadata, Origin};
use windlass_domain::dependency::{self, Node};
use windlass_domain::name::ApplicationName;
use windlass_domain::time::Timestamp;
use windlass_store::Expected;

use super::get::object;
use crate::api::caller::Caller;
use crate::api::error::{ApiError, Result};
use crate::api::input::{Body, Parameters};
use crate::api::view::ApplicationObject;
use crate::api::written::{self, ATTEMPTS};
use crate::api::{Shared, route};

/// Argo CD's annotation: an RFC 3339 time.
const DELETION_APPROVED: &str = "argocd.argoproj.io/deletion-approved";
/// Clocks differ, and pipelines take their time.
const APPROVED_WITHIN: SignedDuration = SignedDuration::from_mins(10);

type Answer = written::Answer<ApplicationObject>;

/// Creates or replaces an application. `If-Match` with the revision that was read refuses to overwrite somebody else's change.
#[utoipa::path(put, path = "/api/v1/applications/{namespace}/{name}", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body(content = Object, description = "An argoproj.io/v1alpha1 Application"),
    responses((status = 200, body = ApplicationObject), (status = 201, body = ApplicationObject), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn put(
    State(shared): State<Shared>,
    caller: Caller,
    Path((namespace, name)): Path<(String, String)>,
    headers: HeaderMap,
    Body(body): Body<Value>,
) -> Result<Answer> {
    let manifest = parse(&body)?;
    written::check_name(&manifest.name.to_string(), &format!("{namespace}/{name}"))?;
    write(&shared, &caller, &manifest, written::expected(&headers)?).await
}

/// Creates an application; one that is there already is a conflict, unless `upsert=true`.
#[utoipa::path(post, path = "/api/v1/applications", tag = "applications",
    params(("upsert" = Option<bool>, Query)),
    request_body(content = Object, description = "An argoproj.io/v1alpha1 Application"),
    responses((status = 201, body = ApplicationObject), (status = 200, body = ApplicationObject), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    parameters: Parameters,
    Body(body): Body<Value>,
) -> Result<Answer> {
    let expected = written::creation(parameters)?;
    write(&shared, &caller, &parse(&body)?, expected).await
}

/// Writes over exactly what the grants were checked against: what somebody else writes in between is looked at anew.
async fn write(shared: &Shared, caller: &Caller, manifest: &ApplicationManifest, expected: Expected) -> Result<Answer> {
    let mut attempt = 1;
    loop {
        let existing = admit(shared, caller, manifest).await?;
        let found = existing.as_ref().map(|existing| existing.revision);
        written::check("application", &manifest.name.to_string(), found, expected)?;
        // The revision 0 belongs to nothing: the store then only creates.
        let seen = found.unwrap_or(0);
        match store(shared, manifest, seen).await {
            Ok(answer) => {
                confirm_by_annotation(shared, caller, manifest, existing.as_ref()).await?;
                return Ok(answer);
            }
            Err(error) if error.is_conflict() && expected == Expected::Anything && attempt < ATTEMPTS => attempt += 1,
            Err(error) if error.is_conflict() => {
                // It may have been closed by what was written since it was looked for.
                no_circle(shared, caller, manifest).await?;
                return Err(error);
            }
            answer => return answer,
        }
    }
}

/// Argo CD's way to confirm deletions: the annotation with a time of now. An old one, applied again, confirms nothing.
async fn confirm_by_annotation(
    shared: &Shared,
    caller: &Caller,
    manifest: &ApplicationManifest,
    existing: Option<&Application>,
) -> Result<()> {
    let given = |metadata: &Metadata| metadata.annotations.get(DELETION_APPROVED).cloned();
    let Some(existing) = existing else { return Ok(()) };
    let approved = given(&manifest.metadata).filter(|approved| given(&existing.metadata).as_ref() != Some(approved));
    let Some(at) = approved.and_then(|approved| approved.parse::<Timestamp>().ok()) else { return Ok(()) };
    let now = shared.state.clock.now();
    // The same grant as for saying it directly.
    if now.duration_since(at).abs() > APPROVED_WITHIN || !caller.may_application(route::APPROVE, existing) {
        return Ok(());
    }
    let positions = shared.state.store.confirm_deletion(existing.uid, &[], caller.name(), now).await?;
    shared.state.registry.notify(&positions);
    Ok(())
}

async fn store(shared: &Shared, manifest: &ApplicationManifest, seen: u64) -> Result<Answer> {
    let now = shared.state.clock.now();
    let put = shared.state.store.put_application(manifest, Origin::Api, Some(seen), now).await?;
    // Whatever the outcome: the answer of the write that changed it may have been lost, and nobody told.
    shared.state.desired.application_changed(&put.value.name, put.value.revision);
    Ok(written::answer(put.value.revision, put.outcome, object(shared, &manifest.name).await?))
}

/// The grant for what is written and, where it replaces something, for that too: a project cannot be entered or robbed by renaming it in the manifest.
async fn admit(shared: &Shared, caller: &Caller, manifest: &ApplicationManifest) -> Result<Option<Application>> {
    let existing = shared.state.store.application(&manifest.name).await?;
    let action = if existing.is_some() { route::UPDATE } else { route::CREATE };
    if let Some(existing) = &existing
        && !caller.may_application(action, existing)
    {
        return Err(match caller.may_application(route::GET, existing) {
            true => ApiError::forbidden(route::APPLICATIONS, action),
            false => ApiError::not_found("application", &manifest.name.to_string()),
        });
    }
    caller.require(route::APPLICATIONS, action, &format!("{}/{}", manifest.spec.project, manifest.name))?;
    may_be_written(existing.as_ref())?;
    no_circle(shared, caller, manifest).await?;
    Ok(existing)
}

/// Applications that wait for each other would wait for ever.
async fn no_circle(shared: &Shared, caller: &Caller, manifest: &ApplicationManifest) -> Result<()> {
    if manifest.spec.depends_on.is_empty() {
        return Ok(());
    }
    let start = Node {
        name: manifest.name.clone(),
        labels: manifest.metadata.labels.clone(),
        depends_on: manifest.spec.depends_on.clone(),
    };
    let Some(way) = dependency::circle(&start, &shared.state.store.dependents().await?) else { return Ok(()) };
    let mut names = Vec::with_capacity(way.len());
    for name in way {
        let application = shared.state.store.application(&name).await?;
        let may = name == manifest.name || application.is_some_and(|a| caller.may_application(route::GET, &a));
        names.push(if may { name.to_string() } else { "(an application that you may not see)".to_owned() });
    }
    let message = format!("spec.dependsOn goes in a circle: {}; none of them would ever be synced", names.join(" -> "));
    Err(ApiError::invalid("spec.dependsOn", message))
}

/// An application's origin is its only writer, and one on its way out has none: even the same manifest would not keep it.
fn may_be_written(existing: Option<&Application>) -> Result<()> {
    let Some(Application { origin, name, deletion, .. }) = existing else { return Ok(()) };
    if *origin != Origin::Api {
        let message = format!("application {name} is written by {origin:?}, not by the API; change it there");
        return Err(ApiError::conflict(message));
    }
    if deletion.is_some() {
        let message =
            format!("application {name} is being deleted and cannot be changed; create it again once it is gone");
        return Err(ApiError::conflict(message));
    }
    Ok(())
}

fn parse(body: &Value) -> Result<ApplicationManifest> {
    let manifest = ApplicationManifest::parse(body).map_err(invalid)?;
    let sources = manifest.spec.source.iter().chain(&manifest.spec.sources);
    for source in sources {
        refuse_credentials(&source.repo_url, &manifest.name)?;
    }
    Ok(manifest)
}

fn invalid(error: InvalidApplication) -> ApiError {
    let field = match &error {
        InvalidApplication::Kind(_) => "kind",
        InvalidApplication::Name(_) => "metadata.name",
        InvalidApplication::Malformed(_) => "spec",
        InvalidApplication::Field { field, .. } => field,
    };
    ApiError::invalid(field, error.to_string())
}

/// A manifest is shown to whoever may read the application: a URL with a password in it must not get that far.
fn refuse_credentials(repo_url: &str, name: &ApplicationName) -> Result<()> {
    let url = url::Url::parse(repo_url).ok();
    if url
        .is_some_and(|url| url.password().is_some() || (url.scheme().starts_with("http") && !url.username().is_empty()))
    {
        let message = format!(
            "application {name}: the URL holds a user name or password; give them to `windlass repo add` instead"
        );
        return Err(ApiError::invalid("spec.source.repoURL", message));
    }
    Ok(())
}
