//! One agent's session: receives, asks the domain what it means, does that, in order. A slow agent holds up its own task and nobody else's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use tracing::Instrument as _;
use uuid::Uuid;
use windlass_domain::exchange::hub::{Action, Event, State, step};
use windlass_domain::exchange::{AgentMessage, Compare, Hello, HubMessage};
use windlass_domain::identity::verdict::{Mode, Verdict};
use windlass_domain::status::StatusDelta;
use windlass_domain::time::Timestamp;
use windlass_proto::frame::FrameError;
use windlass_proto::{Decoder, Encoder, v1};
use windlass_runtime::backoff::Backoff;
use windlass_store::{AgentReport, Comparison};

use super::Agents;
use super::ahead::Ahead;
use super::door::{Admission, NotAdmitted};
use super::registry::{Announced, Place};
use super::server::Peer;
use super::statuses::Statuses;

/// How many messages are taken in a row before anything else is looked at.
const IN_A_ROW: usize = 256;
/// How long an agent may take for its first word.
const HELLO: Duration = Duration::from_secs(30);
/// Time between two looks at whether the certificate still counts. A revocation is told at once, by the feed where another replica made it; this look is for
/// a word that was lost, so that nothing is taken 10 s after it.
const REVOCATION_CHECK: Duration = Duration::from_secs(8);
/// How long an agent should wait that a person must let in.
const AFTER_REFUSAL_MS: u64 = 5_000;
/// How long a session that took over has to open before the cluster counts as without one.
const TAKEN_OVER: Duration = Duration::from_secs(10);
/// How long an agent should wait after an error of the hub's own.
const AFTER_TROUBLE_MS: u64 = 5_000;
/// How long an agent should wait when the hub restarts.
const AFTER_SHUTDOWN_MS: u64 = 500;

/// One session and all it holds.
pub(super) struct Session {
    agents: Agents,
    peer: Peer,
    admission: Admission,
    /// The authority for whose certificate the agent was asked to renew.
    asked_to_renew: u64,
    outbound: mpsc::Sender<Result<v1::Frame, Status>>,
    encoder: Encoder,
    decoder: Decoder<AgentMessage>,
    end: watch::Sender<Option<String>>,
    state: State,
    /// Taken at `Hello`.
    place: Option<Place>,
    /// Set once the store has raised the epoch.
    open: Option<windlass_store::Session>,
    statuses: Statuses,
    ahead: Ahead,
    /// When the comparison came that is being answered: as of then its facts are verified.
    compared_at: Timestamp,
}

/// Why a session is over.
enum Over {
    /// The agent is gone, or everything was said.
    Silently,
    /// The agent is told.
    Refused { reason: String, retry_after_ms: u64 },
}

/// What the rest of the hub has for an agent.
enum Inside {
    /// Its desired state moved to this generation.
    Moved(u64),
    /// A question.
    Asked(Announced),
    /// The certificate may not count any more.
    Recheck,
}

/// Runs a session to its end.
pub(super) async fn run(mut session: Session, mut inbound: Streaming<v1::Frame>, stop: CancellationToken) {
    let cluster = session.cluster();
    let span = tracing::info_span!("session", %cluster, peer = %session.peer.address);
    let work = async move {
        tracing::info!("an agent connected");
        let mut ended = session.end.subscribe();
        let over = tokio::select! {
            biased;
            over = told(&mut ended) => over,
            () = stop.cancelled() => Over::refused("the hub is shutting down", AFTER_SHUTDOWN_MS),
            over = session.talk(&mut inbound) => over,
        };
        session.finish(over).await;
    };
    work.instrument(span).await;
}

async fn told(ended: &mut watch::Receiver<Option<String>>) -> Over {
    // The sender is the session's own and outlives this.
    let reason = ended.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
    Over::refused(reason.unwrap_or_default(), 0)
}

// === impl Over ===

impl Over {
    fn refused(reason: impl Into<String>, retry_after_ms: u64) -> Self {
        Self::Refused { reason: reason.into(), retry_after_ms }
    }

    fn of_store(error: &windlass_store::Error) -> Self {
        match error {
            windlass_store::Error::Fenced => Self::refused("a newer session of this cluster took over", 0),
            error => {
                tracing::error!(%error, "the session's state could not be stored");
                Self::refused("the hub could not store what the agent said; its log has the reason", AFTER_TROUBLE_MS)
            }
        }
    }
}

// === impl Session ===

impl Session {
    pub(super) fn new(
        agents: Agents,
        peer: Peer,
        admission: Admission,
        outbound: mpsc::Sender<Result<v1::Frame, Status>>,
    ) -> Self {
        let (end, _) = watch::channel(None);
        let compared_at = agents.clock.now();
        Self {
            agents,
            peer,
            admission,
            asked_to_renew: admission.authority,
            outbound,
            encoder: Encoder::new(),
            decoder: Decoder::new(),
            end,
            state: State::AwaitingHello,
            place: None,
            open: None,
            statuses: Statuses::default(),
            ahead: Ahead::default(),
            compared_at,
        }
    }

    fn cluster(&self) -> Uuid {
        self.peer.certificate.cluster
    }

    async fn talk(&mut self, inbound: &mut Streaming<v1::Frame>) -> Over {
        match self.converse(inbound).await {
            Ok(never) => match never {},
            Err(over) => over,
        }
    }

    async fn converse(&mut self, inbound: &mut Streaming<v1::Frame>) -> Result<std::convert::Infallible, Over> {
        let clock = self.agents.clock.clone();
        let ends = self.peer.certificate.not_after;
        let hello_by = clock.now() + HELLO;
        let mut check = Box::pin(clock.sleep(REVOCATION_CHECK));
        loop {
            let due = self.statuses.due();
            tokio::select! {
                frame = inbound.message() => self.heard(frame, inbound).await?,
                word = from_inside(self.place.as_mut()) => match word {
                    Inside::Moved(generation) => self.happen(Event::DesiredChanged { generation }).await?,
                    Inside::Recheck => self.check().await?,
                    Inside::Asked((id, deadline_ms)) => self.send(HubMessage::Request { id, deadline_ms }).await?,
                },
                () = clock.sleep_until(due.unwrap_or(ends)), if due.is_some() => self.store_due().await?,
                () = &mut check => {
                    self.check().await?;
                    check = Box::pin(clock.sleep(REVOCATION_CHECK));
                }
                () = clock.sleep_until(hello_by), if self.open.is_none() => {
                    return Err(Over::refused("the agent did not say Hello in time", 0));
                }
                () = clock.sleep_until(ends) => {
                    return Err(Over::refused("the certificate has ended: renew it", 0));
                }
            }
        }
    }

    /// Takes a frame, and those that are there already: statuses that come together are stored together.
    async fn heard(
        &mut self,
        frame: Result<Option<v1::Frame>, Status>,
        inbound: &mut Streaming<v1::Frame>,
    ) -> Result<(), Over> {
        let mut next = Some(frame);
        for _ in 0..IN_A_ROW {
            let Some(frame) = next else { break };
            let frame = match frame {
                Ok(Some(frame)) => frame,
                Ok(None) => return Err(Over::Silently),
                Err(status) => {
                    tracing::info!(%status, "the connection ended");
                    return Err(Over::Silently);
                }
            };
            match self.decoder.push(frame) {
                Ok(Some(message)) => self.happen(Event::Received(message)).await?,
                Ok(None) => {}
                Err(error @ FrameError::TooManyBytes { .. }) => self.cannot_take(&error).await?,
                Err(error) => return Err(Over::refused(error.to_string(), 60_000)),
            }
            next = inbound.message().now_or_never();
        }
        if self.statuses.due().is_some_and(|due| due <= self.agents.clock.now()) {
            self.store_due().await?;
        }
        Ok(())
    }

    /// One message is left out, and said with the cluster; everything else of the session goes on.
    async fn cannot_take(&mut self, error: &FrameError) -> Result<(), Over> {
        let session = self.session()?;
        let problem = format!(
            "the agent sent what the hub does not take: {error}. What it reported there is not shown; make the application that grew last smaller, or upgrade the agent"
        );
        tracing::warn!(%error, "a message of the agent was left out");
        self.stored(|agents| agents.store.session_problem(session, &problem)).await
    }

    async fn happen(&mut self, event: Event) -> Result<(), Over> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let state = std::mem::replace(&mut self.state, State::Closed);
            let (state, actions) = step(state, event);
            self.state = state;
            for action in actions {
                events.extend(self.perform(action).await?);
            }
        }
        Ok(())
    }

    async fn perform(&mut self, action: Action) -> Result<Option<Event>, Over> {
        match action {
            Action::Open(hello) => return self.open(&hello).await.map(Some),
            Action::Send(message) => self.send(message).await?,
            // Who may only report gets nothing; its approval ends the session, and the next one has everything.
            Action::Load { .. } if self.admission.mode == Mode::ReportOnly => {}
            Action::Load { since } => return self.load(since).await.map(Some),
            Action::StoreAck(generation) => {
                fail::fail_point!("hub::session::before_ack_store");
                self.session()?;
                self.statuses.acked(generation, self.agents.clock.now());
            }
            Action::StoreHeld { application, bundle } => {
                self.session()?;
                self.statuses.held(application, bundle, self.agents.clock.now());
            }
            Action::StoreStatus(delta) => self.take_status(*delta).await?,
            Action::StoreDiscovery(discovery) => {
                let session = self.session()?;
                self.stored(|agents| agents.store.put_discovery(session, &discovery)).await?;
            }
            Action::Compare(compare) => return self.compare(compare).await.map(Some),
            Action::StoreVerified => {
                let (session, at) = (self.session()?, self.compared_at);
                self.stored(|agents| agents.store.verified(session, at)).await?;
            }
            Action::Close => return Err(Over::Silently),
        }
        Ok(None)
    }

    async fn open(&mut self, hello: &Hello) -> Result<Event, Over> {
        let cluster = self.cluster();
        self.greet(hello).await?;
        // The place is taken first, so that no change between the two is missed.
        self.place = Some(self.agents.registry.enter(cluster, self.end.clone()));
        let now = self.agents.clock.now();
        let opened = self.stored(|agents| agents.store.open_session(cluster, hello, now)).await?;
        self.open = Some(windlass_store::Session { cluster, epoch: opened.epoch });
        tracing::info!(
            epoch = opened.epoch,
            agent = hello.facts.agent_version,
            kubernetes = hello.facts.kubernetes_version,
            generation = opened.position.generation,
            "the session is open"
        );
        Ok(Event::Opened(opened))
    }

    /// Whether this installation may speak for this cluster. Asked before the place is taken: who is refused disturbs nobody.
    async fn greet(&mut self, hello: &Hello) -> Result<(), Over> {
        let now = self.agents.clock.now();
        match self.stored(|agents| agents.door.greeted(&self.peer, hello, now)).await? {
            Verdict::Admitted(mode) => self.admission.mode = mode,
            Verdict::Refused(refusal) => {
                tracing::warn!(reason = %refusal, instance = %hello.instance, "an agent was not let in");
                // The other installation of a quarantined cluster goes too.
                self.agents.registry.recheck(self.cluster());
                return Err(Over::refused(refusal.to_string(), AFTER_REFUSAL_MS));
            }
        }
        if self.admission.mode == Mode::ReportOnly {
            tracing::warn!("the cluster was away for long: it may only report until an operator approves it");
        }
        Ok(())
    }

    async fn load(&mut self, since: Option<u64>) -> Result<Event, Over> {
        let cluster = self.cluster();
        let delta = self.stored(|agents| agents.store.delta(cluster, since)).await?;
        let contents = self.ahead.contents(self.agents.store.as_ref(), cluster, &delta).await;
        let contents = contents.unwrap_or_else(|error| {
            tracing::warn!(%error, "contents could not be sent ahead; the agent fetches them");
            Vec::new()
        });
        Ok(Event::Loaded { delta: Box::new(delta), contents })
    }

    async fn compare(&mut self, compare: Compare) -> Result<Event, Over> {
        self.compared_at = self.agents.clock.now();
        // What the agent reported before it is part of what is compared.
        self.store_all().await?;
        let cluster = self.cluster();
        let found = self.stored(|agents| agents.store.compare(cluster, &compare)).await?;
        if self.place.as_ref().is_some_and(|place| place.keeps(&compare.frozen)) && !compare.frozen.is_empty() {
            let first = compare.frozen[0].name.as_str();
            tracing::warn!(count = compare.frozen.len(), first, "the agent keeps targets that the hub does not list");
        }
        let Comparison { generation, reports_differ, rows_differ } = found;
        Ok(Event::Compared { compare, generation, reports_differ, rows_differ })
    }

    async fn take_status(&mut self, delta: StatusDelta) -> Result<(), Over> {
        if self.statuses.must_store_before(&delta) {
            self.store_all().await?;
        }
        self.statuses.push(delta, self.agents.clock.now());
        Ok(())
    }

    async fn store_due(&mut self) -> Result<(), Over> {
        let report = self.statuses.take_due(self.agents.clock.now());
        self.store_report(report).await
    }

    async fn store_all(&mut self) -> Result<(), Over> {
        let report = self.statuses.take_all(self.agents.clock.now());
        self.store_report(report).await
    }

    async fn store_report(&mut self, report: Option<AgentReport>) -> Result<(), Over> {
        let Some(report) = report else { return Ok(()) };
        let (session, now) = (self.session()?, self.agents.clock.now());
        fail::fail_point!("hub::session::before_report_store");
        let positions = self.stored(|agents| agents.store.report(session, &report, now)).await?;
        self.agents.registry.notify(&positions);
        Ok(())
    }

    /// Whether the certificate still counts. A store that does not answer proves nothing: the session stays.
    async fn check(&mut self) -> Result<(), Over> {
        let now = self.agents.clock.now();
        match self.agents.door.called(&self.peer, now).await {
            Err(NotAdmitted::Refused(refusal)) => Err(Over::refused(refusal.to_string(), AFTER_REFUSAL_MS)),
            Err(NotAdmitted::Unknown(_)) => Ok(()),
            Ok(now) if now.mode != self.admission.mode => {
                Err(Over::refused("what this cluster may have has changed: connect again", 0))
            }
            Ok(_) => self.nudge().await,
        }
    }

    /// Asks for a renewal, once, when another authority signs than the one that signed this certificate.
    async fn nudge(&mut self) -> Result<(), Over> {
        let signing = self.agents.authority.signing();
        if self.open.is_none() || signing <= self.asked_to_renew {
            return Ok(());
        }
        self.asked_to_renew = signing;
        tracing::info!("the agent is asked to renew its certificate: another authority signs now");
        self.send(HubMessage::RenewCertificate).await
    }

    async fn send(&mut self, message: HubMessage) -> Result<(), Over> {
        for frame in self.encoder.encode(message) {
            self.outbound.send(Ok(frame)).await.map_err(|_| Over::Silently)?;
        }
        Ok(())
    }

    fn session(&self) -> Result<windlass_store::Session, Over> {
        self.open.ok_or_else(|| Over::refused("the session is not open", 0))
    }

    /// Calls the store until it answers: while a database is away, sessions stay.
    async fn stored<'a, T, F>(&'a self, call: impl Fn(&'a Agents) -> F) -> Result<T, Over>
    where
        F: Future<Output = windlass_store::Result<T>> + Send + 'a,
    {
        let mut backoff = Backoff::new();
        loop {
            match call(&self.agents).await {
                Ok(value) => return Ok(value),
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "the store does not answer; the session waits");
                    self.agents.clock.sleep(backoff.next(windlass_runtime::backoff::entropy())).await;
                }
                Err(error) => return Err(Over::of_store(&error)),
            }
        }
    }

    /// Says why, stores what came last, and gives up the place. Best effort: whatever is lost here is said again at the next `Hello`.
    async fn finish(mut self, over: Over) {
        if let Over::Refused { reason, retry_after_ms } = over {
            tracing::info!(reason, "the session is ended");
            for frame in self.encoder.encode(HubMessage::Refused { reason, retry_after_ms }) {
                let _ = self.outbound.try_send(Ok(frame));
            }
        } else {
            tracing::info!("the session ended");
        }
        let Some(session) = self.open else { return };
        let (store, now) = (&self.agents.store, self.agents.clock.now());
        if let Some(report) = self.statuses.take_all(now) {
            match store.report(session, &report, now).await {
                Ok(positions) => self.agents.registry.notify(&positions),
                Err(error) => tracing::debug!(%error, "what was said last was not stored"),
            }
        }
        // The one that took over is about to open: told now, the cluster would be without a session until then. Its epoch fences this one off.
        let wait = if self.place.as_ref().is_some_and(Place::is_taken) { TAKEN_OVER } else { Duration::ZERO };
        let (store, clock) = (Arc::clone(store), self.agents.clock.clone());
        let close = async move {
            if !wait.is_zero() {
                clock.sleep(wait).await;
            }
            if let Err(error) = store.close_session(session, clock.now()).await {
                tracing::debug!(%error, "the session's end was not stored");
            }
        };
        if wait.is_zero() { close.await } else { drop(tokio::spawn(close)) }
    }
}

/// What the rest of the hub has for the agent; nothing, before `Hello`.
async fn from_inside(place: Option<&mut Place>) -> Inside {
    let Some(place) = place else { return std::future::pending().await };
    tokio::select! {
        moved = place.desired.changed() => match moved {
            Ok(()) => Inside::Moved(*place.desired.borrow_and_update()),
            // A newer session has the place; this one is being told.
            Err(_) => std::future::pending().await,
        },
        Some(announced) = place.questions.recv() => Inside::Asked(announced),
        () = place.recheck.notified() => Inside::Recheck,
    }
}
