//! Every route of the table, walked: nothing answers without a token, and nothing happens without a grant.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::harness::{Api, application, request};
use crate::api::openapi;
use crate::api::route::{Access, Object, ROUTES, Route};

/// A path that names things which exist.
fn path(route: &Route) -> String {
    let path = route.path.replace("{namespace}", "argocd").replace("{id}", "018f2b5c-0000-7000-8000-000000000001");
    match route.access {
        Access::Granted { object: Object::Cluster, .. } => path.replace("{name}", "eu-1"),
        _ => path.replace("{name}", "web"),
    }
}

fn is_public(route: &Route) -> bool {
    matches!(route.access, Access::Public)
}

fn needs_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

#[tokio::test]
async fn every_route_is_closed_without_a_token() {
    let api = Api::start().await;
    for route in ROUTES {
        for token in [
            "",
            "nonsense",
            "wl_018f2b5c000070008000000000000001_0000000000000000000000000000000000000000000000000000000000000000",
        ] {
            let answer = api.call_as(token, route.method.clone(), &path(route), None).await;
            let want = if is_public(route) { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            assert_eq!(answer.status, want, "{} {}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn every_route_is_closed_without_a_grant_and_nothing_happens() {
    let api = Api::start_without_compiler().await;
    api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    api.apply("shop", "web").await;
    let before = *api.store.newest().borrow();
    let token = api.token("nobody", &[]).await;
    for route in ROUTES.iter().filter(|route| !is_public(route)) {
        let body = needs_body(&route.method).then(|| application("shop", "web"));
        let answer = api.call_as(&token, route.method.clone(), &path(route), body).await;
        let closed = matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        assert!(closed, "{} {} answered {} {}", route.method, route.path, answer.status, answer.body);
        assert!(answer.body["requestId"].is_string() && !answer.message().is_empty(), "{}", answer.body);
    }
    let after = *api.store.newest().borrow();
    assert_eq!(before, after, "something was written");
}

#[tokio::test]
async fn what_may_not_be_seen_is_answered_as_what_is_not_there() {
    let api = Api::start().await;
    api.apply("shop", "web").await;
    let token = api.token("other", &[("applications", "*", "other/*"), ("clusters", "*", "none")]).await;
    for (method, below) in
        [(Method::GET, ""), (Method::DELETE, ""), (Method::POST, "/sync"), (Method::GET, "/resources")]
    {
        let body = needs_body(&method).then(|| json!({}));
        let hidden =
            api.call_as(&token, method.clone(), &format!("/api/v1/applications/argocd/web{below}"), body.clone()).await;
        let absent =
            api.call_as(&token, method.clone(), &format!("/api/v1/applications/argocd/nope{below}"), body).await;
        assert_eq!((hidden.status, absent.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{method} {below}");
        assert_eq!(hidden.message().replace("web", "nope"), absent.message());
    }
}

#[test]
fn the_table_and_the_description_name_the_same_routes() {
    let (_, document) = openapi::documented().split_for_parts();
    let document = serde_json::to_value(document).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().expect("an item").keys().map(|method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let table = ROUTES.iter().filter(|route| !route.path.ends_with("/openapi.json"));
    let table: BTreeSet<_> = table.map(|route| (route.path.to_owned(), route.method.to_string())).collect();
    assert_eq!(described, table);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_after_authentication() {
    let api = Api::start().await;
    assert_eq!(api.call_as("", Method::GET, "/api/v1/nope", None).await.status, StatusCode::UNAUTHORIZED);
    let answer = api.get("/api/v1/nope").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "not-found"));
    let answer = api.call(Method::DELETE, "/api/v1/applications", None).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"));
    for path in ["/api/v1/applications/", "/api/v1//applications", "/api/v1/applications/argocd/"] {
        assert_eq!(api.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn writes_need_json_and_have_a_limit() {
    let api = Api::start().await;
    let token = api.token("admin", &[("*", "*", "*")]).await;
    let mut form = request(&token, Method::POST, "/api/v1/clusters", Some(json!({"name": "a"})));
    form.headers_mut().insert("content-type", "text/plain".parse().expect("a header"));
    assert_eq!(api.send(form).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let huge = api.post("/api/v1/clusters", json!({"name": "a".repeat(2 << 20)})).await;
    assert_eq!((huge.status, huge.code()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    let unknown = api.post("/api/v1/clusters", json!({"name": "a", "nmae": 1})).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert!(unknown.message().contains("nmae"), "{}", unknown.message());
    assert_eq!(api.get("/api/v1/applications?serach=a").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_description_is_served() {
    let api = Api::start().await;
    let answer = api.get("/api/v1/openapi.json").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body["paths"]["/api/v1/watch"]["get"].is_object());
    assert_eq!(api.call_as("", Method::GET, "/api/v1/version", None).await.body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(api.send(request("", Method::GET, "/readyz", None)).await.status(), StatusCode::OK);
}
