//! Why an application is as it is, as callers are told.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::harness::Api;

const EXPLAIN: &str = "/api/v1/applications/argocd/web/explain";

#[tokio::test]
async fn an_application_says_what_blocks_it_and_what_to_type() {
    let api = Api::start_without_compiler().await;
    api.apply("shop", "web").await;
    let answer = api.get(EXPLAIN).await;
    assert_eq!((answer.status, &answer.body["application"]), (StatusCode::OK, &json!("argocd/web")), "{}", answer.body);
    let target = &answer.body["targets"][0];
    assert_eq!((&target["verdict"], &target["next"]), (&json!("NoCluster"), &json!("windlass cluster list -o wide")));
    assert!(target["sentence"].as_str().is_some_and(|said| said.contains("no cluster is named \"eu-1\"")), "{target}");
    assert!(target["cluster"].is_null());

    api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    assert_eq!(api.get(EXPLAIN).await.body["targets"][0]["verdict"], "NotCompiled");
}

#[tokio::test]
async fn a_cluster_that_is_no_target_is_an_answer_and_tells_nothing_of_it() {
    let api = Api::start_without_compiler().await;
    for name in ["eu-1", "us-1"] {
        api.post("/api/v1/clusters", json!({"name": name})).await;
    }
    api.apply("shop", "web").await;
    let reader = api.token("reader", &[("applications", "get", "shop/*")]).await;
    let (us_1, us_2) = (format!("{EXPLAIN}?cluster=us-1"), format!("{EXPLAIN}?cluster=us-2"));
    let there = api.call_as(&reader, Method::GET, &us_1, None).await;
    let not_there = api.call_as(&reader, Method::GET, &us_2, None).await;
    assert_eq!((there.status, &there.body["targets"][0]["verdict"]), (StatusCode::OK, &json!("NotATarget")));
    assert_eq!(there.body.to_string().replace("us-1", "us-2"), not_there.body.to_string());
    assert_eq!(api.get(&format!("{EXPLAIN}?claster=eu-1")).await.status, StatusCode::BAD_REQUEST);
}
