//! Feeding the state machine and doing what it says.

use std::collections::VecDeque;
use std::time::Duration;

use windlass_domain::desired_state::Delta;
use windlass_domain::digest::Digest;
use windlass_domain::exchange::AgentMessage;
use windlass_domain::exchange::agent::{Action, Event, State, step};

use super::super::content;
use super::{Desired, Ended, Session};

impl<D: Desired> Session<'_, D> {
    /// One event, and the events that its actions lead to.
    pub(super) async fn feed(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            if let Event::Forgotten { application } = &event {
                self.unproven.forget(application);
            }
            let state = std::mem::replace(&mut self.state, State::new(Default::default(), Default::default()));
            let (state, actions) = step(state, event);
            self.state = state;
            for action in actions {
                events.extend(self.perform(action).await);
            }
        }
    }

    async fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Send(message) => self.say(message),
            Action::Take(delta) => return Some(self.take(*delta).await),
            Action::Keep { digest, compressed } => self.keep(digest, &compressed).await,
            Action::SendDiscovery => {
                let discovery = self.link.desired.discovery().await;
                self.say(AgentMessage::Discovery(discovery));
            }
            Action::RenewCertificate => {
                let credentials = &self.link.credentials;
                credentials.ask_for_renewal(&credentials.current().serial);
            }
            Action::CompareNow => return Some(self.compare_due().await),
            Action::Serve { id, deadline_ms } => self.link.server.take(id, Duration::from_millis(deadline_ms)),
            Action::Close { reason, retry_after_ms } => {
                let retry_after = (retry_after_ms > 0).then(|| Duration::from_millis(retry_after_ms));
                self.ended.get_or_insert(Ended { healthy: self.proven, reason, retry_after, line: None });
            }
        }
        None
    }

    fn say(&mut self, message: AgentMessage) {
        match &message {
            AgentMessage::Held { application, bundle } => self.unproven.said(*application, *bundle),
            AgentMessage::Compare(compare) => {
                self.unanswered_since.get_or_insert_with(|| self.link.clock.now());
                self.unproven.comparing(compare.sent_at);
            }
            _ => {}
        }
        self.queue.extend(self.encoder.encode(message));
    }

    async fn take(&mut self, delta: Delta) -> Event {
        let generation = delta.to.generation;
        let taken = self.link.desired.take(delta).await;
        fail::fail_point!("link::taken-before-ack");
        match taken {
            Ok(()) => Event::Accepted { generation },
            Err(reason) => Event::NotAccepted { reason },
        }
    }

    /// What does not verify is left: it will be fetched, and complained about there.
    async fn keep(&mut self, digest: Digest, compressed: &[u8]) {
        match content::open(digest, compressed, &self.link.credentials.current().digest_key) {
            Ok(bytes) => self.link.desired.keep(digest, bytes).await,
            Err(error) => tracing::warn!(%error, "a content sent ahead is not taken"),
        }
    }
}
