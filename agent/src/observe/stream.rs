//! LIST, then WATCH for as long as anybody wants it: the loop that all watches are.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use windlass_runtime::backoff::{self, Backoff};

use super::answer::{self, Error};
use super::client::Cluster;
use super::frames::{Frame, Frames};
use super::path::push_segment;
use super::proofs::Proofs;

/// Objects in one page of a LIST, usually.
pub(super) const PAGE: u32 = 500;
/// After this long the apiserver ends a watch, and it is renewed from where it was.
const WATCH_SECONDS: u32 = 290;
/// Bookmarks come every minute. A watch that is silent for longer is renewed: its connection may be dead without anybody having said so.
const SILENCE: Duration = Duration::from_secs(90);
/// A watch that goes on from an old version is live when it has been open for this long and was not told that the version is too old.
const SETTLED: Duration = Duration::from_secs(1);
/// A page of a LIST may take this long.
const LIST_LIMIT: Duration = Duration::from_secs(60);
/// A watch that ends sooner, and without an event, is renewed no faster than one that failed.
const TOO_SHORT: Duration = Duration::from_secs(5);

/// What is watched.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// What proofs call it.
    pub(super) name: String,
    /// The collection's path.
    pub(super) path: String,
    /// A label selector; empty for all.
    pub(super) selector: &'static str,
    /// The only object's name; empty for all.
    pub(super) only: &'static str,
    /// What is accepted for a LIST and a WATCH.
    pub(super) accept: (&'static str, &'static str),
    /// Objects in one page of a LIST.
    pub(super) page: u32,
}

/// What a watch says.
pub(super) enum Item {
    /// A LIST begins (again); what it holds follows.
    Listing,
    /// Of a LIST, or added or modified.
    Object(Box<Value>),
    /// Gone, or no longer selected; as it last was.
    Deleted(Box<Value>),
    /// The LIST is complete.
    Listed,
    /// The watch works, after it did not.
    Live,
    /// It failed; why.
    Stale(String),
}

/// Who it says it to.
pub(super) trait Sink: Send {
    /// Takes one item; may wait, and then the watch does. The items of a kind come one after another.
    fn take(&mut self, item: Item) -> impl Future<Output = ()> + Send;
}

/// A watch and how far it is.
struct Stream<S> {
    cluster: Cluster,
    subject: Subject,
    sink: S,
    proofs: Proofs,
    /// Where the next WATCH goes on; `None` when a LIST must come first.
    version: Option<String>,
    live: bool,
    backoff: Backoff,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    kind: String,
    metadata: PageMetadata,
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    token: String,
}

/// Watches a subject until `stop`.
pub(super) async fn follow<S: Sink>(
    cluster: Cluster,
    subject: Subject,
    sink: S,
    proofs: Proofs,
    stop: CancellationToken,
) {
    proofs.expect(&subject.name);
    let stream = Stream { cluster, subject, sink, proofs, version: None, live: false, backoff: Backoff::new() };
    tokio::select! {
        () = stop.cancelled() => {}
        () = stream.run() => {}
    }
}

// === impl Page ===

impl Page {
    /// A proxy's or a broken server's answer must not pass for a LIST of nothing: what a LIST does not name is gone.
    fn check(&self) -> Result<(), Error> {
        if !self.kind.ends_with("List") || self.metadata.resource_version.is_empty() {
            return Err(Error::Malformed("it is no list with a resourceVersion".into()));
        }
        Ok(())
    }
}

// === impl Stream ===

impl<S: Sink> Stream<S> {
    async fn run(mut self) {
        loop {
            let started = self.cluster.clock().now();
            match self.round().await {
                Ok(events) => self.ended(events, started).await,
                Err(error) if error.refused().is_some_and(answer::Refusal::is_expired) => {
                    self.doubt();
                    self.version = None;
                    self.ended(0, started).await;
                }
                Err(error) => self.failed(&error).await,
            }
        }
    }

    /// One WATCH, after a LIST where one is due; how many events it had before it ended by itself.
    async fn round(&mut self) -> Result<usize, Error> {
        let fresh = self.version.is_none();
        if fresh {
            self.list().await?;
        }
        let path = self.watch_path();
        let body = self.cluster.open(&path, self.subject.accept.1).await?;
        if fresh || self.live {
            self.prove().await;
        }
        self.events(Frames::new(body)).await
    }

    async fn list(&mut self) -> Result<(), Error> {
        let cluster = self.cluster.clone();
        let _turn = cluster.turn_to_list().await;
        self.sink.take(Item::Listing).await;
        let mut token = String::new();
        loop {
            let request = super::client::get_request(&self.list_path(&token), self.subject.accept.0)?;
            let page: Page = self.cluster.call(request, LIST_LIMIT).await?.json()?;
            page.check()?;
            for object in page.items.unwrap_or_default() {
                self.sink.take(Item::Object(Box::new(object))).await;
            }
            if page.metadata.token.is_empty() {
                self.sink.take(Item::Listed).await;
                self.version = Some(page.metadata.resource_version);
                return Ok(());
            }
            token = page.metadata.token;
        }
    }

    async fn events(&mut self, mut frames: Frames) -> Result<usize, Error> {
        let mut events = 0;
        let clock = self.cluster.clock().clone();
        loop {
            let limit = if self.live { SILENCE } else { SETTLED };
            match clock.timeout(limit, frames.next()).await {
                Ok(Ok(Some(frame))) => self.event(frame).await?,
                Ok(Err(error)) if !matches!(error, Error::Unreachable(_)) => return Err(error),
                Err(_) if !self.live => {
                    self.prove().await;
                    continue;
                }
                // The line went; opening it again shows whether anything is behind it.
                Ok(Ok(None) | Err(_)) | Err(_) => return Ok(events),
            }
            events += 1;
        }
    }

    async fn event(&mut self, frame: Frame) -> Result<(), Error> {
        let object = Box::new(frame.object);
        if frame.kind == "ERROR" {
            return Err(answer::error_of_status(*object));
        }
        let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned);
        match frame.kind.as_str() {
            "ADDED" | "MODIFIED" => self.sink.take(Item::Object(object)).await,
            "DELETED" => self.sink.take(Item::Deleted(object)).await,
            // BOOKMARK, and whatever comes after it: a version and nothing more.
            _ => {}
        }
        // However many there are, everybody else comes in between: connections, other watches, the session.
        tokio::task::yield_now().await;
        // Only now, so that an event that was not taken is not passed over.
        self.version = version.or_else(|| self.version.take());
        self.prove().await;
        Ok(())
    }

    /// The watch ended as watches do, or its version is too old.
    async fn ended(&mut self, events: usize, started: windlass_domain::time::Timestamp) {
        let lasted = self.cluster.clock().now().duration_since(started).unsigned_abs();
        if events == 0 && lasted < TOO_SHORT {
            self.wait(Duration::ZERO).await;
        } else {
            self.backoff.reset();
        }
    }

    async fn failed(&mut self, error: &Error) {
        self.doubt();
        tracing::debug!(watch = self.subject.name, %error, "a watch failed");
        self.sink.take(Item::Stale(error.to_string())).await;
        self.wait(error.retry_after().unwrap_or_default()).await;
    }

    async fn wait(&mut self, asked: Duration) {
        let entropy = backoff::entropy();
        let delay = self.backoff.next(entropy).max(asked);
        self.cluster.clock().sleep(delay).await;
    }

    /// It works.
    async fn prove(&mut self) {
        self.proofs.give(&self.subject.name, self.cluster.clock().now());
        if !std::mem::replace(&mut self.live, true) {
            self.sink.take(Item::Live).await;
        }
    }

    /// It may have missed something.
    fn doubt(&mut self) {
        self.proofs.withdraw(&self.subject.name);
        self.live = false;
    }

    fn list_path(&self, token: &str) -> String {
        let mut path = format!("{}?limit={}", self.subject.path, self.subject.page);
        self.push_selector(&mut path);
        if !token.is_empty() {
            path.push_str("&continue=");
            push_segment(&mut path, token);
        }
        path
    }

    fn watch_path(&self) -> String {
        let version = self.version.as_deref().unwrap_or_default();
        let mut path =
            format!("{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}", self.subject.path);
        path.push_str("&resourceVersion=");
        push_segment(&mut path, version);
        self.push_selector(&mut path);
        path
    }

    fn push_selector(&self, path: &mut String) {
        if !self.subject.selector.is_empty() {
            path.push_str("&labelSelector=");
            push_segment(path, self.subject.selector);
        }
        if !self.subject.only.is_empty() {
            path.push_str("&fieldSelector=metadata.name%3D");
            push_segment(path, self.subject.only);
        }
    }
}
