//! Which `Held` the hub has heard. It answers none of them, but it hears everything in order: an answered comparison proves what was said before it.

use std::collections::BTreeMap;

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::time::Timestamp;

/// Completions said in this session and not proven to have been heard.
#[derive(Default)]
pub(super) struct Unproven {
    /// Said since the last comparison was sent.
    said: BTreeMap<Uuid, Digest>,
    /// Said before the comparison that was sent at that time.
    before: BTreeMap<Uuid, (Timestamp, Digest)>,
}

// === impl Unproven ===

impl Unproven {
    /// A completion is being said.
    pub(super) fn said(&mut self, application: Uuid, bundle: Digest) {
        self.before.remove(&application);
        self.said.insert(application, bundle);
    }

    /// A comparison is being sent.
    pub(super) fn comparing(&mut self, sent_at: Timestamp) {
        let said = std::mem::take(&mut self.said);
        self.before.extend(said.into_iter().map(|(application, bundle)| (application, (sent_at, bundle))));
    }

    /// The comparison sent at that time was answered.
    pub(super) fn compared(&mut self, sent_at: Timestamp) {
        self.before.retain(|_, (at, _)| *at > sent_at);
    }

    /// A target is no longer reported.
    pub(super) fn forget(&mut self, application: &Uuid) {
        self.said.remove(application);
        self.before.remove(application);
    }

    /// What must be said again in the next session.
    pub(super) fn into_rest(self) -> BTreeMap<Uuid, Digest> {
        let before = self.before.into_iter().map(|(application, (_, bundle))| (application, bundle));
        before.chain(self.said).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_domain::time::from_millis;

    #[test]
    fn only_an_answered_comparison_proves_what_was_said_before_it() {
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let mut unproven = Unproven::default();
        unproven.said(a, Digest::of(b"a"));
        unproven.comparing(from_millis(1));
        unproven.said(b, Digest::of(b"b"));
        unproven.comparing(from_millis(2));
        unproven.said(c, Digest::of(b"c"));
        unproven.compared(from_millis(1));
        assert_eq!(unproven.into_rest().into_keys().collect::<Vec<_>>(), [b, c]);
    }
}
