//! The watch: what comes, where it goes on, and who sees it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::harness::{Api, request};

/// Longer than anything here takes; only a failing test waits for it.
const LONG: Duration = Duration::from_secs(20);

/// Reads events off a stream.
pub(super) struct Reader {
    body: Body,
    buffer: String,
}

/// One event: its name, id and data.
#[derive(Debug)]
pub(super) struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

impl Reader {
    pub(super) fn new(body: Body) -> Self {
        Self { body, buffer: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                if let Some(event) = Event::parse(&block) {
                    return Some(event);
                }
                continue;
            }
            let frame = tokio::time::timeout(LONG, self.body.frame()).await.expect("an event in time")?;
            let data = frame.expect("a frame").into_data().expect("data");
            self.buffer.push_str(std::str::from_utf8(&data).expect("UTF-8"));
        }
    }

    async fn change(&mut self) -> Event {
        loop {
            let event = self.next().await.expect("an event");
            if event.name == "change" {
                return event;
            }
        }
    }
}

impl Event {
    fn parse(block: &str) -> Option<Self> {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let data = serde_json::from_str(field("data:")?).expect("JSON");
        Some(Self { name: field("event:")?.to_owned(), id: field("id:").and_then(|id| id.parse().ok()), data })
    }
}

#[tokio::test]
async fn changes_come_as_they_are_made() {
    let api = Api::start().await;
    let mut reader = api.watch("/api/v1/watch?objects=true").await;
    assert_eq!(reader.next().await.expect("a cursor").name, "cursor");
    api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    let event = reader.change().await;
    assert_eq!((&event.data["kind"], &event.data["name"]), (&json!("cluster"), &json!("eu-1")));
    assert_eq!(event.data["object"]["connection"], "Pending");
    api.call(Method::DELETE, "/api/v1/clusters/eu-1", None).await;
    loop {
        let event = reader.change().await;
        if event.data["deleted"] == true {
            assert_eq!(event.data["name"], "eu-1");
            return;
        }
    }
}

#[tokio::test]
async fn a_watch_goes_on_behind_its_cursor() {
    let api = Api::start().await;
    let start = api.get("/api/v1/clusters").await.body["revision"].as_u64().expect("a revision");
    for name in ["a", "b", "c"] {
        api.post("/api/v1/clusters", json!({"name": name})).await;
    }
    let mut reader = api.watch(&format!("/api/v1/watch?after={start}")).await;
    let first = reader.change().await;
    assert_eq!(first.data["name"], "a");
    let id = first.id.expect("a place to resume from");

    let mut resumed = request(&api.token("ci", &[("*", "*", "*")]).await, Method::GET, "/api/v1/watch?after=0", None);
    resumed.headers_mut().insert("last-event-id", id.to_string().parse().expect("a value"));
    let mut reader = Reader::new(api.send(resumed).await.into_body());
    assert_eq!(reader.change().await.data["name"], "b");
    assert_eq!(reader.change().await.data["name"], "c");
}

#[tokio::test]
async fn a_cursor_that_is_not_in_the_feed_is_reset() {
    let api = Api::start().await;
    let mut reader = api.watch("/api/v1/watch?after=999999").await;
    assert_eq!(reader.next().await.expect("a cursor").name, "cursor");
    let reset = reader.next().await.expect("a reset");
    assert_eq!(reset.name, "reset");
    assert_eq!(reset.id, reset.data["revision"].as_u64());
    api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    assert_eq!(reader.change().await.data["name"], "eu-1");
}

#[tokio::test]
async fn only_what_the_grants_name_is_told() {
    let api = Api::start().await;
    let token = api.token("other", &[("applications", "get", "other/*")]).await;
    let mut reader = api.watch_as(&token, "/api/v1/watch").await;
    api.post("/api/v1/clusters", json!({"name": "eu-1"})).await;
    api.apply("shop", "hidden").await;
    api.call(Method::DELETE, "/api/v1/applications/argocd/hidden", None).await;
    api.apply("other", "mine").await;
    let event = reader.change().await;
    assert_eq!(event.data["name"], "argocd/mine");
    api.call(Method::DELETE, "/api/v1/applications/argocd/mine", None).await;
    loop {
        let event = reader.change().await;
        assert_eq!(event.data["name"], "argocd/mine");
        if event.data["deleted"] == true {
            return;
        }
    }
}

#[tokio::test]
async fn a_grant_that_is_taken_away_ends_the_watch() {
    let api = Api::start().await;
    let token = api.token("fired", &[("clusters", "get", "*")]).await;
    let mut reader = api.watch_as(&token, "/api/v1/watch").await;
    assert_eq!(reader.next().await.expect("a cursor").name, "cursor");
    let nobody = windlass_domain::access::Principal { name: "fired".into(), grants: vec![] };
    api.store.put_principal(&nobody, api.clock.now()).await.expect("stored");
    api.clock.advance(Duration::from_secs(31));
    assert!(reader.next().await.is_none(), "the stream goes on");
}

#[tokio::test]
async fn a_bad_cursor_is_refused() {
    let api = Api::start().await;
    let answer = api.get("/api/v1/watch?after=yesterday").await;
    assert_eq!((answer.status, answer.body["field"].as_str()), (StatusCode::BAD_REQUEST, Some("after")));
}
