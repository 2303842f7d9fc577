//! What the hub remembers of a cluster's identity, and what every use of it means: which certificate is in use, which is to follow, who speaks, and for
//! which cluster. [`step`] decides; the store carries it out in one transaction.
//!
//! Two things tell a copied identity from a moved one. A certificate that was replaced by its successor's first use and is shown again is refused and
//! alerted: one of the two is a copy, and a person says which. An installation that was replaced by another and comes back (A, B, A) proves that both live:
//! nobody of that cluster is let in. The same installation that takes over its own session is neither.

mod approval;
mod renewal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::verdict::{Mode, Refusal, Verdict};
use crate::time::Timestamp;

/// So long the forerunner of a certificate is still taken after the first use of its successor: what was under way with it ends by itself.
pub const OVERLAP: Duration = Duration::from_secs(60);
/// How long after its end a certificate may still be renewed.
pub const GRACE: Duration = Duration::from_secs(90 * 86_400);
/// An alert that repeats is written again only after so long, so that somebody who keeps knocking costs nothing.
pub const ALERT_EVERY: Duration = Duration::from_secs(600);
/// How many alerts are kept, the newest first.
pub const MOST_ALERTS: usize = 8;
/// So many forgotten certificates wait for a person.
pub const MOST_FORGOTTEN: usize = 4;
const MOST_RETIRED: usize = 16;
const MOST_REPLACED: usize = 16;
const LONGEST_UID: usize = 64;

/// A cluster's identity over time. An empty one is of a cluster that nobody has joined.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IdentityRecord {
    /// Serial number of the certificate in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// One that was issued and not used yet: its first use makes it the current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Certificates that had their time, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Retired>,
    /// The installation of the agent that speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Uuid>,
    /// Installations that spoke before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaced_instances: Vec<Uuid>,
    /// Uid of the namespace `kube-system` of the cluster that was joined; empty: not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_system_uid: String,
    /// The address that the last session came from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// A person took the trust away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Word>,
    /// A copy of the identity is proved to exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<Quarantine>,
    /// The identity speaks for another cluster than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// It was away for so long that it may only report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_only: Option<ReportOnly>,
    /// Certificates of ours that the store has forgotten, newest first: it was restored from an older copy. A person may approve them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forgotten: Vec<Forgotten>,
    /// What somebody should look at, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

/// A certificate that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retired {
    /// Its serial number.
    pub serial: String,
    /// When its successor was first used.
    pub at: Timestamp,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// Two installations use one identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    /// Since when.
    pub since: Timestamp,
    /// The one that came back.
    pub returned: Uuid,
    /// The one that had replaced it.
    pub other: Uuid,
    /// Where the first came from.
    pub from: String,
    /// Where the other had come from.
    pub other_from: String,
}

/// The identity is used in another cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// Since when.
    pub since: Timestamp,
    /// The uid that is known.
    pub known: String,
    /// The uid that was said.
    pub found: String,
}

/// It was away for long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportOnly {
    /// Since when.
    pub since: Timestamp,
    /// When the certificate ended that it came back with.
    pub ended: Timestamp,
}

/// A certificate that an authority of this hub signed, and that it has no record of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forgotten {
    /// Its serial number.
    pub serial: String,
    /// The certificate, DER in hex.
    pub der: String,
    /// SHA-256 of its public key, hex.
    pub key_digest: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Its end.
    pub not_after: Timestamp,
    /// The number of the authority that signed it.
    pub authority: u64,
}

/// Something that was refused and that a person should know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What.
    pub kind: AlertKind,
    /// When, last.
    pub at: Timestamp,
    /// The certificate that was shown; empty where there was none.
    #[serde(default)]
    pub serial: String,
    /// From where.
    #[serde(default)]
    pub from: String,
    /// How often it was written down; what repeats within ten minutes counts once.
    pub count: u32,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertKind {
    /// A certificate was shown whose successor is in use.
    SupersededCertificate,
    /// An installation came back that another had replaced.
    ClonedIdentity,
    /// A certificate was shown that was revoked.
    RevokedCertificate,
    /// The identity was used in another cluster.
    OtherCluster,
    /// A join token was tried that is somebody else's, or void.
    JoinToken,
    /// A certificate was shown that an authority of this hub signed, and that it has no record of.
    UnknownCertificate,
}

/// A certificate as it was shown, and what the hub knows of it. That it is this cluster's is known already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Serial number.
    pub serial: String,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Its end.
    pub not_after: Timestamp,
}

/// What happens to an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A certificate was shown with a call: any but `Renew`.
    Called(Shown),
    /// A renewal is asked for.
    Renewing {
        /// With which certificate.
        shown: Shown,
        /// The cluster that the agent is in; empty: not said.
        kube_system_uid: String,
        /// After so long beyond its end a certificate is renewed for reports only.
        report_only_after: Duration,
    },
    /// The first word of a session.
    Greeted {
        /// The agent's installation.
        instance: Uuid,
        /// The cluster that it is in; empty: not said.
        kube_system_uid: String,
    },
    /// A certificate was issued.
    Issued {
        /// Its serial number.
        serial: String,
        /// For a join: the cluster that the agent is in. A join is a person's word: what stood against the cluster before is over.
        joined: Option<String>,
    },
    /// A certificate was shown that an authority of this hub signed, and that it has no record of.
    Forgotten(Forgotten),
    /// A join token of the cluster was tried that is somebody else's, or void.
    TokenRefused,
    /// A person takes the trust away: of one certificate, or of the cluster.
    Revoked {
        /// Who and why.
        word: Word,
        /// Only this certificate.
        serial: Option<String>,
    },
    /// A person says that it is right: one certificate, or what stands against the cluster.
    Approved {
        /// This certificate is the cluster's.
        serial: Option<String>,
    },
}

/// Decides, and remembers. `from` is the caller's address, without the port.
pub fn step(mut record: IdentityRecord, event: &Event, from: &str, now: Timestamp) -> (IdentityRecord, Verdict) {
    let verdict = match event {
        Event::Called(shown) => record.called(shown, from, now),
        Event::Renewing { shown, kube_system_uid, report_only_after } => {
            record.renewing(shown, kube_system_uid, *report_only_after, from, now)
        }
        Event::Greeted { instance, kube_system_uid } => record.greeted(*instance, kube_system_uid, from, now),
        Event::Issued { serial, joined } => record.issued(serial, joined.as_deref(), now),
        Event::Forgotten(forgotten) => record.forgot(forgotten, from, now),
        Event::TokenRefused => {
            record.alert(AlertKind::JoinToken, "", from, now);
            Verdict::Admitted(Mode::Full)
        }
        Event::Revoked { word, serial } => {
            if serial.is_none() {
                record.revoked = Some(word.clone());
            }
            Verdict::Admitted(Mode::Full)
        }
        Event::Approved { serial } => record.approved(serial.as_deref(), now),
    };
    (record, verdict)
}

// === impl IdentityRecord ===

impl IdentityRecord {
    /// The record of a cluster whose certificates were issued before records were kept, newest first. The newest may not have been used yet.
    pub fn of_issued(newest_first: &[String], kube_system_uid: &str) -> Self {
        Self {
            next: newest_first.first().cloned(),
            current: newest_first.get(1).cloned(),
            kube_system_uid: kube_system_uid.to_owned(),
            ..Self::default()
        }
    }

    /// Whether this certificate may still be used, as far as its successors go.
    fn is_in_use(&self, serial: &str, now: Timestamp) -> bool {
        let is = |known: &Option<String>| known.as_deref() == Some(serial);
        let overlaps = |retired: &&Retired| retired.serial == serial && now <= retired.at + OVERLAP;
        is(&self.current) || is(&self.next) || self.retired.iter().find(overlaps).is_some()
    }

    /// A first use makes it the current one.
    fn used(&mut self, serial: &str, now: Timestamp) {
        if self.next.as_deref() == Some(serial) {
            self.next = None;
            self.make_current(serial, now);
        }
    }

    fn make_current(&mut self, serial: &str, now: Timestamp) {
        self.retired.retain(|retired| retired.serial != serial);
        if let Some(before) = self.current.replace(serial.to_owned()).filter(|before| before != serial) {
            self.retire(before, now);
        }
    }

    fn retire(&mut self, serial: String, at: Timestamp) {
        self.retired.retain(|retired| retired.serial != serial);
        self.retired.insert(0, Retired { serial, at });
        self.retired.truncate(MOST_RETIRED);
    }

    fn called(&mut self, shown: &Shown, from: &str, now: Timestamp) -> Verdict {
        if let Some(refusal) = self.refuses(shown, from, now) {
            return Verdict::Refused(refusal);
        }
        if shown.not_after <= now {
            return Verdict::Refused(Refusal::Ended { at: shown.not_after });
        }
        self.used(&shown.serial, now);
        Verdict::Admitted(self.mode())
    }

    /// What stands against a certificate whatever it is shown for.
    fn refuses(&mut self, shown: &Shown, from: &str, now: Timestamp) -> Option<Refusal> {
        let serial = &shown.serial;
        if shown.revoked || self.revoked.is_some() {
            self.alert(AlertKind::RevokedCertificate, serial, from, now);
            return Some(Refusal::Revoked { serial: serial.clone() });
        }
        if !self.is_in_use(serial, now) {
            self.alert(AlertKind::SupersededCertificate, serial, from, now);
            return Some(Refusal::Superseded { serial: serial.clone() });
        }
        self.quarantined.is_some().then_some(Refusal::Quarantined)
    }

    /// Nobody is let in by what the store does not know: it may be what was revoked since. A person says.
    fn forgot(&mut self, forgotten: &Forgotten, from: &str, now: Timestamp) -> Verdict {
        let serial = &forgotten.serial;
        if self.revoked.is_some() {
            self.alert(AlertKind::RevokedCertificate, serial, from, now);
            return Verdict::Refused(Refusal::Revoked { serial: serial.clone() });
        }
        self.alert(AlertKind::UnknownCertificate, serial, from, now);
        if !self.forgotten.iter().any(|known| known.serial == *serial) {
            self.forgotten.insert(0, forgotten.clone());
            self.forgotten.truncate(MOST_FORGOTTEN);
        }
        Verdict::Refused(Refusal::Forgotten { serial: serial.clone() })
    }

    fn mode(&self) -> Mode {
        if self.report_only.is_some() { Mode::ReportOnly } else { Mode::Full }
    }

    fn greeted(&mut self, instance: Uuid, kube_system_uid: &str, from: &str, now: Timestamp) -> Verdict {
        if self.quarantined.is_some() {
            return Verdict::Refused(Refusal::Quarantined);
        }
        if let Some(refusal) = self.is_of(kube_system_uid, from, now) {
            return Verdict::Refused(refusal);
        }
        match self.instance {
            Some(before) if before != instance => {
                if self.replaced_instances.contains(&instance) {
                    self.quarantine(instance, before, from, now);
                    return Verdict::Refused(Refusal::Quarantined);
                }
                self.replaced_instances.insert(0, before);
                self.replaced_instances.truncate(MOST_REPLACED);
                self.instance = Some(instance);
            }
            _ => self.instance = Some(instance),
        }
        from.clone_into(&mut self.from);
        Verdict::Admitted(self.mode())
    }

    fn quarantine(&mut self, returned: Uuid, other: Uuid, from: &str, now: Timestamp) {
        let other_from = std::mem::take(&mut self.from);
        self.quarantined = Some(Quarantine { since: now, returned, other, from: from.to_owned(), other_from });
        self.alert(AlertKind::ClonedIdentity, "", from, now);
    }

    /// Whether it still speaks for the cluster that was joined; the first word says which that is, and the right one ends a doubt.
    fn is_of(&mut self, found: &str, from: &str, now: Timestamp) -> Option<Refusal> {
        let found: String = found.chars().take(LONGEST_UID).collect();
        if found.is_empty() || self.kube_system_uid == found {
            self.replaced = self.replaced.take().filter(|_| found.is_empty());
        } else if self.kube_system_uid.is_empty() {
            self.kube_system_uid = found;
        } else {
            let known = self.kube_system_uid.clone();
            let since =
                self.replaced.as_ref().filter(|replaced| replaced.found == found).map_or(now, |seen| seen.since);
            self.replaced = Some(Replaced { since, known: known.clone(), found: found.clone() });
            self.alert(AlertKind::OtherCluster, "", from, now);
            return Some(Refusal::OtherCluster { known, found });
        }
        let replaced = self.replaced.as_ref()?;
        Some(Refusal::OtherCluster { known: replaced.known.clone(), found: replaced.found.clone() })
    }

    fn alert(&mut self, kind: AlertKind, serial: &str, from: &str, now: Timestamp) {
        let same = |alert: &Alert| alert.kind == kind && alert.serial == serial && alert.from == from;
        let mut count = 1;
        if let Some(at) = self.alerts.iter().position(same) {
            let age = now.duration_since(self.alerts[at].at);
            if age.is_negative() || age.unsigned_abs() < ALERT_EVERY {
                return;
            }
            count = self.alerts.remove(at).count.saturating_add(1);
        }
        self.alerts.insert(0, Alert { kind, at: now, serial: serial.to_owned(), from: from.to_owned(), count });
        self.alerts.truncate(MOST_ALERTS);
    }
}
