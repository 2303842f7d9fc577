//! What is done to streams on their way: watches that go silent or say everything many times, and logs that no container wrote.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::watch;

use crate::https::Body;

/// What is sent of a log at once.
const PIECE: usize = 64 * 1024;
/// One line of a log as the API server gives it with times.
const LINE: usize = 1024;

/// The settings of one proxy, and what went through it.
#[derive(Debug)]
pub(super) struct Streams {
    /// Watches up to this number pass nothing any more.
    silent: watch::Sender<u64>,
    watches: AtomicU64,
    /// How often each event of a watch is passed on.
    times: AtomicU64,
    events: AtomicU64,
    /// Bytes of every log; 0 leaves logs to the cluster.
    log: AtomicU64,
    log_bytes: AtomicU64,
    open_logs: AtomicU64,
}

impl Default for Streams {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            silent: watch::Sender::new(0),
            watches: zero(),
            times: AtomicU64::new(1),
            events: zero(),
            log: zero(),
            log_bytes: zero(),
            open_logs: zero(),
        }
    }
}

impl Streams {
    /// See `ApiServerProxy::silence_watches`.
    pub(super) fn silence(&self) {
        self.silent.send_replace(self.watches());
    }

    pub(super) fn watches(&self) -> u64 {
        self.watches.load(Ordering::Relaxed)
    }

    pub(super) fn repeat_events(&self, times: u64) {
        self.times.store(times.max(1), Ordering::Relaxed);
    }

    pub(super) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    pub(super) fn invent_logs(&self, bytes: u64) {
        self.log.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn open_logs(&self) -> u64 {
        self.open_logs.load(Ordering::Relaxed)
    }

    /// A log for this path, if it is a log's and logs are invented.
    pub(super) fn log(self: &Arc<Self>, path: &str) -> Option<Body> {
        let left = self.log.load(Ordering::Relaxed);
        if left == 0 || !path.ends_with("/log") {
            return None;
        }
        self.open_logs.fetch_add(1, Ordering::Relaxed);
        let line = format!("2026-11-23T17:00:00.000000000Z {}\n", "x".repeat(LINE));
        let piece = Bytes::from(line.repeat(PIECE / line.len()));
        let log = Log { streams: Arc::clone(self), piece, left };
        let pieces = stream::unfold(log, |mut log| async move {
            let piece = log.next()?;
            Some((Ok::<_, io::Error>(Frame::data(piece)), log))
        });
        Some(StreamBody::new(pieces).boxed())
    }

    /// The answer to a watch, line by line.
    pub(super) fn watch(self: &Arc<Self>, answer: reqwest::Response) -> Body {
        let number = self.watches.fetch_add(1, Ordering::Relaxed) + 1;
        let watched = Watched { streams: Arc::clone(self), number, answer, partial: BytesMut::new() };
        let lines = stream::unfold(watched, |mut watched| async move {
            let lines = watched.next().await?;
            Some((lines.map(Frame::data), watched))
        });
        StreamBody::new(lines).boxed()
    }
}

/// A log that is made while it is read.
struct Log {
    streams: Arc<Streams>,
    piece: Bytes,
    left: u64,
}

impl Log {
    fn next(&mut self) -> Option<Bytes> {
        if self.left == 0 {
            return None;
        }
        self.left = self.left.saturating_sub(self.piece.len() as u64);
        self.streams.log_bytes.fetch_add(self.piece.len() as u64, Ordering::Relaxed);
        Some(self.piece.clone())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.streams.open_logs.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A watch on its way.
struct Watched {
    streams: Arc<Streams>,
    number: u64,
    answer: reqwest::Response,
    partial: BytesMut,
}

impl Watched {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let mut silent = self.streams.silent.subscribe();
        loop {
            let number = self.number;
            let silenced = async {
                let _ = silent.wait_for(|until| number <= *until).await.map(drop);
            };
            let chunk = tokio::select! {
                chunk = self.answer.chunk() => Some(chunk),
                () = silenced => None,
            };
            let Some(chunk) = chunk else { return std::future::pending().await };
            match chunk {
                Ok(Some(chunk)) => self.partial.extend_from_slice(&chunk),
                Ok(None) => return None,
                Err(error) => return Some(Err(io::Error::other(error))),
            }
            if let Some(end) = memchr::memrchr(b'\n', &self.partial) {
                let lines = self.partial.split_to(end + 1).freeze();
                return Some(Ok(self.repeated(lines)));
            }
        }
    }

    fn repeated(&self, lines: Bytes) -> Bytes {
        let times = self.streams.times.load(Ordering::Relaxed);
        let count = memchr::memchr_iter(b'\n', &lines).count() as u64;
        self.streams.events.fetch_add(count * times, Ordering::Relaxed);
        if times == 1 {
            return lines;
        }
        let mut repeated = BytesMut::new();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            for _ in 0..times {
                repeated.extend_from_slice(line);
            }
        }
        repeated.freeze()
    }
}
