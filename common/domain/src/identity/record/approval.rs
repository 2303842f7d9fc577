//! What a person approves.

use super::super::verdict::{Refusal, Verdict};
use super::{AlertKind, IdentityRecord};
use crate::time::Timestamp;

impl IdentityRecord {
    /// One certificate: it is the cluster's from now on, and the one in use is not. Without one: what stands against the cluster as a whole.
    pub(super) fn approved(&mut self, serial: Option<&str>, now: Timestamp) -> Verdict {
        let Some(serial) = serial else { return self.approve_cluster() };
        if self.revoked.is_some() {
            return Verdict::Refused(Refusal::Revoked { serial: serial.to_owned() });
        }
        if self.current.as_deref() == Some(serial) {
            return Verdict::Refused(Refusal::NothingToApprove);
        }
        self.next = None;
        self.make_current(serial, now);
        // The other holder shows its own again soon enough: that is refused at once.
        for retired in &mut self.retired {
            retired.at = Timestamp::UNIX_EPOCH;
        }
        self.alerts.retain(|alert| alert.serial != serial);
        self.forgotten.clear();
        Verdict::Admitted(self.mode())
    }

    fn approve_cluster(&mut self) -> Verdict {
        if self.revoked.is_some() {
            return Verdict::Refused(Refusal::Revoked { serial: self.current.clone().unwrap_or_default() });
        }
        let waits = self.quarantined.is_some() || self.replaced.is_some() || self.report_only.is_some();
        if !waits {
            return Verdict::Refused(Refusal::NothingToApprove);
        }
        if let Some(replaced) = self.replaced.take() {
            self.kube_system_uid = replaced.found;
        }
        if self.quarantined.take().is_some() {
            (self.instance, self.replaced_instances) = (None, Vec::new());
        }
        self.report_only = None;
        self.alerts.retain(|alert| !matches!(alert.kind, AlertKind::ClonedIdentity | AlertKind::OtherCluster));
        Verdict::Admitted(self.mode())
    }
}
