//! One session: the stream, and the domain's state machine between it, the durable copy and the outbox.
//!
//! The loop never waits for one direction only: while frames cannot be sent, frames are still read, or two full pipes would wait for each other for ever.
//! The outbox is emptied only when everything said so far is on its way, so that what waits there is replaced by newer values instead of queueing here.

mod actions;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;
use uuid::Uuid;
use windlass_domain::exchange::agent::{COMPARE_EVERY_SECONDS, Event, State};
use windlass_domain::exchange::{Hello, HubMessage, PROTOCOL_VERSION};
use windlass_domain::time::Timestamp;
use windlass_proto::frame::MAX_GRPC_MESSAGE_BYTES;
use windlass_proto::v1::Frame;
use windlass_proto::v1::agent_client::AgentClient;
use windlass_proto::{Decoder, Encoder};

use super::held::Unproven;
use super::{Connection, Desired, Ended, Link, Memory};
use crate::dial::{self, Windows, skew};
use crate::identity::{Identity, relocate};

/// How long the hub may take to say Welcome.
const WELCOME_LIMIT: Duration = Duration::from_secs(30);
/// Time to the next comparison while a watch is not live: at a start it is a matter of moments.
const COMPARE_SOON: Duration = Duration::from_secs(1);
/// How long a comparison may be unanswered: then the hub is there and does nothing. A hub whose store is away answers late, and its sessions stay.
const ANSWER_LIMIT: Duration = Duration::from_secs(180);
/// How often it is looked whether an answer is overdue.
const ANSWER_CHECK: Duration = Duration::from_secs(10);
/// Where the hub says what is wrong with a certificate that it refuses: `ended` is renewed, everything else is for people.
const CERTIFICATE: &str = "windlass-certificate";
/// Frames on their way into HTTP/2: 256 KiB at most.
const FRAMES_UNDER_WAY: usize = 16;

/// An open stream.
struct Session<'a, D> {
    link: &'a Link<D>,
    state: State,
    encoder: Encoder,
    decoder: Decoder<HubMessage>,
    /// What was said and is not yet on its way.
    queue: VecDeque<Frame>,
    unproven: Unproven,
    /// Since when a comparison is unanswered: another one is not sent meanwhile.
    unanswered_since: Option<Timestamp>,
    /// Time to the next comparison while a watch is not live.
    soon: Duration,
    /// Whether every watch was live at the comparison that was made last.
    compared_live: bool,
    /// Whether the hub said Welcome.
    open: bool,
    /// Whether the hub answered a comparison: what says Welcome and falls silent is not healthy.
    proven: bool,
    /// Whether it ends only for a renewed certificate.
    gives_way: bool,
    /// The line of the session before this one, which stays until the hub has this one.
    before: Option<Line>,
    /// Tells when there is another certificate.
    renewed: watch::Receiver<Arc<Identity>>,
    /// Until the next comparison is due; before Welcome, until that is overdue.
    timer: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
    ended: Option<Ended>,
}

/// An open stream that nobody reads or writes any more: it only stays open, so that the hub never sees the cluster without a session.
pub(super) struct Line {
    _incoming: Streaming<Frame>,
    _frames: mpsc::Sender<Frame>,
    _client: AgentClient<Channel>,
}

/// Dials, and holds the session until it ends. What was told and what was still to be told is in `memory` before and after. `before` is the line of a session
/// that gives way to this one.
pub(super) async fn run<D: Desired>(link: &Link<D>, memory: &mut Memory, before: Option<Line>) -> Ended {
    let renewed = link.credentials.subscribe();
    let identity = link.credentials.current();
    let channel = match identity.dial(&link.clock, Windows::SESSION).await {
        Ok(channel) => channel,
        Err(error) => return Ended::unhealthy(error.to_string()),
    };
    let mut client = AgentClient::new(channel).max_decoding_message_size(MAX_GRPC_MESSAGE_BYTES);
    let mut session = Session::new(link, std::mem::take(memory), before, renewed);
    let (frames, outgoing) = mpsc::channel(FRAMES_UNDER_WAY);
    session.greet(identity.instance).await;
    // Hello must be on its way before the hub answers the call itself: it may wait for it.
    session.push(&frames);
    let call = link.clock.timeout(WELCOME_LIMIT, client.connect(ReceiverStream::new(outgoing))).await;
    let ended = match call {
        Ok(Ok(response)) => {
            skew::mention(response.metadata(), link.clock.now());
            if let Some(address) = relocate::told(response.metadata()) {
                link.credentials.tell_address(address);
            }
            let mut incoming = response.into_inner();
            let mut ended = session.hold(&mut incoming, &frames).await;
            if session.gives_way {
                ended.line = Some(Line { _incoming: incoming, _frames: frames, _client: client });
            }
            ended
        }
        Ok(Err(status)) => Ended::unhealthy(refused(link, &identity, &status)),
        Err(slow) => Ended::unhealthy(format!("the hub did not open the stream: {slow}")),
    };
    link.server.session_ended();
    *memory = session.into_memory();
    ended
}

/// Why the hub did not open the stream. A certificate that has ended by its clock is renewed at once, whatever this machine's clock says.
fn refused<D>(link: &Link<D>, identity: &Identity, status: &tonic::Status) -> String {
    if status.metadata().get(CERTIFICATE).is_some_and(|word| word == "ended") {
        link.credentials.ask_for_renewal(&identity.serial);
    }
    let words = dial::describe(status);
    identity.explain_alert(&words, link.clock.now()).unwrap_or(words)
}

// === impl Ended ===

impl Ended {
    fn unhealthy(reason: String) -> Self {
        Self { healthy: false, reason, retry_after: None, line: None }
    }
}

// === impl Session ===

impl<'a, D: Desired> Session<'a, D> {
    fn new(link: &'a Link<D>, memory: Memory, before: Option<Line>, renewed: watch::Receiver<Arc<Identity>>) -> Self {
        Self {
            link,
            before,
            renewed,
            gives_way: false,
            state: State::new(memory.reported, memory.pending),
            encoder: Encoder::new(),
            decoder: Decoder::new(),
            queue: VecDeque::new(),
            unproven: Unproven::default(),
            unanswered_since: None,
            soon: COMPARE_SOON,
            compared_live: false,
            open: false,
            proven: false,
            timer: Box::pin(link.clock.sleep(WELCOME_LIMIT)),
            ended: None,
        }
    }

    async fn greet(&mut self, instance: Uuid) {
        let standing = self.link.desired.standing().await;
        let hello = Hello {
            instance,
            protocol: PROTOCOL_VERSION,
            facts: standing.facts,
            discovery: standing.discovery,
            position: standing.position,
            rows: standing.rows,
            reported: self.state.reported_digest(),
        };
        self.feed(Event::Connected(Box::new(hello))).await;
    }

    async fn hold(&mut self, incoming: &mut Streaming<Frame>, frames: &mpsc::Sender<Frame>) -> Ended {
        loop {
            if let Some(ended) = self.ended.take() {
                return ended;
            }
            tokio::select! {
                permit = frames.reserve(), if !self.queue.is_empty() => match (permit, self.queue.pop_front()) {
                    (Ok(permit), Some(frame)) => permit.send(frame),
                    (Err(_), _) => self.end("the connection to the hub is gone"),
                    (Ok(_), None) => {}
                },
                frame = incoming.message() => self.hear(frame).await,
                () = self.link.outbox.changed(), if self.open && self.queue.is_empty() => {
                    for event in self.link.outbox.take() {
                        self.feed(event).await;
                    }
                }
                () = &mut self.timer => self.on_due().await,
                // The sender is in `link`. A session that is not open yet goes on: this one's certificate may be the renewed one's forerunner by a moment.
                _ = self.renewed.changed(), if self.open => {
                    self.gives_way = true;
                    self.end("the certificate was renewed");
                }
            }
        }
    }

    /// Hands over as many frames as fit.
    fn push(&mut self, frames: &mpsc::Sender<Frame>) {
        while let Ok(permit) = frames.try_reserve() {
            match self.queue.pop_front() {
                Some(frame) => permit.send(frame),
                None => return,
            }
        }
    }

    async fn hear(&mut self, frame: Result<Option<Frame>, tonic::Status>) {
        let frame = match frame {
            Ok(Some(frame)) => frame,
            Ok(None) => return self.end("the hub ended the stream"),
            Err(status) => return self.end(dial::describe(&status)),
        };
        let message = match self.decoder.push(frame) {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(error) => return self.end(error.to_string()),
        };
        match &message {
            HubMessage::Welcome { .. } if !self.open => self.opened(),
            HubMessage::Compared { sent_at, want_reports } => {
                (self.unanswered_since, self.proven) = (None, true);
                if self.compared_live && !want_reports {
                    self.link.in_sync.send_if_modified(|known| !std::mem::replace(known, true));
                }
                self.unproven.compared(*sent_at);
            }
            _ => {}
        }
        self.feed(Event::Received(message)).await;
    }

    fn opened(&mut self) {
        self.open = true;
        self.before = None;
        tracing::info!(hub = %self.link.credentials.current().agents_address, "in session with the hub");
        let since = self.link.clock.now();
        self.link.connection.send_if_modified(|connection| {
            let was_down = matches!(connection, Connection::Down { .. });
            if was_down {
                *connection = Connection::Up { since };
            }
            was_down
        });
    }

    async fn on_due(&mut self) {
        if !self.open {
            return self.end(format!("the hub did not say Welcome within {WELCOME_LIMIT:?}"));
        }
        if let Some(since) = self.unanswered_since {
            let waited = self.link.clock.now().duration_since(since);
            if waited.unsigned_abs() > ANSWER_LIMIT {
                return self.end(format!("the hub left a comparison unanswered for {ANSWER_LIMIT:?}"));
            }
            self.timer = Box::pin(self.link.clock.sleep(ANSWER_CHECK));
            return;
        }
        let compare = self.compare_due().await;
        self.feed(compare).await;
    }

    /// A comparison as of now; the next one is due a period later, or soon when this one proves nothing because a watch is not live (yet).
    async fn compare_due(&mut self) -> Event {
        let standing = self.link.desired.standing().await;
        let watches_live = self.link.desired.watches_live();
        self.compared_live = watches_live;
        let usual = Duration::from_secs(u64::from(COMPARE_EVERY_SECONDS));
        let period = if watches_live { usual } else { self.soon };
        self.soon = if watches_live { COMPARE_SOON } else { (self.soon * 2).min(usual) };
        self.timer = Box::pin(self.link.clock.sleep(period));
        Event::CompareDue {
            now: self.link.clock.now(),
            generation: standing.position.map_or(0, |position| position.generation),
            rows: standing.rows,
            watches_live,
            frozen: standing.frozen,
        }
    }

    fn end(&mut self, reason: impl Into<String>) {
        let ended = Ended { healthy: self.proven, reason: reason.into(), retry_after: None, line: None };
        self.ended.get_or_insert(ended);
    }

    fn into_memory(self) -> Memory {
        self.link.outbox.put_back(self.unproven.into_rest());
        let (reported, pending) = self.state.into_reports();
        Memory { reported, pending }
    }
}
