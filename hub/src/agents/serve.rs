//! One `Serve` stream: the agent takes a question and answers it. The frames are taken off the connection at once, whoever reads the answer, so that streams do
//! not hold up each other; the credit bounds what is then held here.

use std::time::Duration;

use tokio::sync::mpsc;
use tonic::{Status, Streaming};
use uuid::Uuid;
use windlass_proto::serve::{self, WINDOW, cost};
use windlass_proto::v1::ServeFrame;
use windlass_proto::v1::serve_frame::Frame;
use windlass_runtime::clock::Clock;

use super::calls::{CallError, Pending, Piece, Waits};

/// Frames on their way to the agent; they are at most 32 KiB.
pub(super) const FRAMES_AHEAD: usize = 8;
/// How long an agent may take for its first word.
const OPEN: Duration = Duration::from_secs(10);
/// Credit is given again when so much was read.
const STEP: u64 = WINDOW / 4;

type Frames = mpsc::Sender<Result<ServeFrame, Status>>;

/// A stream that took a question.
struct Serving {
    waits: Waits,
    frames: Frames,
    /// How much came, in cost.
    came: u64,
    /// How much may come.
    limit: u64,
}

/// Serves a stream to its end.
pub(super) async fn run(
    pending: Pending,
    clock: Clock,
    cluster: Uuid,
    mut inbound: Streaming<ServeFrame>,
    frames: Frames,
) {
    let Ok(first) = clock.timeout(OPEN, inbound.message()).await else { return };
    let id = match first {
        Ok(Some(ServeFrame { frame: Some(Frame::Open(open)) })) => Uuid::from_slice(&open.id).unwrap_or_default(),
        _ => return,
    };
    let Some(waits) = pending.take(id, cluster) else {
        // Whoever asked is gone, or it is another cluster's question.
        let _ = frames.send(Err(Status::not_found("there is no such question any more"))).await;
        return;
    };
    let mut serving = Serving { waits, frames, came: 0, limit: WINDOW };
    if serving.ask().await.is_some() {
        serving.hear(&mut inbound).await;
    }
}

// === impl Serving ===

impl Serving {
    /// Sends the question and the first credit; `None` when nobody is there any more.
    async fn ask(&mut self) -> Option<()> {
        self.pass(Piece::Opened)?;
        self.frames.send(Ok(serve::credit(self.limit))).await.ok()?;
        for piece in serve::pieces(self.waits.question.clone()) {
            self.frames.send(Ok(piece)).await.ok()?;
        }
        Some(())
    }

    async fn hear(&mut self, inbound: &mut Streaming<ServeFrame>) -> Option<()> {
        loop {
            tokio::select! {
                frame = inbound.message() => match frame {
                    Ok(Some(frame)) => self.take(frame)?,
                    Ok(None) => return self.pass(Piece::Failed(CallError::Broken("the agent ended the stream".into()))),
                    Err(status) => return self.pass(Piece::Failed(CallError::Broken(status.message().to_owned()))),
                },
                read = self.waits.read.changed() => {
                    // Whoever asked is gone: the end of this stream tells the agent.
                    read.ok()?;
                    let limit = *self.waits.read.borrow_and_update() + WINDOW;
                    if limit >= self.limit + STEP {
                        self.limit = limit;
                        self.frames.send(Ok(serve::credit(limit))).await.ok()?;
                    }
                }
            }
        }
    }

    /// `None` ends the stream.
    fn take(&mut self, frame: ServeFrame) -> Option<()> {
        match frame.frame {
            Some(Frame::Data(data)) => {
                self.came += cost(&data.data);
                // The last piece may be the empty one that says so.
                if self.came > self.limit + cost(b"") {
                    return self.fail("the agent sent more than it was asked for");
                }
                let last = data.last;
                self.pass(Piece::Data(data.data))?;
                if last { self.pass(Piece::End).and(None) } else { Some(()) }
            }
            Some(Frame::Error(error)) => self.pass(Piece::Failed(CallError::Refused(error.into()))).and(None),
            // A later agent's word, not meant for this build.
            _ => Some(()),
        }
    }

    fn fail(&self, why: &str) -> Option<()> {
        self.pass(Piece::Failed(CallError::Broken(why.into()))).and(None)
    }

    /// The channel has room for all that the credit allows.
    fn pass(&self, piece: Piece) -> Option<()> {
        self.waits.pieces.try_send(piece).ok()
    }
}
