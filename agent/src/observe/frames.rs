//! The lines of a watch's body, each one event.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{self, Error};

/// The longest event. An object has at most 1.5 MiB in etcd, some times that as JSON.
const MAX_LINE: usize = 32 * 1024 * 1024;

/// A watch's body, cut into events.
pub(super) struct Frames {
    body: Body,
    buffered: BytesMut,
    /// How much of `buffered` is known to hold no end of line.
    searched: usize,
}

/// One event as the apiserver writes it.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) object: Value,
}

// === impl Frames ===

impl Frames {
    pub(super) fn new(body: Body) -> Self {
        Self { body, buffered: BytesMut::new(), searched: 0 }
    }

    /// The next event; `None` at the end, where half a line is dropped. May be dropped and called again without losing anything.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if let Some(line) = self.take_line() {
                let parsed = serde_json::from_slice(&line);
                return parsed
                    .map(Some)
                    .map_err(|error| Error::Malformed(format!("an event of a watch, {:?}", error.classify())));
            }
            if self.buffered.len() > MAX_LINE {
                return Err(Error::Malformed(format!("an event of a watch is longer than {MAX_LINE} bytes")));
            }
            match self.read().await? {
                Some(bytes) => self.buffered.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }

    fn take_line(&mut self) -> Option<Bytes> {
        let end = self.buffered[self.searched..].iter().position(|&byte| byte == b'\n');
        let Some(end) = end else {
            self.searched = self.buffered.len();
            return None;
        };
        let line = self.buffered.split_to(self.searched + end + 1).freeze();
        self.searched = 0;
        Some(line)
    }

    async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.body.frame().await {
            // What is not data is trailers.
            if let Ok(data) = frame.map_err(|error| answer::unreachable(&error))?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}
