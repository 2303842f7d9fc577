//! The way of an answer to the hub.

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use windlass_domain::question::{RefusalCode, Refused};
use windlass_proto::serve::{self, MAX_PIECE_BYTES, cost};
use windlass_proto::v1::ServeFrame;

/// Takes an answer, as fast as whoever asked reads it: at most 256 KiB are under way.
pub struct Reply {
    frames: mpsc::Sender<ServeFrame>,
    /// How much may have been sent in all.
    credit: watch::Receiver<u64>,
    sent: u64,
}

/// Nobody listens any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody listens any more")]
pub struct Gone;

// === impl Gone ===

impl Gone {
    /// The question is over.
    pub fn is_retryable(&self) -> bool {
        false
    }
}

impl From<Gone> for Refused {
    fn from(gone: Gone) -> Self {
        Self::new(RefusalCode::Internal, gone.to_string())
    }
}

// === impl Reply ===

impl Reply {
    pub(super) fn new(frames: mpsc::Sender<ServeFrame>, credit: watch::Receiver<u64>) -> Self {
        Self { frames, credit, sent: 0 }
    }

    /// Sends more of the answer; waits while the reader is behind.
    ///
    /// # Errors
    /// [`Gone`] when nobody listens: stop.
    pub async fn send(&mut self, mut bytes: Bytes) -> Result<(), Gone> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(MAX_PIECE_BYTES));
            let due = self.sent + cost(&piece);
            self.credit.wait_for(|limit| *limit >= due).await.map_err(|_| Gone)?;
            self.sent = due;
            self.frames.send(serve::data(piece, false)).await.map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Sends a whole answer.
    pub async fn json(&mut self, answer: &(impl Serialize + Sync)) -> Result<(), Refused> {
        let text = serde_json::to_vec(answer).map_err(|error| {
            tracing::error!(line = error.line(), "an answer cannot be written down");
            Refused::new(RefusalCode::Internal, "the answer cannot be written down")
        })?;
        Ok(self.send(text.into()).await?)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use windlass_proto::v1::serve_frame::Frame;

    use super::*;

    #[tokio::test]
    async fn no_more_is_sent_than_the_reader_gave_credit_for() {
        let (frames, mut sent) = mpsc::channel(8);
        let (credit, given) = watch::channel(0);
        let mut reply = Reply::new(frames, given);
        let answer = Bytes::from(vec![7; 2 * MAX_PIECE_BYTES]);
        {
            let mut sending = Box::pin(reply.send(answer));
            assert!((&mut sending).now_or_never().is_none() && sent.try_recv().is_err());
            credit.send_replace(MAX_PIECE_BYTES as u64);
            assert!((&mut sending).now_or_never().is_none());
            assert!(
                matches!(sent.try_recv().ok().and_then(|f| f.frame), Some(Frame::Data(d)) if d.data.len() == MAX_PIECE_BYTES)
            );
            assert!(sent.try_recv().is_err());
            credit.send_replace(2 * MAX_PIECE_BYTES as u64);
            assert_eq!(sending.await, Ok(()));
        }
        assert!(sent.try_recv().is_ok());
        drop(credit);
        assert_eq!(reply.send(Bytes::from_static(b"more")).await, Err(Gone));
    }
}
