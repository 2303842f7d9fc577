//! The hub's feed: server-sent events, read across interruptions.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{Client, Problem};
use crate::output;

/// The hub sends a comment every 15 s; three missed ones and the connection is dead.
const SILENCE: Duration = Duration::from_secs(45);
/// Before a stream that was cut is asked for again.
const PAUSE: Duration = Duration::from_secs(1);
/// The most that one event may hold.
const EVENT_LIMIT: usize = 16 << 20;

/// One event of the feed.
#[derive(Debug)]
pub(crate) enum Event {
    /// The stream begins, again perhaps: look at everything, changes follow.
    Begin,
    /// Something changed.
    Change(Change),
}

/// A `change` event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) deleted: bool,
    #[serde(default)]
    pub(crate) object: Option<Value>,
    /// The event as it came.
    #[serde(skip)]
    pub(crate) raw: Value,
}

/// The feed, read event by event.
pub(crate) struct Events {
    client: Client,
    application: Option<String>,
    objects: bool,
    last: Option<String>,
    open: Option<Open>,
    complained: bool,
}

struct Open {
    hub: String,
    bytes: BoxStream<'static, anyhow::Result<Bytes>>,
    parser: Parser,
    heard: Instant,
}

/// Cuts bytes into events.
#[derive(Default)]
struct Parser {
    buffer: BytesMut,
}

/// Fields of an event.
#[derive(Debug, Default, PartialEq)]
struct Fields {
    event: String,
    data: String,
    id: Option<String>,
}

// === impl Events ===

impl Events {
    pub(super) fn new(client: Client, application: Option<String>, after: Option<u64>, objects: bool) -> Self {
        let last = after.map(|revision| revision.to_string());
        Self { client, application, objects, last, open: None, complained: false }
    }

    /// The next event; waits and reconnects for as long as it takes. An error is a refusal that will not pass by itself. Whoever stops waiting loses nothing:
    /// the stream stays open, and what was read of an event stays read.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            let fields = match self.fields().await {
                Ok(fields) => fields,
                Err(error) => {
                    self.interrupted(error).await?;
                    continue;
                }
            };
            if let Some(id) = fields.id {
                self.last = Some(id);
            }
            match fields.event.as_str() {
                "cursor" | "reset" => return Ok(Event::Begin),
                "change" => {
                    let raw: Value = serde_json::from_str(&fields.data)?;
                    let change: Change = serde_json::from_value(raw.clone())?;
                    return Ok(Event::Change(Change { raw, ..change }));
                }
                _ => {}
            }
        }
    }

    async fn interrupted(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        if error.downcast_ref::<Problem>().is_some_and(|problem| !problem.is_transient()) {
            return Err(error);
        }
        if !self.complained {
            output::note(&format!("{error:#}; trying again"));
            self.complained = true;
        }
        self.open = None;
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    async fn fields(&mut self) -> anyhow::Result<Fields> {
        if self.open.is_none() {
            self.open = Some(self.connect().await?);
        }
        match &mut self.open {
            Some(open) => open.next().await,
            None => anyhow::bail!("hub {}: the stream of changes is not open", self.client.server()),
        }
    }

    async fn connect(&mut self) -> anyhow::Result<Open> {
        let query = [
            ("application", self.application.clone()),
            ("objects", self.objects.then(|| "true".to_owned())),
            ("after", self.last.clone()),
        ];
        let request = self.client.request(Method::GET, &["watch"], &query)?;
        let response = self.client.answer(request).await?;
        if self.complained {
            output::note("the hub is back");
            self.complained = false;
        }
        let client = self.client.clone();
        let bytes = response.bytes_stream().map_err(move |error| client.unreachable(&error)).boxed();
        Ok(Open { hub: self.client.server().to_owned(), bytes, parser: Parser::default(), heard: Instant::now() })
    }
}

// === impl Open ===

impl Open {
    async fn next(&mut self) -> anyhow::Result<Fields> {
        loop {
            if let Some(fields) = self.parser.next()? {
                return Ok(fields);
            }
            let Ok(Some(bytes)) = tokio::time::timeout_at(self.heard + SILENCE, self.bytes.next()).await else {
                anyhow::bail!("hub {}: the stream of changes was cut", self.hub)
            };
            self.parser.push(&bytes?);
            self.heard = Instant::now();
        }
    }
}

// === impl Parser ===

impl Parser {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event; comments alone are none.
    fn next(&mut self) -> anyhow::Result<Option<Fields>> {
        while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
            let block = self.buffer.split_to(end + 2);
            let fields = Fields::parse(&String::from_utf8_lossy(&block));
            if fields != Fields::default() {
                return Ok(Some(fields));
            }
        }
        anyhow::ensure!(
            self.buffer.len() <= EVENT_LIMIT,
            "an event of the hub is larger than the limit of {EVENT_LIMIT} bytes"
        );
        Ok(None)
    }
}

// === impl Fields ===

impl Fields {
    fn parse(block: &str) -> Self {
        let mut fields = Self::default();
        for line in block.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => value.clone_into(&mut fields.event),
                "id" => fields.id = Some(value.to_owned()),
                "data" => {
                    if !fields.data.is_empty() {
                        fields.data.push('\n');
                    }
                    fields.data.push_str(value);
                }
                _ => {}
            }
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn events_are_cut_at_blank_lines_whatever_the_chunks() {
        let text = b": heartbeat\n\nevent: change\nid: 7\ndata: {\"a\":1}\n\nevent: reset\ndata: {}\n\nevent: ch";
        for size in [1, 3, 1000] {
            let mut parser = Parser::default();
            let mut found = Vec::new();
            for chunk in text.chunks(size) {
                parser.push(chunk);
                while let Some(fields) = parser.next().expect("small") {
                    found.push((fields.event, fields.id, fields.data));
                }
            }
            let change = ("change".to_owned(), Some("7".to_owned()), "{\"a\":1}".to_owned());
            assert_eq!(found, [change, ("reset".to_owned(), None, "{}".to_owned())]);
        }
    }

    #[tokio::test]
    async fn whoever_stops_waiting_loses_nothing() {
        let (send, pieces) = tokio::sync::mpsc::channel::<anyhow::Result<Bytes>>(4);
        let bytes = futures::stream::unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces))).boxed();
        let mut open = Open { hub: "h".to_owned(), bytes, parser: Parser::default(), heard: Instant::now() };
        send.send(Ok(Bytes::from_static(b"event: ch"))).await.expect("open");
        assert!(open.next().now_or_never().is_none(), "half an event is none");
        send.send(Ok(Bytes::from_static(b"ange\n\n"))).await.expect("open");
        assert_eq!(open.next().await.expect("whole").event, "change");
        drop(send);
        assert!(open.next().await.is_err(), "it was cut");
    }
}
