//! Who is trusted as a cluster, and the authority above all.

use axum::http::{Method, StatusCode};
use serde_json::json;
use windlass_domain::identity::JoinToken;
use windlass_store::Spend;

use super::harness::Api;

#[tokio::test]
async fn a_revoked_cluster_says_why_and_what_to_do_until_it_joins_again() {
    let api = Api::start().await;
    let created = api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    assert_eq!(created.body["cluster"]["identity"]["state"], "NotJoined", "{}", created.body);
    let spend = async |answer: &super::harness::Answer| {
        let token = JoinToken::parse(answer.body["join"]["token"].as_str().expect("a token")).expect("a token");
        api.store.spend_join_token(token.id, token.secret_hash(), [1; 32], api.clock.now()).await.expect("an answer")
    };
    let revoked = api.post("/api/v1/clusters/eu-1/revoke", json!({"reason": "laptop stolen"})).await;
    assert_eq!(
        (revoked.status, &revoked.body["identity"]["state"]),
        (StatusCode::OK, &json!("Revoked")),
        "{}",
        revoked.body
    );
    let said = revoked.body["identity"].to_string();
    assert!(
        said.contains("admin") && said.contains("laptop stolen") && said.contains("windlass cluster rejoin eu-1"),
        "{said}"
    );
    assert!(matches!(spend(&created).await, Spend::Refused(_)), "a token of before is void");
    let refused = api.post("/api/v1/clusters/eu-1/approve", json!({})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    let again = api.post("/api/v1/clusters/eu-1/token", json!({})).await;
    assert!(matches!(spend(&again).await, Spend::Granted { .. }));
}

#[tokio::test]
async fn what_is_not_there_is_neither_revoked_nor_approved() {
    let api = Api::start().await;
    api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    for (path, body, status) in [
        ("revoke", json!({"serial": "0a"}), StatusCode::NOT_FOUND),
        ("revoke", json!({"serial": "not hex"}), StatusCode::BAD_REQUEST),
        ("revoke", json!({"reason": "x".repeat(1001)}), StatusCode::BAD_REQUEST),
        ("approve", json!({"serial": "0a"}), StatusCode::CONFLICT),
        ("approve", json!({}), StatusCode::CONFLICT),
    ] {
        let answer = api.post(&format!("/api/v1/clusters/eu-1/{path}"), body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    assert_eq!(api.post("/api/v1/clusters/nope/revoke", json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_authority_is_replaced_by_those_who_may_change_every_cluster() {
    let api = Api::start().await;
    let token = api.token("eu", &[("clusters", "*", "eu-1")]).await;
    assert_eq!(api.call_as(&token, Method::GET, "/api/v1/authorities", None).await.status, StatusCode::FORBIDDEN);
    let found = api.get("/api/v1/authorities").await;
    assert_eq!(
        (found.body["items"].as_array().map(Vec::len), &found.body["clusters"]),
        (Some(1), &json!(0)),
        "{}",
        found.body
    );
    let nothing = api.post("/api/v1/authorities", json!({"retire": true})).await;
    assert_eq!(nothing.status, StatusCode::CONFLICT, "{}", nothing.body);
    let begun = api.post("/api/v1/authorities", json!({})).await;
    assert_eq!(begun.body["pins"].as_array().map(Vec::len), Some(2), "{}", begun.body);
    assert_eq!(begun.body["signing"], 0, "everybody has to know it first");
    assert_eq!(api.post("/api/v1/authorities", json!({})).await.status, StatusCode::CONFLICT);
    let join = api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    assert_eq!(join.body["join"]["pins"].as_array().map(Vec::len), Some(2), "who joins now can do so before and after");
}

#[tokio::test]
async fn a_cluster_without_applications_is_removed_at_once_either_way() {
    let api = Api::start().await;
    for (query, status) in [("", StatusCode::NO_CONTENT), ("?cascade=true", StatusCode::ACCEPTED)] {
        api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
        let answer = api.call(Method::DELETE, &format!("/api/v1/clusters/eu-1{query}"), None).await;
        assert_eq!(answer.status, status);
        assert_eq!(api.get("/api/v1/clusters/eu-1").await.status, StatusCode::NOT_FOUND);
    }
    api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    assert_eq!(
        api.call(Method::DELETE, "/api/v1/clusters/eu-1?cascade=maybe", None).await.status,
        StatusCode::BAD_REQUEST
    );
}
