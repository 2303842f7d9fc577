//! What the engine said and no session has taken yet: bounded by the number of targets, because newer words replace older ones.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_domain::exchange::agent::Event;
use windlass_domain::status::TargetReport;

use super::Input;

/// Filled by the engine, emptied by a session that keeps up.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    targets: BTreeMap<Uuid, Words>,
    discovery: Option<Discovery>,
}

/// What there is to say of one target, in the order in which it will be said.
#[derive(Default)]
struct Words {
    forgotten: bool,
    completed: Option<Digest>,
    report: Option<Box<TargetReport>>,
}

// === impl Outbox ===

impl Outbox {
    /// Takes what the engine says.
    pub(super) fn put(&self, input: Input) {
        self.waiting.lock().put(input);
        self.changed.notify_one();
    }

    /// Puts back what a session said and cannot prove to have been heard; newer words stay.
    pub(super) fn put_back(&self, completed: BTreeMap<Uuid, Digest>) {
        let mut waiting = self.waiting.lock();
        for (application, bundle) in completed {
            let words = waiting.targets.entry(application).or_default();
            if !words.forgotten {
                words.completed.get_or_insert(bundle);
            }
        }
        self.changed.notify_one();
    }

    /// Waits until there may be something to take.
    pub(super) async fn changed(&self) {
        let notified = self.changed.notified();
        if self.waiting.lock().is_empty() {
            notified.await;
        }
    }

    /// Takes everything.
    pub(super) fn take(&self) -> Vec<Event> {
        let Waiting { targets, discovery } = std::mem::take(&mut *self.waiting.lock());
        let mut events: Vec<Event> = discovery.map(Event::Discovered).into_iter().collect();
        for (application, words) in targets {
            events.extend(words.forgotten.then_some(Event::Forgotten { application }));
            events.extend(words.completed.map(|bundle| Event::Completed { application, bundle }));
            events.extend(words.report.map(Event::Reported));
        }
        events
    }
}

// === impl Waiting ===

impl Waiting {
    fn put(&mut self, input: Input) {
        match input {
            Input::Reported(report) => {
                let application = report.application;
                self.target(application).report = Some(report);
            }
            Input::Completed { application, bundle } => self.target(application).completed = Some(bundle),
            Input::Discovered(discovery) => self.discovery = Some(discovery),
            Input::Forgotten { application } => {
                *self.target(application) = Words { forgotten: true, ..Words::default() };
            }
        }
    }

    fn target(&mut self, application: Uuid) -> &mut Words {
        self.targets.entry(application).or_default()
    }

    fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.discovery.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(bundle: &[u8]) -> Input {
        Input::Completed { application: Uuid::nil(), bundle: Digest::of(bundle) }
    }

    #[test]
    fn newer_words_replace_older_ones() {
        let outbox = Outbox::default();
        (0..1000_u32).for_each(|n| outbox.put(completed(&n.to_be_bytes())));
        outbox.put(completed(b"last"));
        outbox.put_back(BTreeMap::from([(Uuid::nil(), Digest::of(b"older"))]));
        assert_eq!(outbox.take(), [Event::Completed { application: Uuid::nil(), bundle: Digest::of(b"last") }]);
        assert!(outbox.take().is_empty());
    }

    #[test]
    fn forgetting_comes_before_a_new_beginning() {
        let outbox = Outbox::default();
        outbox.put(completed(b"a"));
        outbox.put(Input::Forgotten { application: Uuid::nil() });
        assert_eq!(outbox.take(), [Event::Forgotten { application: Uuid::nil() }]);
        outbox.put(Input::Forgotten { application: Uuid::nil() });
        outbox.put(completed(b"b"));
        assert!(matches!(outbox.take()[..], [Event::Forgotten { .. }, Event::Completed { .. }]));
    }
}
