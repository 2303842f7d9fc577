//! The hub's end of a session.

use std::collections::VecDeque;

use uuid::Uuid;

use super::{AgentMessage, Compare, Hello, HubMessage, PROTOCOL_VERSION, distrusted_rows};
use crate::desired_state::{Delta, Position};
use crate::digest::Digest;
use crate::discovery::Discovery;
use crate::status::StatusDelta;

/// Nothing may be decided on a history that this hub does not have.
const ROLLED_BACK: &str = "this hub does not know the agent's generation: it was restored from an older backup; the cluster holds what it has";

/// So many generations may be on their way to an agent and still be known when it compares.
const MOST_TOLD: usize = 256;

/// Where a session stands.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Connected; nothing was said.
    AwaitingHello,
    /// The store is raising the epoch.
    Opening(Box<Hello>),
    /// Open.
    Open(Open),
    /// Over.
    Closed,
}

/// An open session.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// The session's epoch.
    pub epoch: u64,
    /// The last generation that was sent; `None` when the whole list must be sent next.
    sent: Option<u64>,
    /// A delta is being loaded.
    loading: bool,
    /// The newest generation that is known to exist.
    newest: u64,
    /// Generations that the agent was told, with the digests of their rows: from the one of its last comparison on, oldest first.
    told: VecDeque<(u64, Digest)>,
    /// The newest generation at the comparison before.
    compared: u64,
}

/// What happens to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The agent said something.
    Received(AgentMessage),
    /// The store raised the epoch and knows how the agent's statements compare.
    Opened(Opened),
    /// The cluster's rows changed.
    DesiredChanged {
        /// The newest generation.
        generation: u64,
    },
    /// A delta was loaded.
    Loaded {
        /// Rows and position.
        delta: Box<Delta>,
        /// Contents that the agent is known to lack: (address, compressed bytes), at most 64 KiB in all.
        contents: Vec<(Digest, Vec<u8>)>,
    },
    /// The store answered a comparison.
    Compared {
        /// The comparison.
        compare: Compare,
        /// The newest generation that is stored: a session may not have been told of it.
        generation: u64,
        /// Whether the hub's digest of the agent's reports is another one.
        reports_differ: bool,
        /// Whether the rows at the same generation are other ones.
        rows_differ: bool,
    },
    /// A newer session of the same cluster took over, or the identity was revoked.
    Superseded {
        /// Why.
        reason: String,
    },
}

/// What the store says of a new session.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The new epoch.
    pub epoch: u64,
    /// Where the cluster's desired state stands.
    pub position: Position,
    /// Digest of the rows there, operations aside.
    pub rows: Digest,
    /// Whether the hub knows the agent's (generation, chain): if not, the hub was rolled back, or the agent belongs elsewhere.
    pub knows_position: bool,
    /// Whether the hub has the cluster's resource list.
    pub knows_discovery: bool,
    /// Whether the hub's digest of the agent's reports is the agent's.
    pub knows_reports: bool,
}

/// What the shell does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Raise the epoch and compare.
    Open(Box<Hello>),
    /// Send.
    Send(HubMessage),
    /// Load the rows changed since a generation, or all of them.
    Load {
        /// The agent's generation; `None` for the whole list.
        since: Option<u64>,
    },
    /// Store, fenced by the epoch.
    StoreAck(u64),
    /// Store, fenced by the epoch.
    StoreHeld {
        /// The application's uid.
        application: Uuid,
        /// The bundle.
        bundle: Digest,
    },
    /// Store, fenced by the epoch.
    StoreStatus(Box<StatusDelta>),
    /// Store, fenced by the epoch.
    StoreDiscovery(Discovery),
    /// Compare with the store.
    Compare(Compare),
    /// The facts are verified: store the time at which the comparison came.
    StoreVerified,
    /// End the stream, after what was sent.
    Close,
}

/// One step of the hub's end.
pub fn step(state: State, event: Event) -> (State, Vec<Action>) {
    match (state, event) {
        (State::AwaitingHello, Event::Received(AgentMessage::Hello(hello))) => greet(hello),
        (State::Opening(hello), Event::Opened(opened)) => open(&hello, opened),
        (State::Open(open), event) => in_session(open, event),
        (State::Opening(hello), Event::DesiredChanged { .. }) => (State::Opening(hello), vec![]),
        (State::AwaitingHello, Event::DesiredChanged { .. }) => (State::AwaitingHello, vec![]),
        (State::Closed, _) => (State::Closed, vec![]),
        (_, Event::Superseded { reason }) => refuse(reason, 0),
        (State::AwaitingHello, _) => refuse("the first message must be Hello".into(), 0),
        (State::Opening(_), _) => refuse("nothing may be said between Hello and Welcome".into(), 0),
    }
}

fn refuse(reason: String, retry_after_ms: u64) -> (State, Vec<Action>) {
    (State::Closed, vec![Action::Send(HubMessage::Refused { reason, retry_after_ms }), Action::Close])
}

fn greet(hello: Hello) -> (State, Vec<Action>) {
    if hello.protocol != PROTOCOL_VERSION {
        let reason =
            format!("this hub speaks protocol {PROTOCOL_VERSION}, the agent {}: upgrade the older one", hello.protocol);
        return refuse(reason, 60_000);
    }
    (State::Opening(Box::new(hello.clone())), vec![Action::Open(Box::new(hello))])
}

fn open(hello: &Hello, opened: Opened) -> (State, Vec<Action>) {
    if !opened.knows_position {
        // Nothing may be decided on a history that this hub does not have: the agent keeps what it holds.
        return refuse(ROLLED_BACK.into(), 60_000);
    }
    let welcome = HubMessage::Welcome {
        epoch: opened.epoch,
        want_discovery: !opened.knows_discovery,
        want_reports: !opened.knows_reports,
    };
    let mut actions = vec![Action::Send(welcome)];
    let held = hello.position.map(|position| position.generation);
    let newest = opened.position.generation;
    let in_sync = held == Some(newest) && hello.rows == opened.rows;
    let since = held.filter(|held| *held < newest && hello.rows != distrusted_rows());
    if !in_sync {
        actions.push(Action::Load { since });
    }
    let sent = if in_sync { held } else { since };
    let told = held.filter(|_| in_sync).map(|held| (held, opened.rows)).into_iter().collect();
    (State::Open(Open { epoch: opened.epoch, sent, loading: !in_sync, newest, told, compared: newest }), actions)
}

fn in_session(mut open: Open, event: Event) -> (State, Vec<Action>) {
    match event {
        Event::Received(message) => received(State::Open(open), message),
        Event::DesiredChanged { generation } => {
            open.newest = open.newest.max(generation);
            let actions = open.load().into_iter().collect();
            (State::Open(open), actions)
        }
        Event::Loaded { delta, contents } => {
            let reached = delta.to.generation;
            let grows = open.sent.is_none_or(|sent| reached > sent);
            open.tell(reached, delta.digest);
            let mut actions = vec![Action::Send(HubMessage::Delta(delta))];
            actions.extend(
                contents
                    .into_iter()
                    .map(|(digest, compressed)| Action::Send(HubMessage::Content { digest, compressed })),
            );
            (open.sent, open.loading, open.newest) = (Some(reached), false, open.newest.max(reached));
            // A store that went back, as after a failover, is not asked over and over for what it has lost.
            actions.extend(open.load().filter(|_| grows));
            open.loading &= grows;
            (State::Open(open), actions)
        }
        Event::Compared { compare, generation, reports_differ, rows_differ } => {
            if compare.generation > generation {
                return refuse(ROLLED_BACK.into(), 60_000);
            }
            let answer = HubMessage::Compared { sent_at: compare.sent_at, want_reports: reports_differ };
            let mut actions = vec![Action::Send(answer)];
            open.newest = open.newest.max(generation);
            if rows_differ && !open.loading {
                open.sent = None;
            }
            let holds = !rows_differ && open.holds(&compare);
            if compare.watches_live && !reports_differ && holds {
                actions.push(Action::StoreVerified);
            }
            open.compared = open.newest;
            actions.extend(open.load());
            (State::Open(open), actions)
        }
        Event::Superseded { reason } => refuse(reason, 0),
        Event::Opened(_) => (State::Open(open), vec![]),
    }
}

fn received(state: State, message: AgentMessage) -> (State, Vec<Action>) {
    let action = match message {
        AgentMessage::Hello(_) => return refuse("Hello was already said".into(), 0),
        AgentMessage::Discovery(discovery) => Action::StoreDiscovery(discovery),
        AgentMessage::Ack { generation } => Action::StoreAck(generation),
        AgentMessage::Held { application, bundle } => Action::StoreHeld { application, bundle },
        AgentMessage::Status(delta) => Action::StoreStatus(delta),
        AgentMessage::Compare(compare) => Action::Compare(compare),
    };
    (state, vec![action])
}

// === impl Open ===

impl Open {
    /// What is to be loaded, unless it is being loaded or the agent has everything.
    fn load(&mut self) -> Option<Action> {
        let behind = self.sent.is_none_or(|sent| sent < self.newest);
        (behind && !self.loading).then(|| {
            self.loading = true;
            Action::Load { since: self.sent }
        })
    }

    fn tell(&mut self, generation: u64, rows: Digest) {
        if self.told.len() >= MOST_TOLD {
            self.told.pop_front();
        }
        self.told.push_back((generation, rows));
    }

    /// Whether the agent has the rows that it should have: the newest; or, where rows change faster than anybody can compare them, those of a generation
    /// that it was told, and that is newer than everything there was at the comparison before.
    fn holds(&mut self, compare: &Compare) -> bool {
        self.told.retain(|(generation, _)| *generation >= compare.generation);
        let was_told = self.told.front() == Some(&(compare.generation, compare.rows));
        compare.generation == self.newest || (was_told && compare.generation > self.compared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ClusterFacts;
    use crate::desired_state::{Chain, DesiredState};
    use crate::time::from_millis;

    fn position(generation: u64) -> Position {
        Position { incarnation: Uuid::nil(), generation, chain: Chain::START }
    }

    fn hello(at: Option<u64>) -> Hello {
        Hello {
            instance: Uuid::nil(),
            protocol: PROTOCOL_VERSION,
            facts: ClusterFacts::default(),
            discovery: Digest::of(b"d"),
            position: at.map(position),
            rows: Digest::of(b"rows"),
            reported: Digest::of(b"r"),
        }
    }

    fn opened(at: u64) -> Opened {
        Opened {
            epoch: 7,
            position: position(at),
            rows: Digest::of(b"rows"),
            knows_position: true,
            knows_discovery: true,
            knows_reports: true,
        }
    }

    fn session(held: Option<u64>, opened: Opened) -> (State, Vec<Action>) {
        let (state, _) = step(State::AwaitingHello, Event::Received(AgentMessage::Hello(hello(held))));
        step(state, Event::Opened(opened))
    }

    fn loads(actions: &[Action]) -> Vec<Option<u64>> {
        actions.iter().filter_map(|a| if let Action::Load { since } = a { Some(*since) } else { None }).collect()
    }

    fn delta(to: u64) -> Box<Delta> {
        let state = DesiredState::default();
        Box::new(Delta {
            from: 0,
            to: position(to),
            digest: state.digest(),
            rows: vec![],
            finished: vec![],
            full: false,
        })
    }

    #[test]
    fn what_is_sent_first_depends_on_where_the_agent_stands() {
        let (_, actions) = session(Some(5), opened(5));
        assert!(loads(&actions).is_empty(), "in sync: nothing");
        let (_, actions) = session(Some(3), opened(5));
        assert_eq!(loads(&actions), [Some(3)], "behind: what changed");
        let (_, actions) = session(None, opened(5));
        assert_eq!(loads(&actions), [None], "new: everything");
        let other = Opened { rows: Digest::of(b"other"), ..opened(5) };
        let (_, actions) = session(Some(5), other);
        assert_eq!(loads(&actions), [None], "same generation, other rows: everything");
    }

    #[test]
    fn an_agent_that_does_not_trust_its_rows_gets_all_of_them() {
        let (state, _) = step(
            State::AwaitingHello,
            Event::Received(AgentMessage::Hello(Hello { rows: distrusted_rows(), ..hello(Some(3)) })),
        );
        let (_, actions) = step(state, Event::Opened(opened(5)));
        assert_eq!(loads(&actions), [None]);
    }

    #[test]
    fn a_hub_that_was_rolled_back_decides_nothing() {
        let (state, actions) = session(Some(9), Opened { knows_position: false, ..opened(5) });
        assert_eq!(state, State::Closed);
        assert!(matches!(&actions[0], Action::Send(HubMessage::Refused { reason, .. }) if reason.contains("backup")));
    }

    #[test]
    fn changes_while_loading_are_loaded_after_it_once() {
        let (state, _) = session(Some(5), opened(5));
        let (state, actions) = step(state, Event::DesiredChanged { generation: 6 });
        assert_eq!(loads(&actions), [Some(5)]);
        let (state, actions) = step(state, Event::DesiredChanged { generation: 7 });
        assert!(loads(&actions).is_empty());
        let (state, actions) = step(state, Event::Loaded { delta: delta(6), contents: vec![] });
        assert_eq!(loads(&actions), [Some(6)]);
        let (_, actions) = step(state, Event::Loaded { delta: delta(7), contents: vec![] });
        assert!(loads(&actions).is_empty());
    }

    fn comparison(generation: u64, watches_live: bool) -> Compare {
        Compare {
            sent_at: from_millis(1),
            generation,
            rows: Digest::of(b"rows"),
            reported: Digest::of(b"r"),
            watches_live,
            frozen: vec![],
        }
    }

    fn compared(at_agent: u64, stored: u64) -> Event {
        let compare = comparison(at_agent, true);
        Event::Compared { compare, generation: stored, reports_differ: false, rows_differ: false }
    }

    #[test]
    fn a_comparison_finds_the_generation_that_nobody_told_of() {
        let (state, _) = session(Some(5), opened(5));
        let (state, actions) = step(state, compared(5, 6));
        assert_eq!(loads(&actions), [Some(5)]);
        assert!(!actions.contains(&Action::StoreVerified), "behind is not verified");
        let (state, actions) = step(state, compared(5, 6));
        assert!(loads(&actions).is_empty() && !actions.contains(&Action::StoreVerified), "it is being loaded");
        let (state, _) = step(state, Event::Loaded { delta: delta(6), contents: vec![] });
        let (state, actions) = step(state, compared(5, 6));
        assert!(loads(&actions).is_empty() && !actions.contains(&Action::StoreVerified), "it is on its way");
        let (_, actions) = step(state, compared(6, 6));
        assert!(actions.contains(&Action::StoreVerified));
    }

    #[test]
    fn rows_that_never_rest_are_verified_as_they_move() {
        let (mut state, _) = session(Some(5), opened(5));
        let rows = DesiredState::default().digest();
        let at = |generation, stored, rows| {
            let compare = Compare { rows, ..comparison(generation, true) };
            Event::Compared { compare, generation: stored, reports_differ: false, rows_differ: false }
        };
        // Each change is told, and another one has come before the agent can compare.
        for newest in 6..20 {
            (state, _) = step(state, Event::DesiredChanged { generation: newest });
            (state, _) = step(state, Event::Loaded { delta: delta(newest), contents: vec![] });
        }
        let (_, foreign) = step(state.clone(), at(18, 20, Digest::of(b"other")));
        assert!(!foreign.contains(&Action::StoreVerified), "not the rows that it was told");
        let (state, actions) = step(state, at(18, 20, rows));
        assert!(actions.contains(&Action::StoreVerified));
        assert_eq!(loads(&actions), [Some(19)], "and what it lacks is on its way");
        let (state, _) = step(state, Event::Loaded { delta: delta(20), contents: vec![] });
        let (state, actions) = step(state, at(19, 22, rows));
        assert!(!actions.contains(&Action::StoreVerified), "it is behind what there was a comparison ago");
        let (state, _) = step(state, Event::Loaded { delta: delta(22), contents: vec![] });
        let (state, _) = step(state, Event::DesiredChanged { generation: 23 });
        let (state, _) = step(state, Event::Loaded { delta: delta(23), contents: vec![] });
        let (_, actions) = step(state, at(23, 24, rows));
        assert!(actions.contains(&Action::StoreVerified));
    }

    #[test]
    fn a_store_that_went_back_ends_the_session() {
        let (state, _) = session(Some(5), opened(5));
        let (state, actions) = step(state, compared(5, 4));
        assert_eq!(state, State::Closed);
        assert!(matches!(&actions[0], Action::Send(HubMessage::Refused { reason, .. }) if reason.contains("backup")));
        let (state, _) = session(Some(5), opened(5));
        let (state, _) = step(state, Event::DesiredChanged { generation: 9 });
        let (state, actions) = step(state, Event::Loaded { delta: delta(6), contents: vec![] });
        assert_eq!(loads(&actions), [Some(6)]);
        let (_, actions) = step(state, Event::Loaded { delta: delta(6), contents: vec![] });
        assert!(loads(&actions).is_empty(), "what the store does not have is not asked for over and over");
    }

    #[test]
    fn facts_are_verified_only_when_everything_agrees_and_watches_are_live() {
        for (watches_live, reports_differ, rows_differ, want) in [
            (true, false, false, true),
            (false, false, false, false),
            (true, true, false, false),
            (true, false, true, false),
        ] {
            let (state, _) = session(Some(5), opened(5));
            let event =
                Event::Compared { compare: comparison(5, watches_live), generation: 5, reports_differ, rows_differ };
            let (_, actions) = step(state, event);
            assert_eq!(actions.contains(&Action::StoreVerified), want);
            assert_eq!(!loads(&actions).is_empty(), rows_differ);
        }
    }

    #[test]
    fn the_first_word_is_hello_and_is_said_once() {
        let (state, _) = step(State::AwaitingHello, Event::Received(AgentMessage::Ack { generation: 1 }));
        assert_eq!(state, State::Closed);
        let (state, _) = session(Some(5), opened(5));
        let (state, _) = step(state, Event::Received(AgentMessage::Hello(hello(None))));
        assert_eq!(state, State::Closed);
    }
}
