//! Clusters, their join files, and repositories.

use axum::http::{Method, StatusCode};
use serde_json::json;
use windlass_domain::identity::{JoinFile, JoinToken};
use windlass_store::Spend;

use super::harness::Api;

#[tokio::test]
async fn a_cluster_comes_with_a_token_for_one_agent() {
    let api = Api::start().await;
    let created = api
        .post(
            "/api/v1/clusters",
            json!({"name": "eu-1", "labels": {"env": "prod"}, "serverAliases": ["https://10.0.0.1:6443"]}),
        )
        .await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    assert_eq!(created.body["cluster"]["connection"], "Pending");
    let join: JoinFile = serde_json::from_value(created.body["join"].clone()).expect("a join file");
    assert_eq!(
        (join.hub.as_str(), join.agents.as_str(), join.pins.len()),
        ("https://hub.example:8443", "hub.example:8444", 1)
    );
    let token = JoinToken::parse(&join.token).expect("a token");
    let spend =
        api.store.spend_join_token(token.id, token.secret_hash(), [1; 32], api.clock.now()).await.expect("an answer");
    assert_eq!(spend, Spend::Granted { cluster: join.cluster });
}

#[tokio::test]
async fn a_new_token_voids_the_one_before() {
    let api = Api::start().await;
    let first = api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    let second = api.post("/api/v1/clusters/eu-1/token", json!({"tokenSeconds": 60})).await;
    assert_eq!(second.status, StatusCode::CREATED, "{}", second.body);
    let spend = async |answer: &super::harness::Answer| {
        let token = JoinToken::parse(answer.body["join"]["token"].as_str().expect("a token")).expect("a token");
        api.store.spend_join_token(token.id, token.secret_hash(), [1; 32], api.clock.now()).await.expect("an answer")
    };
    assert!(matches!(spend(&first).await, Spend::Refused(_)));
    assert!(matches!(spend(&second).await, Spend::Granted { .. }));
}

#[tokio::test]
async fn no_answer_but_the_first_holds_the_token() {
    let api = Api::start().await;
    let created = api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    let token = created.body["join"]["token"].as_str().expect("a token").to_owned();
    let secret = token.split_once('.').expect("two parts").1;
    for path in ["/api/v1/clusters", "/api/v1/clusters/eu-1"] {
        assert!(!api.get(path).await.body.to_string().contains(secret), "{path}");
    }
}

#[tokio::test]
async fn clusters_are_checked_labelled_and_removed() {
    let api = Api::start().await;
    for (body, field) in [
        (json!({"name": "Not Valid"}), "name"),
        (json!({"name": "a", "labels": {"-": "x"}}), "labels"),
        (json!({"name": "a", "serverAliases": ["nonsense"]}), "serverAliases"),
        (json!({"name": "a", "tokenSeconds": 86_401}), "tokenSeconds"),
    ] {
        let answer = api.post("/api/v1/clusters", body).await;
        assert_eq!(
            (answer.status, answer.body["field"].as_str()),
            (StatusCode::BAD_REQUEST, Some(field)),
            "{}",
            answer.body
        );
    }
    assert_eq!(
        api.post("/api/v1/clusters", json!({"name": "eu-1", "labels": {"a": "1", "b": "2"}})).await.status,
        StatusCode::CREATED
    );
    assert_eq!(api.post("/api/v1/clusters", json!({"name": "eu-1"})).await.status, StatusCode::CONFLICT);
    let changed =
        api.call(Method::PATCH, "/api/v1/clusters/eu-1", Some(json!({"labels": {"a": null, "c": "3"}}))).await;
    assert_eq!(changed.body["labels"], json!({"b": "2", "c": "3"}), "{}", changed.body);
    assert_eq!(api.get("/api/v1/clusters?search=eu").await.body["total"], 1);
    assert_eq!(api.call(Method::DELETE, "/api/v1/clusters/eu-1", None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get("/api/v1/clusters/eu-1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn repository_credentials_go_in_and_never_come_out() {
    let api = Api::start().await;
    let body = json!({"url": "https://Git.Example/team/app.git", "username": "bot", "password": "hunter2"});
    let put = api.call(Method::PUT, "/api/v1/repositories", Some(body)).await;
    assert_eq!(put.status, StatusCode::CREATED, "{}", put.body);
    assert_eq!((&put.body["url"], &put.body["hasCredentials"]), (&json!("https://git.example/team/app"), &json!(true)));
    let listed = api.get("/api/v1/repositories").await;
    assert!(!listed.body.to_string().contains("hunter2") && !put.body.to_string().contains("hunter2"));
    for bad in [
        json!({"url": "https://me:hunter2@git.example/x"}),
        json!({"url": "https://h/x", "username": "bot"}),
        json!({"url": "https://h/x", "username": "bot", "password": "a", "bearerToken": "b"}),
        json!({"url": "https://h/x", "caPem": "nonsense"}),
    ] {
        let answer = api.call(Method::PUT, "/api/v1/repositories", Some(bad)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        assert!(!answer.body.to_string().contains("hunter2"));
    }
    let delete = "/api/v1/repositories?url=https%3A%2F%2Fgit.example%2Fteam%2Fapp";
    assert_eq!(api.call(Method::DELETE, delete, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.call(Method::DELETE, delete, None).await.status, StatusCode::NOT_FOUND);
}
