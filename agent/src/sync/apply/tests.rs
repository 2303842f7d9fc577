//! Writes, against an apiserver that the test plays.
#![allow(clippy::expect_used)]

use http::Method;
use serde_json::json;
use tokio::task::JoinHandle;
use windlass_domain::application::Cascade;
use windlass_domain::discovery::ApiResource;

use super::*;
use crate::observe::mock::{Apiserver, config_maps};
use crate::sync::{delete, namespace};

fn key() -> ResourceKey {
    let resource = config_maps();
    ResourceKey { group: resource.group, kind: resource.kind, namespace: "shop".into(), name: "web".into() }
}

fn object() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}, "data": {"a": "1"}})
}

fn start(cluster: &Cluster, options: Options) -> JoinHandle<Result<Applied, Error>> {
    let cluster = cluster.clone();
    tokio::spawn(async move { apply(&cluster, &config_maps(), &key(), &object(), options).await })
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "code": code, "reason": reason, "message": message, "details": {"name": "web"}})
}

#[tokio::test]
async fn an_apply_is_one_patch_of_the_whole_object() {
    let at = "/api/v1/namespaces/shop/configmaps/web?fieldManager=windlass&force=";
    let loose = Options { skip_validation: true, ..Options::default() };
    let dry = Options { dry_run: true, adopt: true, ..Options::default() };
    for (options, want) in [
        (Options::default(), "false&fieldValidation=Strict"),
        (loose, "false&fieldValidation=Ignore"),
        (dry, "true&fieldValidation=Strict&dryRun=All"),
    ] {
        let (mut apiserver, cluster) = Apiserver::new();
        let applying = start(&cluster, options);
        let call = apiserver.next().await;
        assert_eq!((&call.method, call.kind.as_str()), (&Method::PATCH, "application/apply-patch+yaml"));
        assert_eq!((call.uri.clone(), &call.body), (format!("{at}{want}"), &object()));
        call.json(200, &json!({"answer": true}));
        let applied = applying.await.expect("an answer").expect("a success");
        assert_eq!(applied.response, json!({"answer": true}));
    }
}

#[tokio::test]
async fn what_another_manager_owns_is_taken_by_force_and_named() {
    let (mut apiserver, cluster) = Apiserver::new();
    let applying = start(&cluster, Options::default());
    let mut conflict = status(409, "Conflict", "Apply failed with 1 conflict");
    conflict["details"]["causes"] = json!([{"reason": "FieldManagerConflict", "field": ".data.a",
        "message": "conflict with \"somebody\" using v1 at 2026-01-01T00:00:00Z"}]);
    let first = apiserver.next().await;
    assert!(first.uri.contains("force=false"), "{}", first.uri);
    first.json(409, &conflict);
    let second = apiserver.next().await;
    assert!(second.uri.contains("force=true"), "{}", second.uri);
    second.json(200, &json!({}));
    let applied = applying.await.expect("an answer").expect("a success");
    assert_eq!(applied.taken, [TakenField { manager: "somebody".into(), path: "data.a".into() }]);
}

#[tokio::test]
async fn an_adoption_that_is_overtaken_looks_again() {
    let (mut apiserver, cluster) = Apiserver::new();
    let applying = start(&cluster, Options { adopt: true, ..Options::default() });
    for (version, answer) in [("1", 409), ("2", 200)] {
        let kubectl = json!({"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {}}});
        let look = apiserver.next().await;
        assert_eq!(look.method, Method::GET);
        look.json(200, &json!({"metadata": {"resourceVersion": version, "managedFields": [kubectl]}}));
        let patch = apiserver.next().await;
        assert_eq!((&patch.method, patch.kind.as_str()), (&Method::PATCH, "application/json-patch+json"));
        assert_eq!(patch.body.pointer("/1/value"), Some(&json!(version)));
        patch.json(answer, &status(answer, "Conflict", "changed"));
    }
    let call = apiserver.next().await;
    assert_eq!(call.kind, "application/apply-patch+yaml");
    call.json(200, &json!({}));
    assert!(applying.await.expect("an answer").is_ok());
}

#[tokio::test]
async fn an_error_says_what_failed_and_whether_it_may_pass() {
    for (code, answer, retryable, immutable) in [
        (422, status(422, "Invalid", "spec.selector: Invalid value: field is immutable"), false, true),
        (422, status(422, "Invalid", "data: Invalid value"), false, false),
        (403, status(403, "Forbidden", "may not"), false, false),
        (409, status(409, "Conflict", "changed"), true, false),
        (
            500,
            status(500, "", "failed to create typed patch object: .spec.x: field not declared in schema"),
            false,
            false,
        ),
        (500, status(500, "InternalError", "failed calling webhook"), true, false),
        (503, json!("proxy"), true, false),
    ] {
        let (mut apiserver, cluster) = Apiserver::new();
        let applying = start(&cluster, Options::default());
        apiserver.next().await.json(code, &answer);
        let error = applying.await.expect("an answer").expect_err("a refusal");
        assert_eq!((error.is_retryable(), error.is_immutable()), (retryable, immutable), "{error}");
        assert!(error.to_string().starts_with("ConfigMap shop/web: "), "{error}");
    }
}

#[tokio::test]
async fn an_error_about_a_secret_does_not_quote_it() {
    let (mut apiserver, cluster) = Apiserver::new();
    let secrets = ApiResource { kind: "Secret".into(), plural: "secrets".into(), ..config_maps() };
    let key = ResourceKey { kind: "Secret".into(), ..key() };
    let applying = tokio::spawn(async move { apply(&cluster, &secrets, &key, &object(), Options::default()).await });
    let mut answer = status(422, "Invalid", "data[a]: Invalid value: \"canary\"");
    answer["details"]["causes"] = json!([{"reason": "FieldValueInvalid", "field": "data[a]", "message": "got canary"}]);
    apiserver.next().await.json(422, &answer);
    let error = applying.await.expect("an answer").expect_err("a refusal");
    assert_eq!(error.to_string(), "Secret shop/web: the apiserver refused it at data[a] (422 Invalid)");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn only_the_object_that_was_looked_at_is_deleted() {
    for (code, answer, want) in [
        (200, json!({}), Ok(())),
        (404, status(404, "NotFound", "gone"), Ok(())),
        (409, status(409, "Conflict", "Precondition failed"), Err(Error::Replaced(key()))),
        (404, json!("404 page not found"), Err(Error::NotServed(key()))),
    ] {
        let (mut apiserver, cluster) = Apiserver::new();
        let deleting = tokio::spawn(async move {
            delete::delete(&cluster, &config_maps(), &key(), "uid-1", Cascade::Foreground).await
        });
        let call = apiserver.next().await;
        assert_eq!(call.method, Method::DELETE);
        assert_eq!(call.body["preconditions"], json!({"uid": "uid-1"}));
        assert_eq!(call.body["propagationPolicy"], json!("Foreground"));
        call.json(code, &answer);
        assert_eq!(deleting.await.expect("an answer"), want);
    }
}

#[tokio::test]
async fn a_namespace_that_exists_is_left_alone() {
    for (code, answer) in [(201, json!({})), (409, status(409, "AlreadyExists", "exists"))] {
        let (mut apiserver, cluster) = Apiserver::new();
        let ensuring = tokio::spawn(async move { namespace::ensure(&cluster, "shop", None).await });
        let call = apiserver.next().await;
        assert_eq!((&call.method, call.uri.as_str()), (&Method::POST, "/api/v1/namespaces?fieldManager=windlass"));
        assert_eq!(call.body, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
        call.json(code, &answer);
        assert_eq!(ensuring.await.expect("an answer"), Ok(()));
    }
}

#[tokio::test]
async fn no_more_than_sixteen_writes_are_under_way() {
    let (mut apiserver, cluster) = Apiserver::new();
    let writes: Vec<_> = (0..20).map(|_| start(&cluster, Options::default())).collect();
    let mut calls = Vec::new();
    for _ in 0..16 {
        calls.push(apiserver.next().await);
    }
    assert!(apiserver.is_quiet().await);
    for call in calls {
        call.json(200, &json!({}));
    }
    for _ in 0..4 {
        apiserver.next().await.json(200, &json!({}));
    }
    for write in writes {
        assert!(write.await.expect("an answer").is_ok());
    }
}
