//! Putting the parts of long bodies together, under limits.

use std::collections::BTreeMap;

use prost::Message as _;

use super::{FrameError, MAX_OPEN_STREAMS};
use crate::v1;
use crate::v1::frame::Body;

/// Bodies that are unfinished.
pub(super) struct Assembler {
    open: BTreeMap<u32, Unfinished>,
    /// Bytes of all of them.
    held: usize,
    limit: usize,
}

#[derive(Default)]
struct Unfinished {
    next: u32,
    bytes: Vec<u8>,
}

// === impl Assembler ===

impl Assembler {
    /// One that holds at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { open: BTreeMap::new(), held: 0, limit }
    }

    /// Takes a part; the whole frame, when it was the last.
    pub(super) fn push(&mut self, part: v1::Part) -> Result<Option<v1::Frame>, FrameError> {
        let stream = part.stream;
        let mut body = match self.open.remove(&stream) {
            Some(body) => body,
            None if self.open.len() >= MAX_OPEN_STREAMS => return Err(FrameError::TooManyStreams),
            None => Unfinished::default(),
        };
        if part.part != body.next {
            return Err(FrameError::OutOfOrder { stream, part: part.part, expected: body.next });
        }
        if self.held + part.data.len() > self.limit {
            return Err(FrameError::TooManyBytes { limit: self.limit });
        }
        body.next += 1;
        body.bytes.extend_from_slice(&part.data);
        if part.last {
            self.held -= body.bytes.len() - part.data.len();
            return whole(stream, &body.bytes).map(Some);
        }
        self.held += part.data.len();
        self.open.insert(stream, body);
        Ok(None)
    }
}

fn whole(stream: u32, bytes: &[u8]) -> Result<v1::Frame, FrameError> {
    let frame =
        v1::Frame::decode(bytes).map_err(|error| FrameError::Malformed { stream, problem: error.to_string() })?;
    match frame.body {
        Some(Body::Part(_)) => Err(FrameError::Nested { stream }),
        _ => Ok(frame),
    }
}
