//! LIST and WATCH.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use windlass_runtime::shutdown::Shutdown;

use crate::observe::mock::{Apiserver, Stream, config_maps};
use crate::observe::{Event, WatchScope, Watches};

const LIMIT: Duration = Duration::from_secs(120);

/// An apiserver, the watches of ConfigMaps, and what they say.
struct Bench {
    apiserver: Apiserver,
    watches: Watches,
    events: mpsc::Receiver<Event>,
}

fn object(name: &str, version: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": version}})
}

fn page(version: &str, token: &str, items: &[Value]) -> Value {
    json!({"kind": "ConfigMapList", "metadata": {"resourceVersion": version, "continue": token}, "items": items})
}

fn expired() -> Value {
    json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})
}

impl Bench {
    fn new(scope: WatchScope) -> Self {
        let (apiserver, cluster) = Apiserver::new();
        let (sender, events) = mpsc::channel(64);
        let watches = Watches::new(cluster, scope, sender, Shutdown::new());
        watches.ensure(&BTreeSet::from([config_maps()]));
        Self { apiserver, watches, events }
    }

    /// Listed with one object at version 10, and watched.
    async fn live() -> (Self, Stream) {
        let mut bench = Self::new(WatchScope::All);
        bench.apiserver.next().await.json(200, &page("10", "", &[object("a", "7")]));
        let stream = bench.apiserver.next().await.stream();
        assert_eq!(bench.said(3).await, ["object a 7", "listed a", "live"]);
        (bench, stream)
    }

    /// The next so many events, in short.
    async fn said(&mut self, count: usize) -> Vec<String> {
        let mut said = Vec::new();
        for _ in 0..count {
            said.push(match self.events.recv().await.expect("an event") {
                Event::Object { object, .. } => {
                    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                    format!("object {} {}", text("/metadata/name"), text("/metadata/resourceVersion"))
                }
                Event::Deleted { key, uid, .. } => format!("deleted {} {uid}", key.name),
                Event::Listed { keys, .. } => {
                    let names: Vec<String> = keys.into_iter().map(|key| key.name).collect();
                    format!("listed {}", names.join(","))
                }
                Event::Live { .. } => "live".into(),
                Event::Stale { reason, .. } => format!("stale {reason}"),
            });
        }
        said
    }

    fn is_live(&self) -> bool {
        self.watches.watches_live(self.apiserver.clock.now(), LIMIT)
    }
}

#[tokio::test]
async fn a_list_is_read_by_pages_and_then_watched_from_its_version() {
    let mut bench = Bench::new(WatchScope::All);
    assert!(!bench.is_live());
    let call = bench.apiserver.next().await;
    assert_eq!((&call.method, call.kind.as_str()), (&Method::GET, "application/json"));
    assert_eq!(call.uri, "/api/v1/configmaps?limit=500&labelSelector=windlass.dev%2Fmanaged%3Dtrue");
    call.json(200, &page("10", "go+on", &[object("a", "7")]));
    let call = bench.apiserver.next().await;
    assert!(call.uri.ends_with("&continue=go%2Bon"), "{}", call.uri);
    call.json(200, &page("10", "", &[object("b", "8")]));
    let Event::Object { object: first, resource } = bench.events.recv().await.expect("an event") else {
        panic!("no object")
    };
    assert_eq!((&first["apiVersion"], &first["kind"], &*resource), (&json!("v1"), &json!("ConfigMap"), &config_maps()));
    let call = bench.apiserver.next().await;
    let want = "/api/v1/configmaps?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=10";
    assert!(call.uri.starts_with(want), "{}", call.uri);
    let stream = call.stream();
    assert_eq!(bench.said(3).await, ["object b 8", "listed a,b", "live"]);
    assert!(bench.is_live());
    stream.event("MODIFIED", &object("a", "11"));
    stream.event("DELETED", &object("b", "12"));
    assert_eq!(bench.said(2).await, ["object a 11", "deleted b uid-b"]);
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_from_its_last_version_without_a_list() {
    let (mut bench, stream) = Bench::live().await;
    stream.event("ADDED", &object("b", "11"));
    stream.event("BOOKMARK", &json!({"metadata": {"resourceVersion": "20"}}));
    assert_eq!(bench.said(1).await, ["object b 11"]);
    drop(stream);
    let call = bench.apiserver.next_as_time_passes().await;
    assert!(call.uri.contains("watch=true") && call.uri.contains("&resourceVersion=20"), "{}", call.uri);
    let stream = call.stream();
    stream.event("ADDED", &object("c", "21"));
    assert_eq!(bench.said(1).await, ["object c 21"], "neither stale nor live again");
    assert!(bench.is_live());
}

#[tokio::test]
async fn a_version_that_is_too_old_is_listed_again() {
    let (mut bench, stream) = Bench::live().await;
    stream.event("ERROR", &expired());
    let call = bench.apiserver.next_as_time_passes().await;
    assert!(!call.uri.contains("watch"), "{}", call.uri);
    assert!(!bench.is_live(), "something may have been missed");
    call.json(200, &page("30", "", &[object("c", "25")]));
    let _stream = bench.apiserver.next().await.stream();
    assert_eq!(bench.said(3).await, ["object c 25", "listed c", "live"]);
}

#[tokio::test]
async fn a_failure_is_stale_until_the_watch_has_gone_on() {
    let (mut bench, stream) = Bench::live().await;
    drop(stream);
    bench.apiserver.next_as_time_passes().await.text(503, &[], "<html>proxy</html>");
    assert_eq!(bench.said(1).await, ["stale Service Unavailable (503)"]);
    assert!(!bench.is_live());
    let call = bench.apiserver.next_as_time_passes().await;
    assert!(call.uri.contains("&resourceVersion=10"), "{}", call.uri);
    let stream = call.stream();
    stream.event("ADDED", &object("b", "11"));
    assert_eq!(bench.said(2).await, ["object b 11", "live"]);
    assert!(bench.is_live());
}

#[tokio::test]
async fn after_a_failure_an_open_watch_is_not_trusted_before_it_said_that_its_version_is_good() {
    let (mut bench, stream) = Bench::live().await;
    drop(stream);
    bench.apiserver.next_as_time_passes().await.text(500, &[], "");
    let stream = bench.apiserver.next_as_time_passes().await.stream();
    stream.event("ERROR", &expired());
    let call = bench.apiserver.next_as_time_passes().await;
    call.json(200, &page("30", "", &[]));
    let _stream = bench.apiserver.next().await.stream();
    assert_eq!(bench.said(3).await, ["stale Internal Server Error (500)", "listed ", "live"]);
}

#[tokio::test]
async fn a_silent_watch_is_opened_again_before_its_proof_is_too_old() {
    let (mut bench, _silent) = Bench::live().await;
    let before = bench.apiserver.clock.now();
    let call = bench.apiserver.next_as_time_passes().await;
    let waited = bench.apiserver.clock.now().duration_since(before).as_secs();
    assert!((90..=100).contains(&waited), "{waited} s");
    assert!(call.uri.contains("watch=true"), "{}", call.uri);
    assert!(bench.is_live());
    bench.apiserver.clock.advance(LIMIT);
    assert!(!bench.is_live(), "an apiserver that does not answer proves nothing");
}

#[tokio::test]
async fn a_kind_that_is_no_longer_wanted_is_no_longer_watched() {
    let (mut bench, stream) = Bench::live().await;
    bench.watches.ensure(&BTreeSet::new());
    drop(stream);
    bench.apiserver.clock.advance(LIMIT);
    assert!(bench.apiserver.is_quiet().await);
    assert!(bench.is_live(), "nothing is wanted, and so nothing is missing");
}

#[tokio::test]
async fn one_namespace_can_be_all_that_is_watched() {
    let mut bench = Bench::new(WatchScope::Namespaces(BTreeSet::from(["shop".into()])));
    let call = bench.apiserver.next().await;
    assert!(call.uri.starts_with("/api/v1/namespaces/shop/configmaps?"), "{}", call.uri);
    call.json(403, &json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"}));
    assert_eq!(bench.said(1).await, ["stale no (403 Forbidden)"]);
    assert_eq!(bench.watches.not_live(bench.apiserver.clock.now(), LIMIT), ["ConfigMap/v1 in shop"]);
}

#[tokio::test]
async fn an_answer_that_is_no_list_never_passes_for_a_list_of_nothing() {
    let mut bench = Bench::new(WatchScope::All);
    let whole = page("10", "", &[object("a", "7")]).to_string();
    let answers = [
        json!({"kind": "Status", "metadata": {}, "status": "Success"}).to_string(),
        json!({"metadata": {}, "items": []}).to_string(),
        json!({"kind": "ConfigMapList", "metadata": {}, "items": []}).to_string(),
        whole[..whole.len() / 2].to_owned(),
        "<html>welcome</html>".to_owned(),
        String::new(),
    ];
    for answer in answers {
        bench.apiserver.next_as_time_passes().await.text(200, &[], answer.clone());
        let said = bench.said(1).await;
        assert!(said[0].starts_with("stale the apiserver's answer makes no sense"), "{answer}: {said:?}");
        assert!(!bench.is_live());
    }
    bench.apiserver.next_as_time_passes().await.text(200, &[], whole);
    let _stream = bench.apiserver.next().await.stream();
    assert_eq!(bench.said(3).await, ["object a 7", "listed a", "live"]);
}
