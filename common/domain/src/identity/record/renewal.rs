//! Renewing and joining: who gets another certificate.

use std::time::Duration;

use super::super::verdict::{Refusal, Verdict};
use super::{GRACE, IdentityRecord, ReportOnly, Shown};
use crate::time::Timestamp;

impl IdentityRecord {
    /// A certificate that ended may be renewed for [`GRACE`], by the cluster that joined, and after `report_only_after` for reports only.
    pub(super) fn renewing(
        &mut self,
        shown: &Shown,
        kube_system_uid: &str,
        report_only_after: Duration,
        from: &str,
        now: Timestamp,
    ) -> Verdict {
        if let Some(refusal) = self.refuses(shown, from, now) {
            return Verdict::Refused(refusal);
        }
        let ended = now.duration_since(shown.not_after);
        let ended = (!ended.is_negative()).then(|| ended.unsigned_abs());
        if ended.is_some_and(|ended| ended > GRACE) {
            return Verdict::Refused(Refusal::TooLate { at: shown.not_after });
        }
        // Who has nothing but a certificate of the past says at least for which cluster.
        if ended.is_some() && kube_system_uid.is_empty() && !self.kube_system_uid.is_empty() {
            let known = self.kube_system_uid.clone();
            return Verdict::Refused(Refusal::OtherCluster { known, found: String::new() });
        }
        if let Some(refusal) = self.is_of(kube_system_uid, from, now) {
            return Verdict::Refused(refusal);
        }
        if ended.is_some_and(|ended| ended > report_only_after) {
            self.report_only.get_or_insert(ReportOnly { since: now, ended: shown.not_after });
        }
        self.used(&shown.serial, now);
        Verdict::Admitted(self.mode())
    }

    pub(super) fn issued(&mut self, serial: &str, joined: Option<&str>, now: Timestamp) -> Verdict {
        if self.current.as_deref() != Some(serial)
            && let Some(unused) = self.next.replace(serial.to_owned()).filter(|unused| unused != serial)
        {
            // It never was the current one, so that nothing overlaps.
            self.retire(unused, Timestamp::UNIX_EPOCH);
        }
        if let Some(kube_system_uid) = joined {
            (self.revoked, self.quarantined, self.report_only, self.replaced) = (None, None, None, None);
            (self.instance, self.replaced_instances) = (None, Vec::new());
            self.forgotten.clear();
            // Another cluster gets its certificate, and waits for a person at its first session.
            let _ = self.is_of(kube_system_uid, "", now);
        }
        Verdict::Admitted(self.mode())
    }
}
