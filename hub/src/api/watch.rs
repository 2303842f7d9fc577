//! `GET /watch`: what changes, as server-sent events with a resumable cursor.
//!
//! Each `change` is the newest state of one thing; what changed twice before it was read comes once. The `id` of an event is its revision: sent back as
//! `Last-Event-ID` or `after`, the stream goes on behind it. `reset` says that the cursor is too old: list again.

mod follow;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;
use windlass_domain::name::ApplicationName;
use windlass_store::ChangeKind;

use super::Shared;
use super::caller::Caller;
use super::error::{ApiError, Result};
use super::input::Parameters;
use follow::Follow;

/// Comments keep proxies from closing a silent stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that a slow reader may lag behind before the stream waits for it; the feed itself keeps the newest state, so that nothing is lost by waiting.
const BUFFER: usize = 64;
/// Watches at once.
const MOST: usize = 1024;

/// Counts the watches that are open.
#[derive(Clone)]
pub(super) struct Watches(Arc<Semaphore>);

/// The data of a `change` event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeEvent {
    pub(crate) kind: Kind,
    /// Its uid; a repository's URL.
    pub(crate) id: String,
    /// Its name; `namespace/name` for applications.
    pub(crate) name: String,
    /// Whether it is gone.
    pub(crate) deleted: bool,
    pub(crate) revision: u64,
    /// With `objects=true`: the thing as lists show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) object: Option<Value>,
}

/// The data of `cursor` (where the stream begins) and `reset` events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CursorEvent {
    pub(crate) revision: u64,
}

/// Kinds of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    Application,
    Cluster,
    Repository,
    Operation,
    Project,
}

/// Streams changes: `cursor` first, then `change` events, `reset` when the cursor is too old.
#[utoipa::path(get, path = "/api/v1/watch", tag = "watch",
    params(
        ("after" = Option<u64>, Query, description = "A revision; the stream goes on behind it. Without it the stream starts now"),
        ("Last-Event-ID" = Option<u64>, Header, description = "As `after`, which it outranks"),
        ("objects" = Option<bool>, Query, description = "Whether changes carry the thing"),
        ("application" = Option<String>, Query, description = "Only this application, as namespace/name, and clusters, by which its freshness moves"),
    ),
    responses((status = 200, body = ChangeEvent, content_type = "text/event-stream")))]
pub(crate) async fn watch(
    State(shared): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let parameters = parameters.only(&["after", "objects", "application"])?;
    let objects = parameters.parsed("objects", "true or false")?.unwrap_or(false);
    let application = parameters.text("application").map(|name| ApplicationName::parse(&name)).transpose();
    let application = application.map_err(|error| ApiError::invalid("application", error.to_string()))?;
    let after = match last_event_id(&headers)? {
        Some(revision) => Some(revision),
        None => parameters.parsed("after", "a revision")?,
    };
    let slot = Arc::clone(&shared.watches.0).try_acquire_owned();
    let slot =
        slot.map_err(|_| ApiError::unavailable(format!("the limit of {MOST} watches is reached; try again later")))?;
    let (out, events) = mpsc::channel(BUFFER);
    let follow = Follow::new(shared, caller, out).after(after).of(application).with_objects(objects);
    tokio::spawn(async move {
        follow.run().await;
        drop(slot);
    });
    let events = ReceiverStream::new(events).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    parsed
        .map(Some)
        .ok_or_else(|| ApiError::invalid("Last-Event-ID", "Last-Event-ID must be a revision, as an event's id"))
}

// === impl Watches ===

impl Default for Watches {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

// === impl Kind ===

impl From<ChangeKind> for Kind {
    fn from(kind: ChangeKind) -> Self {
        match kind {
            ChangeKind::Application => Self::Application,
            ChangeKind::Cluster => Self::Cluster,
            ChangeKind::Repository => Self::Repository,
            ChangeKind::Operation => Self::Operation,
            ChangeKind::Project => Self::Project,
        }
    }
}
