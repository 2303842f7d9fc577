//! Server-sent events.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The cursor to go on from; absent inside a revision.
    pub id: Option<u64>,
    /// `cursor`, `change` or `reset`.
    pub kind: String,
    /// Its data.
    pub data: Value,
}

/// An open stream of events.
#[derive(Debug)]
pub struct Watch {
    answer: reqwest::Response,
    buffer: Vec<u8>,
    cursor: Option<u64>,
}

impl Watch {
    /// Over an answer of the type `text/event-stream`.
    pub fn over(answer: reqwest::Response) -> Self {
        Self { answer, buffer: Vec::new(), cursor: None }
    }

    /// The last cursor that came, to go on from with another watch.
    pub fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    /// The next event; an error when the stream ended.
    pub async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.take_event()? {
                self.cursor = event.id.or(self.cursor);
                return Ok(event);
            }
            let chunk = self.answer.chunk().await.context("reading the watch")?;
            self.buffer.extend_from_slice(&chunk.context("the watch ended")?);
        }
    }

    /// Reads until a change makes a value.
    pub async fn until<T>(&mut self, what: &str, timeout: Duration, accept: impl Fn(&Value) -> Option<T>) -> Result<T> {
        let mut last = Value::Null;
        let found = tokio::time::timeout(timeout, async {
            loop {
                let event = self.next().await?;
                if event.kind == "change" {
                    if let Some(value) = accept(&event.data) {
                        return anyhow::Ok(value);
                    }
                    last = event.data;
                }
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_| Err(anyhow::anyhow!("waited {timeout:?} for {what} on the watch; last saw: {last}")))
    }

    fn take_event(&mut self) -> Result<Option<Event>> {
        while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
            if let Some(event) = parse(&String::from_utf8_lossy(&block))? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

/// An event, or nothing for a comment.
fn parse(block: &str) -> Result<Option<Event>> {
    let (mut id, mut kind, mut data) = (None, String::new(), String::new());
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        match field {
            "id" => id = value.trim().parse().ok(),
            "event" => value.trim().clone_into(&mut kind),
            "data" => data.push_str(value.trim_start()),
            _ => {}
        }
    }
    if data.is_empty() {
        return Ok(None);
    }
    let data = serde_json::from_str(&data).with_context(|| format!("an event's data is not JSON: {data}"))?;
    Ok(Some(Event { id, kind, data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_comments_are_not() {
        let event = parse("event: change\nid: 7\ndata: {\"a\":1}\n\n").expect("an event");
        let wanted = Event { id: Some(7), kind: "change".into(), data: serde_json::json!({ "a": 1 }) };
        assert_eq!(event, Some(wanted));
        assert_eq!(parse(":\n\n").expect("a comment"), None);
        assert!(parse("data: {\n\n").is_err());
    }
}
