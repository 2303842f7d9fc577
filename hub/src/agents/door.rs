//! Who is let in: every call's certificate is checked against the outside list, the store and the trusted authorities; what that means is decided by
//! [`windlass_domain::identity::record`].

use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use tonic::metadata::MetadataValue;
use windlass_domain::digest::hex;
use windlass_domain::exchange::Hello;
use windlass_domain::identity::record::{Event, Forgotten, Shown, step};
use windlass_domain::identity::verdict::{Mode, Refusal, Verdict};
use windlass_domain::time::Timestamp;
use windlass_store::{IdentityEvent, Store};

use super::server::Peer;
use crate::pki::{Authority, Revocations, SKEW};

/// After so long beyond its certificate's end a cluster may only report, until a person approves.
pub const REPORT_ONLY_AFTER: Duration = Duration::from_secs(14 * 86_400);

/// Tells an agent what is wrong with its certificate in a word: `ended` is renewed at once, whatever its own clock says.
const CERTIFICATE: &str = "windlass-certificate";

/// The check of identities. Cheap to clone.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) store: Arc<dyn Store>,
    pub(super) authority: Arc<Authority>,
    pub(super) revocations: Revocations,
    pub(super) report_only_after: Duration,
}

/// Who was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admission {
    pub(super) mode: Mode,
    /// The authority that signed the caller's certificate.
    pub(super) authority: u64,
}

/// Why somebody was not let in.
#[derive(Debug)]
pub(super) enum NotAdmitted {
    /// The certificate or its cluster is not trusted.
    Refused(Refusal),
    /// The store does not answer: nothing is known.
    Unknown(windlass_store::Error),
}

/// A result of the door.
pub(super) type Admitted<T> = Result<T, NotAdmitted>;

// === impl Door ===

impl Door {
    /// A call; also the look at a session that has been open for a while.
    pub(super) async fn called(&self, peer: &Peer, now: Timestamp) -> Admitted<Admission> {
        self.shown(peer, now, Event::Called).await
    }

    /// A renewal, which a certificate that has ended may ask for.
    pub(super) async fn renewing(&self, peer: &Peer, kube_system_uid: &str, now: Timestamp) -> Admitted<Admission> {
        let report_only_after = self.report_only_after;
        let kube_system_uid = kube_system_uid.to_owned();
        self.shown(peer, now, |shown| Event::Renewing { shown, kube_system_uid, report_only_after }).await
    }

    /// The first word of a session: which installation speaks, and for which cluster.
    pub(super) async fn greeted(&self, peer: &Peer, hello: &Hello, now: Timestamp) -> windlass_store::Result<Verdict> {
        let kube_system_uid = hello.facts.kube_system_uid.clone();
        let event = Event::Greeted { instance: hello.instance, kube_system_uid };
        let change = IdentityEvent { event, from: peer.address.ip().to_string() };
        self.store.change_identity(peer.certificate.cluster, &change, now).await
    }

    /// A certificate that the handshake found to be ours, and that the store does not have: its cluster remembers it until a person decides.
    async fn forgotten(&self, peer: &Peer, now: Timestamp) -> Admitted<Refusal> {
        let certificate = &peer.certificate;
        let unknown = Refusal::Unknown { serial: certificate.serial.clone() };
        let Some(authority) = self.authority.signer_of(&certificate.der) else { return Ok(unknown) };
        let forgotten = Forgotten {
            serial: certificate.serial.clone(),
            der: hex(&certificate.der),
            key_digest: hex(&certificate.key_digest),
            issued_at: (certificate.not_before + SKEW).min(now),
            not_after: certificate.not_after,
            authority,
        };
        let change = IdentityEvent { event: Event::Forgotten(forgotten), from: peer.address.ip().to_string() };
        match self.store.change_identity(certificate.cluster, &change, now).await {
            Ok(Verdict::Refused(refusal)) => Ok(refusal),
            Ok(Verdict::Admitted(_)) | Err(windlass_store::Error::NotFound { .. }) => Ok(unknown),
            Err(error) => Err(NotAdmitted::Unknown(error)),
        }
    }

    /// Most calls change nothing: they cost one read.
    async fn shown(&self, peer: &Peer, now: Timestamp, event: impl FnOnce(Shown) -> Event) -> Admitted<Admission> {
        let (cluster, serial) = (peer.certificate.cluster, &peer.certificate.serial);
        let refused = |refusal| Err(NotAdmitted::Refused(refusal));
        let found = self.store.identity_of(serial).await?.filter(|(known, _)| known.cluster == cluster);
        let Some((known, record)) = found else {
            return refused(match self.revocations.holds(serial) {
                true => Refusal::Revoked { serial: serial.clone() },
                false => self.forgotten(peer, now).await?,
            });
        };
        if !self.authority.trusts(known.authority) {
            return refused(Refusal::RetiredAuthority { serial: serial.clone() });
        }
        let revoked = known.revoked || self.revocations.holds(serial);
        let shown = Shown { serial: serial.clone(), revoked, not_after: known.not_after };
        let change = IdentityEvent { event: event(shown), from: peer.address.ip().to_string() };
        let (after, verdict) = step(record.clone(), &change.event, &change.from, now);
        let verdict = if after == record { verdict } else { self.store.change_identity(cluster, &change, now).await? };
        match verdict {
            Verdict::Admitted(mode) => Ok(Admission { mode, authority: known.authority }),
            Verdict::Refused(refusal) => refused(refusal),
        }
    }
}

// === impl NotAdmitted ===

impl NotAdmitted {
    /// The answer to a call; a refusal is in the hub's log too.
    pub(super) fn status(self, peer: &Peer) -> Status {
        match self {
            Self::Unknown(error) => super::certificates::unavailable(error),
            Self::Refused(refusal) => {
                let certificate = &peer.certificate;
                tracing::warn!(
                    cluster = %certificate.cluster,
                    serial = certificate.serial,
                    from = %peer.address,
                    reason = %refusal,
                    "an agent's certificate was refused"
                );
                let mut status = Status::unauthenticated(refusal.to_string());
                if matches!(refusal, Refusal::Ended { .. }) {
                    status.metadata_mut().insert(CERTIFICATE, MetadataValue::from_static("ended"));
                }
                status
            }
        }
    }
}

impl From<windlass_store::Error> for NotAdmitted {
    fn from(error: windlass_store::Error) -> Self {
        Self::Unknown(error)
    }
}
