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
    /// Over the limit: its parts are let go by, and its end is an error.
    left_out: bool,
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
        body.next += 1;
        if body.left_out || self.held + part.data.len() > self.limit {
            self.held -= body.bytes.len();
            (body.bytes, body.left_out) = (Vec::new(), true);
            if part.last {
                return Err(FrameError::TooManyBytes { limit: self.limit });
            }
            self.open.insert(stream, body);
            return Ok(None);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn part(stream: u32, part: u32, bytes: usize, last: bool) -> v1::Part {
        v1::Part { stream, part, last, data: vec![0; bytes].into() }
    }

    #[test]
    fn what_is_too_long_is_left_out_and_what_follows_is_not() {
        let mut parts = Assembler::new(100);
        assert!(matches!(parts.push(part(1, 0, 60, false)), Ok(None)));
        assert!(matches!(parts.push(part(1, 1, 60, false)), Ok(None)));
        assert_eq!(parts.held, 0, "none of it is kept");
        assert!(matches!(parts.push(part(1, 2, 60, true)), Err(FrameError::TooManyBytes { limit: 100 })));
        assert!(matches!(parts.push(part(2, 0, 90, false)), Ok(None)));
        assert!(matches!(parts.push(part(2, 1, 0, true)), Ok(Some(_)) | Err(FrameError::Malformed { .. })));
        assert_eq!((parts.held, parts.open.len()), (0, 0));
    }
}
