//! Answers that are a stream of JSON values, one a line.

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::de::DeserializeOwned;

use super::Client;

/// The longest line.
const LIMIT: usize = 1 << 20;

/// Such an answer, read line by line, no faster than it is taken.
pub(crate) struct Lines {
    client: Client,
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    buffer: BytesMut,
    ended: bool,
}

impl Lines {
    pub(super) fn new(client: Client, response: reqwest::Response) -> Self {
        Self { client, bytes: response.bytes_stream().boxed(), buffer: BytesMut::new(), ended: false }
    }

    /// The next value; `None` at the end.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        loop {
            if let Some(line) = self.take()? {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(Some(serde_json::from_slice(&line)?));
            }
            if self.ended {
                return Ok(None);
            }
            match self.bytes.next().await {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(error)) => return Err(self.client.unreachable(&error)),
                None => self.ended = true,
            }
        }
    }

    fn take(&mut self) -> anyhow::Result<Option<BytesMut>> {
        match self.buffer.iter().position(|&byte| byte == b'\n') {
            Some(end) => Ok(Some(self.buffer.split_to(end + 1))),
            None if self.ended && !self.buffer.is_empty() => Ok(Some(self.buffer.split())),
            None => {
                anyhow::ensure!(self.buffer.len() <= LIMIT, "a line of the hub's answer is longer than {LIMIT} bytes");
                Ok(None)
            }
        }
    }
}
