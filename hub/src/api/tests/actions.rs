//! Who may run what: the cluster is asked only after that.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::harness::{Answer, Api};

const PATH: &str = "/api/v1/applications/argocd/web/resources/actions";

fn body(action: &str) -> Value {
    json!({"action": action, "group": "apps", "kind": "Deployment", "resourceNamespace": "shop", "resourceName": "web"})
}

async fn api() -> Api {
    let api = Api::start_without_compiler().await;
    api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    api.apply("shop", "web").await;
    api
}

/// Permitted, and then there is no cluster to ask.
fn got_past_the_grants(answer: &Answer) -> bool {
    answer.status == StatusCode::CONFLICT && answer.message().contains("is on no cluster yet")
}

#[tokio::test]
async fn a_run_needs_a_grant_of_the_kind_and_the_action() {
    let api = api().await;
    let see = ("applications", "get", "shop/*");
    for (grants, action, permitted) in [
        (&[see][..], "restart", false),
        (&[see, ("applications", "action/apps/Deployment/restart", "shop/*")], "restart", true),
        (&[see, ("applications", "action/apps/Deployment/restart", "shop/*")], "scale", false),
        (&[see, ("applications", "action/apps/Deployment/restart", "other/*")], "restart", false),
        (&[see, ("applications", "action/batch/*", "shop/*")], "restart", false),
        (&[see, ("applications", "action/*", "shop/*")], "scale", true),
        (&[see, ("applications", "sync", "shop/*"), ("applications", "update", "shop/*")], "restart", false),
    ] {
        let token = api.token("somebody", grants).await;
        let answer = api.call_as(&token, Method::POST, PATH, Some(body(action))).await;
        let said = format!("{grants:?} {action}: {} {}", answer.status, answer.body);
        assert_eq!(got_past_the_grants(&answer), permitted, "{said}");
        assert_eq!(answer.status == StatusCode::FORBIDDEN, !permitted, "{said}");
    }
    // Who may not see the application does not learn that it is there.
    let token = api.token("blind", &[("applications", "action/*", "shop/*")]).await;
    let answer = api.call_as(&token, Method::POST, PATH, Some(body("restart"))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.body);
}

#[tokio::test]
async fn nonsense_is_refused_before_the_cluster_is_asked() {
    let api = api().await;
    let many: serde_json::Map<String, Value> = (0..33).map(|i| (i.to_string(), json!("x"))).collect();
    for (what, change) in [
        ("no action", json!({"action": ""})),
        ("no kind", json!({"kind": ""})),
        ("no name", json!({"resourceName": ""})),
        ("a kind that would widen the grant", json!({"kind": "Deployment/restart", "action": "x"})),
        ("an action that would", json!({"action": "x/y"})),
        ("a long name", json!({"resourceName": "x".repeat(300)})),
        ("many parameters", json!({"parameters": many})),
        ("an unknown field", json!({"resource": "x"})),
        ("a cluster that it is not on", json!({"cluster": "us-1"})),
    ] {
        let mut body = body("restart");
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = api.call(Method::POST, PATH, Some(body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {}", answer.body);
    }
}
