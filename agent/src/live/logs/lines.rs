//! One container's log, line by line as it is read.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use windlass_domain::question::{LogLine, LogQuestion};
use windlass_domain::time::Timestamp;

use super::Source;

/// The longest line; a longer one is cut into several.
const MAX_LINE: usize = 64 * 1024;

/// A log that is being read.
pub(super) struct Lines {
    body: Body,
    source: Source,
    buffered: BytesMut,
    /// How much of `buffered` is known to hold no end of line.
    searched: usize,
    ended: bool,
    /// When the last line was written: the rest of one that was cut has no time of its own.
    last: Option<String>,
}

/// As the client gives it.
type Body = crate::observe::client::ReadBody;

// === impl Lines ===

impl Lines {
    pub(super) fn new(body: Body, source: Source) -> Self {
        Self { body, source, buffered: BytesMut::new(), searched: 0, ended: false, last: None }
    }

    /// The next line that is wanted; `None` at the end.
    pub(super) async fn next(&mut self, wanted: &LogQuestion) -> Option<LogLine> {
        loop {
            let line = self.line().await?;
            if !line.problem.is_empty() {
                return Some(line);
            }
            if let Some(until) = wanted.until
                && line.time.parse::<Timestamp>().is_ok_and(|time| time > until)
            {
                return None;
            }
            if wanted.wants(&line.content) {
                return Some(line);
            }
        }
    }

    async fn line(&mut self) -> Option<LogLine> {
        loop {
            if let Some(bytes) = self.take() {
                return Some(self.read(&bytes));
            }
            if self.ended {
                return None;
            }
            match self.body.frame().await {
                // What is not data is trailers.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffered.extend_from_slice(&data);
                    }
                }
                Some(Err(_)) => {
                    self.ended = true;
                    return Some(self.of(String::new(), String::new(), "the log broke off".to_owned()));
                }
                None => self.ended = true,
            }
        }
    }

    /// A whole line, or as much of one as a line may have.
    fn take(&mut self) -> Option<Bytes> {
        let end = self.buffered[self.searched..].iter().position(|&byte| byte == b'\n').map(|at| self.searched + at);
        match end {
            Some(end) if end <= MAX_LINE => {
                let mut line = self.buffered.split_to(end + 1);
                line.truncate(end);
                self.searched = 0;
                Some(line.freeze())
            }
            None if self.buffered.len() <= MAX_LINE && !self.ended => {
                self.searched = self.buffered.len();
                None
            }
            None if self.buffered.is_empty() => None,
            _ => {
                let piece = self.buffered.split_to(self.buffered.len().min(MAX_LINE));
                self.searched = 0;
                Some(piece.freeze())
            }
        }
    }

    fn read(&mut self, bytes: &[u8]) -> LogLine {
        let text = String::from_utf8_lossy(bytes);
        let (time, content) = match text.split_once(' ') {
            Some((time, content)) if time.parse::<Timestamp>().is_ok() => (time.to_owned(), content.to_owned()),
            // The rest of a line that was cut.
            _ => (self.last.clone().unwrap_or_default(), text.into_owned()),
        };
        self.last = Some(time.clone());
        self.of(time, content.trim_end_matches('\r').to_owned(), String::new())
    }

    fn of(&self, time: String, content: String, problem: String) -> LogLine {
        let Source { pod, namespace, container } = &self.source;
        let problem =
            if problem.is_empty() { problem } else { format!("{namespace}/{pod} container {container}: {problem}") };
        LogLine { pod: pod.clone(), namespace: namespace.clone(), container: container.clone(), time, content, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: Vec<u8>, wanted: &LogQuestion) -> Vec<(String, usize)> {
        let source = Source { pod: "p".into(), namespace: "n".into(), container: "c".into() };
        let mut lines = Lines::new(Body::from(text), source);
        let mut found = Vec::new();
        while let Some(line) = lines.next(wanted).await {
            found.push((line.time, line.content.len()));
        }
        found
    }

    #[tokio::test]
    async fn lines_are_cut_at_their_ends_and_at_the_limit() {
        let time = "2026-11-23T17:00:00Z";
        let mut text = format!("{time} short\n{time} \n{time} ").into_bytes();
        text.extend(vec![b'x'; MAX_LINE + 10]);
        text.extend(format!("\n{time} no end").bytes());
        let found = read(text, &LogQuestion::default()).await;
        let head = MAX_LINE - time.len() - 1;
        let want = [5, 0, head, MAX_LINE + 10 - head, 6].map(|len| (time.to_owned(), len));
        assert_eq!(found, want);
    }

    #[tokio::test]
    async fn what_is_not_wanted_is_left_out() {
        let text = "2026-11-23T17:00:00Z yes\n2026-11-23T17:00:01Z no\n2026-11-23T17:00:02Z yes\n";
        let until = "2026-11-23T17:00:01Z".parse().ok();
        let wanted = LogQuestion { filter: Some("yes".into()), until, ..LogQuestion::default() };
        assert_eq!(read(text.into(), &wanted).await, [("2026-11-23T17:00:00Z".to_owned(), 3)]);
    }
}
