//! One request, one answer.

use std::time::Duration;

use serde_json::json;
use windlass_domain::live::Observed;
use windlass_domain::manifest::ResourceKey;

use crate::observe::client::Error;
use crate::observe::look;
use crate::observe::mock::{Apiserver, config_maps};

fn key() -> ResourceKey {
    ResourceKey { group: String::new(), kind: "ConfigMap".into(), namespace: "shop".into(), name: "web".into() }
}

#[tokio::test]
async fn only_a_not_found_that_names_the_object_is_absence() {
    let status = |code: u16, reason: &str, name: &str| {
        json!({"kind": "Status", "code": code, "reason": reason, "message": "m", "details": {"name": name}}).to_string()
    };
    for (code, body, want) in [
        (404, status(404, "NotFound", "web"), None),
        (404, status(404, "NotFound", "shop"), Some("m (404 NotFound)")),
        (404, "404 page not found\n".into(), Some("404 page not found (404)")),
        (404, "<html>no such page</html>".into(), Some("Not Found (404)")),
        (403, status(403, "Forbidden", "web"), Some("m (403 Forbidden)")),
        (410, status(410, "Gone", "web"), Some("m (410 Gone)")),
        (502, String::new(), Some("Bad Gateway (502)")),
        (200, "not json".into(), Some("the apiserver's answer makes no sense: line 1 column 2")),
    ] {
        let (mut apiserver, cluster) = Apiserver::new();
        let asking = tokio::spawn(async move { look::look(&cluster, &config_maps(), &key()).await });
        let call = apiserver.next().await;
        assert_eq!(call.uri, "/api/v1/namespaces/shop/configmaps/web");
        assert!(call.kind.starts_with("application/json;as=PartialObjectMetadata;"), "{}", call.kind);
        call.text(code, &[], body.clone());
        let found = asking.await.expect("an answer");
        assert_eq!(found, want.map_or(Observed::Absent, |why| Observed::Unknown(why.into())), "{code} {body}");
    }
}

#[tokio::test]
async fn an_apiserver_that_does_not_answer_is_given_up_on() {
    let (mut apiserver, cluster) = Apiserver::new();
    let asking = tokio::spawn(async move { look::get(&cluster, &config_maps(), &key()).await });
    let _unanswered = apiserver.next().await;
    apiserver.clock.advance(Duration::from_secs(31));
    assert_eq!(asking.await.expect("an answer"), Err(Error::Timeout(Duration::from_secs(30))));
}

#[tokio::test]
async fn after_a_429_nobody_asks_for_as_long_as_was_said() {
    let (mut apiserver, cluster) = Apiserver::new();
    let ask = |cluster: &crate::observe::Cluster| {
        let cluster = cluster.clone();
        tokio::spawn(async move { look::get(&cluster, &config_maps(), &key()).await })
    };
    let first = ask(&cluster);
    apiserver.next().await.text(429, &[("Retry-After", "20")], "Too many requests");
    let error = first.await.expect("an answer").expect_err("a refusal");
    assert!(error.is_retryable() && error.retry_after() == Some(Duration::from_secs(20)), "{error}");
    let second = ask(&cluster);
    apiserver.clock.advance(Duration::from_secs(19));
    assert!(apiserver.is_quiet().await);
    apiserver.next_as_time_passes().await.json(200, &json!({"metadata": {}}));
    assert!(second.await.expect("an answer").is_ok());
}

#[tokio::test]
async fn a_kind_that_is_only_starting_pauses_nobody_else() {
    let (mut apiserver, cluster) = Apiserver::new();
    for _ in 0..2 {
        let asking = tokio::spawn({
            let cluster = cluster.clone();
            async move { look::get(&cluster, &config_maps(), &key()).await }
        });
        let status = json!({"kind": "Status", "code": 429, "message": "storage is (re)initializing"}).to_string();
        apiserver.next().await.text(429, &[("Retry-After", "1")], status);
        assert!(asking.await.expect("an answer").is_err());
    }
}
