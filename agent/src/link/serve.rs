//! Answering the hub's questions: each on a stream of its own, so many at once, for as long as the question may take and the session lasts.

mod reply;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use uuid::Uuid;
use windlass_domain::question::{MAX_QUESTION_BYTES, Question, RefusalCode, Refused};
use windlass_proto::frame::MAX_GRPC_MESSAGE_BYTES;
use windlass_proto::serve;
use windlass_proto::v1::ServeFrame;
use windlass_proto::v1::agent_client::AgentClient;
use windlass_proto::v1::serve_frame::Frame;
use windlass_runtime::clock::Clock;

use super::second::Second;
use crate::dial;

pub use reply::{Gone, Reply};

/// Questions that are answered at once; the hub asks no more of one cluster, but for those of a session that just ended.
const AT_ONCE: usize = 24;
/// Frames on their way into HTTP/2.
const FRAMES_UNDER_WAY: usize = 4;
/// How long the hub may take to say what it asks, and to take the end of an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who knows the answers.
#[async_trait]
pub trait Answers: Send + Sync + 'static {
    /// Answers one question, piece by piece. Dropped, when the question is cancelled or overdue. Nothing of a Secret's values goes into the answer.
    async fn answer(&self, question: Question, reply: &mut Reply) -> Result<(), Refused>;
}

/// Answers questions. Clones share everything.
#[derive(Clone)]
pub(super) struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    second: Second,
    clock: Clock,
    places: Arc<Semaphore>,
    answers: Mutex<Option<Arc<dyn Answers>>>,
    /// Of the session that holds: its questions end with it.
    session: Mutex<CancellationToken>,
}

/// How a stream came to its end without an answer.
enum Failed {
    /// The hub is told.
    Refused(Refused),
    /// The hub no longer listens.
    Cancelled,
}

// === impl Server ===

impl Server {
    pub(super) fn new(second: Second, clock: Clock) -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let (answers, session) = (Mutex::default(), Mutex::new(CancellationToken::new()));
        Self { inner: Arc::new(Inner { second, clock, places, answers, session }) }
    }

    /// Who answers from now on; before, nobody does.
    pub(super) fn answer_by(&self, answers: Arc<dyn Answers>) {
        *self.inner.answers.lock() = Some(answers);
    }

    /// Takes a question. Does not wait.
    pub(super) fn take(&self, id: Uuid, limit: Duration) {
        let Some(answers) = self.inner.answers.lock().clone() else { return };
        let Ok(place) = Arc::clone(&self.inner.places).try_acquire_owned() else {
            tracing::warn!(limit = AT_ONCE, "the hub asks more at once than is answered; a question is left");
            return;
        };
        let (server, over) = (self.clone(), self.inner.session.lock().clone());
        tokio::spawn(async move {
            tokio::select! {
                () = over.cancelled() => {}
                () = server.serve(id, limit, answers, place) => {}
            }
        });
    }

    /// The session ended: so do its questions.
    pub(super) fn session_ended(&self) {
        let over = std::mem::take(&mut *self.inner.session.lock());
        over.cancel();
    }

    async fn serve(&self, id: Uuid, limit: Duration, answers: Arc<dyn Answers>, _place: OwnedSemaphorePermit) {
        let mut opened = self.stream(id, limit, Arc::clone(&answers)).await;
        if opened.is_err() {
            // A connection that was kept may lead to a hub that is gone since.
            self.inner.second.broke().await;
            opened = self.stream(id, limit, answers).await;
        }
        if let Err(error) = opened {
            tracing::warn!(error, "a question of the hub could not be answered");
            self.inner.second.broke().await;
        }
        self.inner.second.used().await;
    }

    async fn stream(&self, id: Uuid, limit: Duration, answers: Arc<dyn Answers>) -> Result<(), String> {
        let clock = &self.inner.clock;
        let channel = self.inner.second.channel().await.map_err(|error| error.to_string())?;
        let mut client = AgentClient::new(channel).max_decoding_message_size(MAX_GRPC_MESSAGE_BYTES);
        let (frames, outgoing) = mpsc::channel(FRAMES_UNDER_WAY);
        // There is room.
        let _ = frames.try_send(serve::open(id));
        let opened = clock.timeout(PATIENCE, client.serve(ReceiverStream::new(outgoing))).await;
        let mut incoming = match opened {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return Err(dial::describe(&status)),
            Err(slow) => return Err(slow.to_string()),
        };
        let (credit, given) = watch::channel(0);
        let mut reply = Reply::new(frames.clone(), given);
        let worked = tokio::select! {
            worked = work(&mut incoming, &credit, clock, answers, &mut reply) => worked,
            () = clock.sleep(limit) => Err(Failed::Refused(late(limit))),
        };
        let last = match worked {
            Ok(()) => serve::data(Bytes::new(), true),
            Err(Failed::Refused(refused)) => serve::error(refused),
            Err(Failed::Cancelled) => return Ok(()),
        };
        drop(reply);
        // The hub ends the stream once it has the last frame; one that does not is left.
        let ending = async {
            if frames.send(last).await.is_ok() {
                drop(frames);
                while let Ok(Some(_)) = incoming.message().await {}
            }
        };
        let _ = clock.timeout(PATIENCE, ending).await;
        Ok(())
    }
}

/// Reads the question and has it answered, while credit comes in. The stream's end is the cancellation.
async fn work(
    incoming: &mut Streaming<ServeFrame>,
    credit: &watch::Sender<u64>,
    clock: &Clock,
    answers: Arc<dyn Answers>,
    reply: &mut Reply,
) -> Result<(), Failed> {
    let question = clock.timeout(PATIENCE, read(incoming, credit)).await;
    let question = question.unwrap_or(Err(Failed::Cancelled))?;
    let question: Question = serde_json::from_slice(&question).map_err(|error| {
        // The parser's words may repeat the text.
        tracing::info!(line = error.line(), column = error.column(), "a question of the hub is not understood");
        let words = "this agent does not understand the question; upgrade it to the hub's version";
        Failed::Refused(Refused::new(RefusalCode::Unsupported, words))
    })?;
    let listen = async {
        while let Ok(Some(frame)) = incoming.message().await {
            heed(frame, credit);
        }
    };
    tokio::select! {
        answered = answers.answer(question, reply) => answered.map_err(Failed::Refused),
        () = listen => Err(Failed::Cancelled),
    }
}

async fn read(incoming: &mut Streaming<ServeFrame>, credit: &watch::Sender<u64>) -> Result<Bytes, Failed> {
    let mut question = BytesMut::new();
    while let Ok(Some(frame)) = incoming.message().await {
        let Some(Frame::Data(data)) = frame.frame else {
            heed(frame, credit);
            continue;
        };
        if question.len() + data.data.len() > MAX_QUESTION_BYTES {
            let words = format!("the question is longer than {MAX_QUESTION_BYTES} bytes");
            return Err(Failed::Refused(Refused::new(RefusalCode::TooLarge, words)));
        }
        question.extend_from_slice(&data.data);
        if data.last {
            return Ok(question.freeze());
        }
    }
    Err(Failed::Cancelled)
}

fn heed(frame: ServeFrame, credit: &watch::Sender<u64>) {
    if let Some(Frame::Credit(given)) = frame.frame {
        credit.send_modify(|limit| *limit = (*limit).max(given.limit));
    }
}

fn late(limit: Duration) -> Refused {
    Refused::new(RefusalCode::Deadline, format!("the agent did not have the whole answer within {limit:?}"))
}
