//! Messages to frames.

use bytes::Bytes;
use prost::Message as _;

use super::MAX_FRAME_BYTES;
use crate::v1;
use crate::v1::frame::Body;

/// What a frame around a part takes beside the part's bytes, at most: tags, lengths and three numbers.
const PART_OVERHEAD: usize = 64;

/// One end's sender: it numbers the bodies that it cuts.
#[derive(Debug, Default)]
pub struct Encoder {
    streams: u32,
}

// === impl Encoder ===

impl Encoder {
    /// A sender for one session.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frames of a message (an `AgentMessage` or a `HubMessage`), each at most [`MAX_FRAME_BYTES`]; they must be sent in this order, but other
    /// messages' frames may come between them.
    pub fn encode(&mut self, message: impl Into<Body>) -> Vec<v1::Frame> {
        let body = message.into();
        let frame = v1::Frame { min_version: 1, critical: is_critical(&body), body: Some(body) };
        if frame.encoded_len() <= MAX_FRAME_BYTES {
            return vec![frame];
        }
        self.streams = self.streams.wrapping_add(1);
        cut(self.streams, Bytes::from(frame.encode_to_vec()))
    }
}

/// Every message of version 1 changes what the other end must do, but for contents sent ahead of their asking and for questions, which an older agent leaves
/// unanswered.
fn is_critical(body: &Body) -> bool {
    !matches!(body, Body::Content(_) | Body::Request(_))
}

fn cut(stream: u32, mut bytes: Bytes) -> Vec<v1::Frame> {
    let mut frames = Vec::with_capacity(bytes.len() / (MAX_FRAME_BYTES - PART_OVERHEAD) + 1);
    while !bytes.is_empty() {
        let data = bytes.split_to(bytes.len().min(MAX_FRAME_BYTES - PART_OVERHEAD));
        let part = u32::try_from(frames.len()).unwrap_or(u32::MAX);
        let part = v1::Part { stream, part, last: bytes.is_empty(), data };
        frames.push(v1::Frame { min_version: 1, critical: true, body: Some(Body::Part(part)) });
    }
    frames
}
