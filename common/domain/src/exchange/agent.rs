//! The agent's end of a session.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AgentMessage, Compare, FrozenTarget, Hello, HubMessage};
use crate::desired_state::Delta;
use crate::digest::Digest;
use crate::discovery::Discovery;
use crate::status::{TargetReport, reported_digest};
use crate::time::Timestamp;

/// How often the comparison runs in an open session.
pub const COMPARE_EVERY_SECONDS: u32 = 30;

/// How many comparisons that differ are repeated at once in a session.
const HURRIED_COMPARISONS: u8 = 3;

/// What the agent last reported of each target, kept over sessions (not over restarts: the digest in `Hello` tells the hub).
pub type Reported = BTreeMap<Uuid, TargetReport>;

/// Where a session stands.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    phase: Phase,
    /// What the hub has been told, by application.
    reported: Reported,
    /// What it is to be told, newest value per target.
    pending: Reported,
    /// Comparisons that differed in this session: the first few are repeated at once, then the usual time is waited.
    differed: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Open,
    Closed,
}

/// What happens to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The stream is up.
    Connected(Box<Hello>),
    /// The hub said something.
    Received(HubMessage),
    /// The rows of a generation are durable.
    Accepted {
        /// The generation.
        generation: u64,
    },
    /// A delta was not taken: the session ends, and everything held stays in force.
    NotAccepted {
        /// Why.
        reason: String,
    },
    /// Every content of a target's bundle is durable.
    Completed {
        /// The application's uid.
        application: Uuid,
        /// The bundle.
        bundle: Digest,
    },
    /// A target's status is computed anew.
    Reported(Box<TargetReport>),
    /// A target's removal was acknowledged by the hub: it is no longer reported.
    Forgotten {
        /// The application's uid.
        application: Uuid,
    },
    /// The cluster's resource list changed.
    Discovered(Discovery),
    /// It is time to compare.
    CompareDue {
        /// Now.
        now: Timestamp,
        /// Generation held.
        generation: u64,
        /// Digest of the rows held.
        rows: Digest,
        /// Whether every managed kind's watch is live.
        watches_live: bool,
        /// What is kept although the hub's list lacks it.
        frozen: Vec<FrozenTarget>,
    },
}

/// What the shell does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send.
    Send(AgentMessage),
    /// Make the rows durable, then say [`Event::Accepted`].
    Take(Box<Delta>),
    /// Verify and keep a content.
    Keep {
        /// Its address.
        digest: Digest,
        /// zstd bytes.
        compressed: Vec<u8>,
    },
    /// Send the resource list.
    SendDiscovery,
    /// Compare now, because the session just opened or the reports were just sent again.
    CompareNow,
    /// Renew the certificate.
    RenewCertificate,
    /// Answer a question: open `Serve`.
    Serve {
        /// Its name.
        id: Uuid,
        /// How long the whole answer may take, in milliseconds.
        deadline_ms: u64,
    },
    /// End the session.
    Close {
        /// Why.
        reason: String,
        /// How long to wait before dialling again, in milliseconds; 0 leaves it to the backoff.
        retry_after_ms: u64,
    },
}

// === impl State ===

impl State {
    /// A new session of an agent that has reported and computed these statuses so far.
    pub fn new(reported: Reported, pending: Reported) -> Self {
        Self { phase: Phase::Greeting, reported, pending, differed: 0 }
    }

    /// What survives the session: told, and still to be told.
    pub fn into_reports(self) -> (Reported, Reported) {
        (self.reported, self.pending)
    }

    /// Digest of what the hub was told, for `Hello` and `Compare`.
    pub fn reported_digest(&self) -> Digest {
        digest_of(&self.reported)
    }
}

/// Digest of a set of reports (see [`reported_digest`]).
pub fn digest_of(reports: &Reported) -> Digest {
    let digests: Vec<(Uuid, Digest)> = reports.iter().map(|(uid, report)| (*uid, report.digest())).collect();
    reported_digest(digests.iter().map(|(uid, digest)| (uid, digest)))
}

/// One step of the agent's end.
pub fn step(mut state: State, event: Event) -> (State, Vec<Action>) {
    if state.phase == Phase::Closed {
        return (state, vec![]);
    }
    let actions = match event {
        Event::Connected(hello) => vec![Action::Send(AgentMessage::Hello(*hello))],
        Event::Received(message) => received(&mut state, message),
        Event::Accepted { generation } => vec![Action::Send(AgentMessage::Ack { generation })],
        Event::NotAccepted { reason } => close(&mut state, reason, 30_000),
        Event::Completed { application, bundle } if state.phase == Phase::Open => {
            vec![Action::Send(AgentMessage::Held { application, bundle })]
        }
        Event::Completed { .. } => vec![],
        Event::Reported(report) => {
            state.pending.insert(report.application, *report);
            if state.phase == Phase::Open { flush(&mut state) } else { vec![] }
        }
        Event::Forgotten { application } => {
            state.reported.remove(&application);
            state.pending.remove(&application);
            vec![]
        }
        Event::Discovered(discovery) if state.phase == Phase::Open => {
            vec![Action::Send(AgentMessage::Discovery(discovery))]
        }
        Event::Discovered(_) => vec![],
        Event::CompareDue { now, generation, rows, watches_live, frozen } if state.phase == Phase::Open => {
            let reported = state.reported_digest();
            let compare = Compare { sent_at: now, generation, rows, reported, watches_live, frozen };
            vec![Action::Send(AgentMessage::Compare(compare))]
        }
        Event::CompareDue { .. } => vec![],
    };
    (state, actions)
}

fn close(state: &mut State, reason: String, retry_after_ms: u64) -> Vec<Action> {
    state.phase = Phase::Closed;
    vec![Action::Close { reason, retry_after_ms }]
}

fn received(state: &mut State, message: HubMessage) -> Vec<Action> {
    match (state.phase, message) {
        (Phase::Greeting, HubMessage::Welcome { want_discovery, want_reports, .. }) => {
            state.phase = Phase::Open;
            let mut actions = if want_discovery { vec![Action::SendDiscovery] } else { vec![] };
            if want_reports {
                tell_again(state);
            }
            actions.extend(flush(state));
            actions.push(Action::CompareNow);
            actions
        }
        (_, HubMessage::Refused { reason, retry_after_ms }) => close(state, reason, retry_after_ms),
        (Phase::Greeting, _) => close(state, "the hub spoke before Welcome".into(), 0),
        (_, HubMessage::Welcome { .. }) => close(state, "the hub said Welcome twice".into(), 0),
        (_, HubMessage::Delta(delta)) => vec![Action::Take(delta)],
        (_, HubMessage::Content { digest, compressed }) => vec![Action::Keep { digest, compressed }],
        (_, HubMessage::Compared { want_reports, .. }) if want_reports => {
            tell_again(state);
            let mut actions = flush(state);
            state.differed = state.differed.saturating_add(1);
            if state.differed <= HURRIED_COMPARISONS {
                actions.push(Action::CompareNow);
            }
            actions
        }
        (_, HubMessage::Compared { .. }) => vec![],
        (_, HubMessage::RenewCertificate) => vec![Action::RenewCertificate],
        (_, HubMessage::Request { id, deadline_ms }) => vec![Action::Serve { id, deadline_ms }],
    }
}

/// Forgets what was told, so that everything is told whole.
fn tell_again(state: &mut State) {
    for (uid, report) in std::mem::take(&mut state.reported) {
        state.pending.entry(uid).or_insert(report);
    }
}

fn flush(state: &mut State) -> Vec<Action> {
    let mut actions = Vec::new();
    for (uid, report) in std::mem::take(&mut state.pending) {
        let last = state.reported.get(&uid);
        if last != Some(&report) {
            let delta = report.delta_from(last);
            actions.push(Action::Send(AgentMessage::Status(Box::new(delta))));
            state.reported.insert(uid, report);
        }
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::HealthStatus;
    use crate::status::{StatusDelta, SyncStatus, TargetSummary};
    use crate::time::from_millis;

    fn report(id: u128, revision: &str) -> Box<TargetReport> {
        let summary =
            TargetSummary { revision: revision.into(), ..TargetSummary::of(SyncStatus::Synced, HealthStatus::Healthy) };
        Box::new(TargetReport { application: Uuid::from_u128(id), summary, resources: BTreeMap::new() })
    }

    fn welcome(want_reports: bool) -> Event {
        Event::Received(HubMessage::Welcome { epoch: 1, want_discovery: false, want_reports })
    }

    fn told(actions: &[Action]) -> Vec<&StatusDelta> {
        actions
            .iter()
            .filter_map(|a| if let Action::Send(AgentMessage::Status(delta)) = a { Some(delta.as_ref()) } else { None })
            .collect()
    }

    #[test]
    fn only_the_newest_status_waits_for_the_session() {
        let state = State::new(Reported::new(), Reported::new());
        let (state, actions) = step(state, Event::Reported(report(1, "a")));
        assert!(actions.is_empty());
        let (state, _) = step(state, Event::Reported(report(1, "b")));
        let (_, actions) = step(state, welcome(true));
        assert_eq!(told(&actions).iter().map(|d| d.summary.revision.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn nothing_is_said_twice_over_a_reconnect_unless_the_hub_asks() {
        let (state, _) = step(State::new(Reported::new(), Reported::new()), welcome(true));
        let (state, actions) = step(state, Event::Reported(report(1, "a")));
        assert_eq!(told(&actions).len(), 1);
        let (state, actions) = step(state, Event::Reported(report(1, "a")));
        assert!(told(&actions).is_empty(), "the same is not said again");
        let (reported, pending) = state.into_reports();
        let (_, actions) = step(State::new(reported.clone(), pending.clone()), welcome(false));
        assert!(told(&actions).is_empty());
        let (_, actions) = step(State::new(reported, pending), welcome(true));
        assert!(told(&actions).iter().all(|delta| delta.full) && told(&actions).len() == 1);
    }

    #[test]
    fn comparisons_that_go_on_differing_do_not_run_hot() {
        let (mut state, _) = step(State::new(Reported::new(), Reported::new()), welcome(false));
        let mut repeated = 0;
        for _ in 0..20 {
            let differs = Event::Received(HubMessage::Compared { sent_at: from_millis(0), want_reports: true });
            let (next, actions) = step(state, differs);
            repeated += actions.iter().filter(|a| **a == Action::CompareNow).count();
            state = next;
        }
        assert_eq!(repeated, 3);
    }

    #[test]
    fn a_refusal_ends_the_session_and_carries_the_wait() {
        let refused = HubMessage::Refused { reason: "busy".into(), retry_after_ms: 500 };
        let (state, actions) = step(State::new(Reported::new(), Reported::new()), Event::Received(refused));
        assert_eq!(actions, [Action::Close { reason: "busy".into(), retry_after_ms: 500 }]);
        assert!(step(state, welcome(false)).1.is_empty());
    }
}
