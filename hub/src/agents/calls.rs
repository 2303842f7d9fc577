//! What the rest of the hub asks agents: a question goes to the cluster's session, the agent opens a stream for it, the answer comes piece by piece.
//!
//! Nothing here is state. A question is bounded: so many at once for one cluster and in all, a time, a size, and a window of what is under way and unread. It
//! fails when the session ends, and is cancelled at the agent when whoever asked lets the [`Answer`] go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use windlass_domain::question::{MAX_QUESTION_BYTES, Question, Refused};
use windlass_domain::time::Timestamp;
use windlass_proto::serve::{MAX_PIECES, cost};
use windlass_runtime::clock::Clock;

use super::registry::Registry;

/// Questions to one cluster at once: its agent answers as many, and a flood for one cluster leaves the others alone.
const PER_CLUSTER: usize = 16;
/// Questions in all: each may hold a window of its answer.
const IN_ALL: usize = 256;
/// How long an agent may take to open the stream.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// Calls to live clusters. Another implementation may reach a session that another hub owns.
#[async_trait]
pub trait AgentCalls: Send + Sync + 'static {
    /// Asks a cluster's agent. The whole answer must come within `limit`.
    async fn ask(&self, cluster: Uuid, question: &Question, limit: Duration) -> Result<Answer, CallError>;
}

/// Calls over the sessions of this hub. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    registry: Registry,
    clock: Clock,
}

/// An answer that is coming in. Dropped, the agent stops.
pub struct Answer {
    pieces: mpsc::Receiver<Piece>,
    /// How much was read, in cost; its end is the cancellation.
    read: watch::Sender<u64>,
    clock: Clock,
    opened: bool,
    open_by: Timestamp,
    ends: Timestamp,
    limit: Duration,
    over: CancellationToken,
    done: bool,
    _asked: Asked,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The cluster has no session with this hub.
    #[error("the cluster's agent is not connected")]
    Offline,
    /// Too many questions are under way.
    #[error("{0} questions are under way already")]
    Busy(usize),
    /// The question is too long.
    #[error("the question has {0} bytes; the limit is {MAX_QUESTION_BYTES}")]
    TooLong(usize),
    /// The agent is in session and does not react: it may be of a version that cannot be asked.
    #[error("the cluster's agent did not take the question within {OPEN_LIMIT:?}; its version may be too old")]
    NotTaken,
    /// It took too long.
    #[error("the answer did not come within {0:?}")]
    Deadline(Duration),
    /// The session ended meanwhile.
    #[error("the session with the cluster's agent ended before the answer was whole")]
    SessionEnded,
    /// The stream broke.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// The answer is longer than what was wanted.
    #[error("the answer is longer than {0} bytes")]
    TooMuch(usize),
    /// The agent's own refusal.
    #[error("{0}")]
    Refused(Refused),
}

/// Of an answer, from the stream to whoever reads it.
pub(super) enum Piece {
    /// The agent took the question.
    Opened,
    /// More of the answer.
    Data(Bytes),
    /// It is whole.
    End,
    /// There is no more of it.
    Failed(CallError),
}

/// Questions that wait for their stream.
#[derive(Clone, Default)]
pub(super) struct Pending {
    inner: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    questions: HashMap<Uuid, Waits>,
    /// Questions under way by cluster, those whose stream is open too.
    under_way: HashMap<Uuid, usize>,
}

/// A question that waits, for the stream that takes it.
pub(super) struct Waits {
    pub(super) cluster: Uuid,
    pub(super) question: Bytes,
    pub(super) pieces: mpsc::Sender<Piece>,
    pub(super) read: watch::Receiver<u64>,
}

/// A question's place, given up on drop.
struct Asked {
    pending: Pending,
    cluster: Uuid,
    id: Uuid,
}

// === impl CallError ===

impl CallError {
    /// Whether the same question may be answered later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_retryable(),
            Self::TooLong(_) | Self::TooMuch(_) => false,
            _ => true,
        }
    }
}

// === impl Calls ===

impl Calls {
    /// Over the sessions in `registry`.
    pub fn new(registry: Registry, clock: Clock) -> Self {
        Self { registry, clock }
    }
}

#[async_trait]
impl AgentCalls for Calls {
    async fn ask(&self, cluster: Uuid, question: &Question, limit: Duration) -> Result<Answer, CallError> {
        let text = serde_json::to_vec(question).map_err(|error| CallError::Broken(error.to_string()))?;
        if text.len() > MAX_QUESTION_BYTES {
            return Err(CallError::TooLong(text.len()));
        }
        let way = self.registry.way_to(cluster).ok_or(CallError::Offline)?;
        let (pieces, received) = mpsc::channel(MAX_PIECES + 4);
        let (read, reading) = watch::channel(0);
        let waits = Waits { cluster, question: text.into(), pieces, read: reading };
        let asked = self.registry.pending.enter(waits)?;
        let deadline_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        // A session that cannot even take two numbers has an agent that reads nothing.
        way.questions.try_send((asked.id, deadline_ms)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CallError::NotTaken,
            mpsc::error::TrySendError::Closed(_) => CallError::Offline,
        })?;
        let now = self.clock.now();
        Ok(Answer {
            pieces: received,
            read,
            clock: self.clock.clone(),
            opened: false,
            open_by: now + OPEN_LIMIT.min(limit),
            ends: now.saturating_add(limit).unwrap_or(Timestamp::MAX),
            limit,
            over: way.over,
            done: false,
            _asked: asked,
        })
    }
}

// === impl Answer ===

impl Answer {
    /// The next piece; `None` once the answer is whole.
    pub async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        loop {
            if self.done {
                return Ok(None);
            }
            let due = if self.opened { self.ends } else { self.open_by };
            if self.clock.now() >= due {
                return Err(self.late());
            }
            let piece = tokio::select! {
                biased;
                piece = self.pieces.recv() => piece,
                () = self.over.cancelled() => return Err(CallError::SessionEnded),
                () = self.clock.sleep_until(due) => return Err(self.late()),
            };
            match piece {
                Some(Piece::Opened) => self.opened = true,
                Some(Piece::Data(data)) => {
                    let cost = cost(&data);
                    self.read.send_modify(|read| *read += cost);
                    if !data.is_empty() {
                        return Ok(Some(data));
                    }
                }
                Some(Piece::End) => self.done = true,
                Some(Piece::Failed(error)) => return Err(error),
                None => return Err(CallError::Broken("the agent's stream ended".into())),
            }
        }
    }

    /// The rest of the answer, which may have at most `most` bytes.
    pub async fn whole(mut self, most: usize) -> Result<Bytes, CallError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.next().await? {
            if whole.len() + piece.len() > most {
                return Err(CallError::TooMuch(most));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The rest of the answer, read as JSON.
    pub async fn json<T: DeserializeOwned>(self, most: usize) -> Result<T, CallError> {
        let whole = self.whole(most).await?;
        // The parser's words could repeat what it read.
        serde_json::from_slice(&whole)
            .map_err(|e| CallError::Broken(format!("it cannot be read (line {}, column {})", e.line(), e.column())))
    }

    fn late(&self) -> CallError {
        if self.opened { CallError::Deadline(self.limit) } else { CallError::NotTaken }
    }
}

// === impl Pending ===

impl Pending {
    fn enter(&self, waits: Waits) -> Result<Asked, CallError> {
        let mut waiting = self.inner.lock();
        let (here, all) = (waiting.under_way.get(&waits.cluster).copied(), waiting.under_way.values().sum::<usize>());
        let here = here.unwrap_or_default();
        if here >= PER_CLUSTER || all >= IN_ALL {
            return Err(CallError::Busy(here.max(all.min(IN_ALL))));
        }
        let (cluster, id) = (waits.cluster, Uuid::new_v4());
        waiting.under_way.insert(cluster, here + 1);
        waiting.questions.insert(id, waits);
        Ok(Asked { pending: self.clone(), cluster, id })
    }

    /// The question that a stream of this cluster's agent takes.
    pub(super) fn take(&self, id: Uuid, cluster: Uuid) -> Option<Waits> {
        let mut waiting = self.inner.lock();
        waiting.questions.get(&id).filter(|waits| waits.cluster == cluster)?;
        waiting.questions.remove(&id)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut waiting = self.pending.inner.lock();
        waiting.questions.remove(&self.id);
        if let Some(count) = waiting.under_way.get_mut(&self.cluster) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                waiting.under_way.remove(&self.cluster);
            }
        }
    }
}

#[cfg(test)]
mod tests;
