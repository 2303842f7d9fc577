//! A cluster's identity in words: the state, why, and what to do next.

use serde::{Deserialize, Serialize};

use super::record::IdentityRecord;
use crate::time::Timestamp;

/// How a cluster is trusted, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrustState {
    /// A person took the trust away.
    Revoked,
    /// Two installations use its identity.
    Quarantined,
    /// Its identity is used in another cluster than before.
    Replaced,
    /// It may report and gets nothing.
    ReportOnly,
    /// Its certificate has ended; it may be renewed.
    Expired,
    /// Nobody has joined.
    NotJoined,
    /// All is as it should be.
    Trusted,
}

/// The state with its reason and what to do; both are empty where there is nothing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub state: TrustState,
    /// Why.
    pub reason: String,
    /// What a person may do.
    pub next_step: String,
}

impl IdentityRecord {
    /// How a cluster of this name stands; `not_after` is the end of its certificate.
    pub fn standing(&self, name: &str, not_after: Option<Timestamp>, now: Timestamp) -> Standing {
        let say = |state, reason: String, next_step: String| Standing { state, reason, next_step };
        if let Some(word) = &self.revoked {
            let why = if word.reason.is_empty() { String::new() } else { format!(": {}", word.reason) };
            return say(
                TrustState::Revoked,
                format!("revoked by {} at {}{why}", word.by, word.at),
                format!(
                    "windlass cluster rejoin {name} makes a new identity; windlass cluster remove {name} forgets it"
                ),
            );
        }
        if let Some(found) = &self.quarantined {
            return say(
                TrustState::Quarantined,
                format!(
                    "since {}: installation {} (from {}) came back after {} (from {}) had replaced it: one of them is a copy",
                    found.since, found.returned, found.from, found.other, found.other_from
                ),
                format!(
                    "stop the wrong one, then windlass cluster approve {name}; or windlass cluster revoke {name} and rejoin {name}"
                ),
            );
        }
        if let Some(found) = &self.replaced {
            return say(
                TrustState::Replaced,
                format!(
                    "since {}: the agent is in a cluster whose kube-system has uid {}, known is {}",
                    found.since, found.found, found.known
                ),
                format!(
                    "windlass cluster approve {name}, if the cluster was made anew; else correct the agent's kubeconfig"
                ),
            );
        }
        if let Some(found) = &self.report_only {
            return say(
                TrustState::ReportOnly,
                format!("it came back at {} with a certificate that had ended at {}", found.since, found.ended),
                format!("windlass cluster approve {name} lets it have desired state again"),
            );
        }
        match not_after {
            None => say(TrustState::NotJoined, String::new(), self.hint(name)),
            Some(end) if end <= now => say(
                TrustState::Expired,
                format!("its certificate ended at {end}; the agent renews it by itself for 90 days, once it is back"),
                format!("look at the agent's log; windlass cluster rejoin {name} after 90 days"),
            ),
            Some(_) => say(TrustState::Trusted, String::new(), self.hint(name)),
        }
    }

    fn hint(&self, name: &str) -> String {
        use super::record::AlertKind::{JoinToken, RevokedCertificate, SupersededCertificate, UnknownCertificate};
        match self.alerts.first() {
            Some(alert) if alert.kind == SupersededCertificate => format!(
                "an older certificate was shown from {}: somebody has a copy of the identity, or the agent was restored from one; \
                 windlass cluster approve {name} --serial {} takes that one instead, windlass cluster revoke {name} --serial {} ends it",
                alert.from, alert.serial, alert.serial
            ),
            Some(alert) if alert.kind == RevokedCertificate => {
                format!("a revoked certificate was shown from {}: stop who has it", alert.from)
            }
            Some(alert) if alert.kind == JoinToken => {
                format!("a join token was tried from {} that is used or void: find out who has it", alert.from)
            }
            Some(alert) if alert.kind == UnknownCertificate => format!(
                "a certificate was shown from {} that this hub has no record of, as after a restore from an older backup: \
                 windlass cluster approve {name} --serial {} takes it, windlass cluster rejoin {name} makes a new identity",
                alert.from, alert.serial
            ),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::record::{Quarantine, Replaced, ReportOnly, Word};
    use crate::time::from_millis;
    use uuid::Uuid;

    #[test]
    fn the_worst_is_said_with_its_next_step() {
        let (now, later) = (from_millis(1_000_000), Some(from_millis(2_000_000)));
        let mut record = IdentityRecord::default();
        let state = |record: &IdentityRecord, end| record.standing("eu-1", end, now);
        assert_eq!(state(&record, None).state, TrustState::NotJoined);
        assert_eq!(state(&record, later).state, TrustState::Trusted);
        assert_eq!(state(&record, Some(now)).state, TrustState::Expired);
        record.report_only = Some(ReportOnly { since: now, ended: now });
        assert_eq!(state(&record, later).state, TrustState::ReportOnly);
        record.replaced = Some(Replaced { since: now, known: "a".into(), found: "b".into() });
        assert_eq!(state(&record, later).state, TrustState::Replaced);
        let (returned, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (from, other_from) = ("10.0.0.1".to_owned(), "10.0.0.2".to_owned());
        record.quarantined = Some(Quarantine { since: now, returned, other, from, other_from });
        assert_eq!(state(&record, later).state, TrustState::Quarantined);
        record.revoked = Some(Word { by: "ann".into(), at: now, reason: "stolen".into() });
        let revoked = state(&record, later);
        assert_eq!(revoked.state, TrustState::Revoked);
        assert!(revoked.reason.contains("ann") && revoked.reason.contains("stolen"), "{}", revoked.reason);
        assert!(revoked.next_step.contains("windlass cluster rejoin eu-1"), "{}", revoked.next_step);
    }
}
