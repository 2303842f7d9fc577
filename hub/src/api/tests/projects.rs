//! Projects over the API: written, read, refused.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::harness::{Api, request};

fn project(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn a_project_is_kept_as_it_was_given_and_says_what_is_not_enforced() {
    let api = Api::start_without_compiler().await;
    let spec = json!({"sourceRepos": ["https://git.example/*"], "destinations": [], "roles": [{"name": "ci"}], "signatureKeys": [{"keyID": "A"}]});
    let put = api.call(Method::PUT, "/api/v1/projects/shop", Some(project("shop", spec.clone()))).await;
    assert_eq!(
        (put.status, &put.headers["x-windlass-outcome"]),
        (StatusCode::CREATED, &"created".parse().expect("a value"))
    );
    assert_eq!(put.body["notEnforced"], json!(["roles", "signatureKeys"]), "{}", put.body);
    let got = api.get("/api/v1/projects/shop").await;
    assert_eq!((&got.body["manifest"]["spec"], &got.headers["etag"]), (&spec, &put.headers["etag"]));
    let again = api.call(Method::PUT, "/api/v1/projects/shop", Some(got.body["manifest"].clone())).await;
    assert_eq!(again.headers["x-windlass-outcome"], "unchanged");
    let listed = api.get("/api/v1/projects").await;
    let names: Vec<_> =
        listed.body["items"].as_array().expect("items").iter().map(|item| item["name"].clone()).collect();
    assert_eq!((names, &listed.body["total"]), (vec![json!("default"), json!("shop")], &json!(2)));
    assert_eq!(api.get("/api/v1/projects?search=SHO").await.body["total"], 1);
}

#[tokio::test]
async fn a_project_is_written_over_what_was_read() {
    let api = Api::start_without_compiler().await;
    assert_eq!(api.post("/api/v1/projects", project("shop", json!({}))).await.status, StatusCode::CREATED);
    let taken = api.post("/api/v1/projects", project("shop", json!({"description": "x"}))).await;
    assert_eq!((taken.status, taken.code()), (StatusCode::CONFLICT, "conflict"));
    let upsert = api.post("/api/v1/projects?upsert=true", project("shop", json!({"description": "x"}))).await;
    assert_eq!(upsert.status, StatusCode::OK);
    let revision = upsert.body["revision"].as_u64().expect("a revision");
    let put = async |revision: u64, text: &str| {
        let mut request = request(
            &api.admin,
            Method::PUT,
            "/api/v1/projects/shop",
            Some(project("shop", json!({"description": text}))),
        );
        request.headers_mut().insert("if-match", format!("\"{revision}\"").parse().expect("a value"));
        api.send(request).await.status()
    };
    assert_eq!(put(revision + 1, "y").await, StatusCode::CONFLICT);
    assert_eq!(put(revision, "y").await, StatusCode::OK);
    let other = api.call(Method::PUT, "/api/v1/projects/other", Some(project("shop", json!({})))).await;
    assert_eq!((other.status, other.body["field"].as_str()), (StatusCode::BAD_REQUEST, Some("metadata.name")));
    let wrong = api.post("/api/v1/projects", project("bad", json!({"sourceRepos": ["!*"]}))).await;
    assert_eq!((wrong.status, wrong.body["field"].as_str()), (StatusCode::BAD_REQUEST, Some("spec.sourceRepos[0]")));
}

#[tokio::test]
async fn the_default_project_and_one_that_is_used_are_not_deleted() {
    let api = Api::start_without_compiler().await;
    let delete = async |name: &str| api.call(Method::DELETE, &format!("/api/v1/projects/{name}"), None).await;
    assert_eq!(delete("default").await.status, StatusCode::CONFLICT);
    api.post("/api/v1/projects", project("shop", json!({}))).await;
    api.apply("shop", "web").await;
    let used = delete("shop").await;
    assert_eq!(used.status, StatusCode::CONFLICT);
    assert!(used.message().contains("argocd/web"), "{}", used.message());
    api.post("/api/v1/projects", project("empty", json!({}))).await;
    assert_eq!(delete("empty").await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete("empty").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_project_is_seen_and_changed_by_whom_a_grant_names_it() {
    let api = Api::start_without_compiler().await;
    for name in ["shop", "other"] {
        api.post("/api/v1/projects", project(name, json!({}))).await;
    }
    let token = api.token("shop", &[("projects", "get", "shop"), ("projects", "update", "shop")]).await;
    let call = async |method: Method, path: &str, body: Option<Value>| api.call_as(&token, method, path, body).await;
    let listed = call(Method::GET, "/api/v1/projects", None).await;
    assert_eq!((listed.body["items"].as_array().map(Vec::len), &listed.body["total"]), (Some(1), &Value::Null));
    assert_eq!(call(Method::GET, "/api/v1/projects/shop", None).await.status, StatusCode::OK);
    assert_eq!(call(Method::GET, "/api/v1/projects/other", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(call(Method::DELETE, "/api/v1/projects/other", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(call(Method::DELETE, "/api/v1/projects/shop", None).await.status, StatusCode::FORBIDDEN);
    let put = async |name: &str| {
        let body = project(name, json!({"description": "mine"}));
        call(Method::PUT, &format!("/api/v1/projects/{name}"), Some(body)).await.status
    };
    assert_eq!(put("shop").await, StatusCode::OK);
    assert_eq!((put("other").await, put("new").await), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN));
}
