//! Agents' certificates over their life: checked at every call, made once per key, renewed by their owner.

use std::time::Duration;

use tonic::Status;
use tonic::metadata::MetadataValue;
use uuid::Uuid;
use windlass_domain::time::Timestamp;
use windlass_proto::v1;
use windlass_store::{IssuedCertificate, Store};

use super::Agents;
use super::server::Peer;
use crate::pki::{Authority, CertificateRequest, GRACE, PeerCertificate};

/// A certificate with less time left than this is not handed out again for the same key: a new one is made.
const WORTH_REPEATING: Duration = Duration::from_secs(4 * 86_400);

/// Tells an agent what is wrong with its certificate in a word: `ended` is renewed at once, whatever its own clock says.
const CERTIFICATE: &str = "windlass-certificate";

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The store failed, or holds nothing to issue with.
    #[error(transparent)]
    Store(#[from] windlass_store::Error),
    /// The authority failed.
    #[error(transparent)]
    Authority(#[from] crate::pki::Error),
}

/// Why a certificate is not taken, in words for the agent's log. Whoever reads them has shown a certificate of our authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "this hub does not know the certificate {0}: its cluster was removed, or the hub was restored from an older backup; join again with a new token (windlass cluster token)"
    )]
    Unknown(String),
    #[error("the certificate {0} was revoked: join again with a new token (windlass cluster token)")]
    Revoked(String),
    #[error("the certificate ended at {0}: it can only be renewed")]
    Ended(Timestamp),
    #[error(
        "the certificate {0} has ended, and a newer one was issued to this cluster: only the newest can be renewed after its end; join again with a new token (windlass cluster token)"
    )]
    NotNewest(String),
    #[error(
        "the certificate ended at {0}, more than 90 days ago: join again with a new token (windlass cluster token)"
    )]
    TooLate(Timestamp),
    #[error(
        "the certificate has ended, and the agent is in another cluster than before (namespace kube-system has uid {found:?}, not {expected:?}): join again with a new token (windlass cluster token)"
    )]
    OtherCluster { expected: String, found: String },
}

/// Refuses a certificate that the store does not know, that belongs to another cluster, that was revoked, or whose time is over.
pub(super) async fn check(store: &dyn Store, peer: &PeerCertificate, now: Timestamp) -> Result<(), Status> {
    match standing(store, peer).await.map_err(unavailable)? {
        Err(refused) => Err(refused.status(peer)),
        Ok(known) if known.not_after <= now => Err(Refused::Ended(known.not_after).status(peer)),
        Ok(_) => Ok(()),
    }
}

/// Refuses a renewal: as [`check`], but a certificate that ended within the grace may be renewed, when it is the cluster's newest and the agent is still in
/// the same cluster.
async fn check_renewal(
    store: &dyn Store,
    peer: &PeerCertificate,
    kube_system_uid: &str,
    now: Timestamp,
) -> Result<(), Status> {
    let known = match standing(store, peer).await.map_err(unavailable)? {
        Err(refused) => return Err(refused.status(peer)),
        Ok(known) if known.not_after > now => return Ok(()),
        Ok(known) => known,
    };
    let refused = |refused: Refused| Err(refused.status(peer));
    if now.duration_since(known.not_after).unsigned_abs() > GRACE {
        return refused(Refused::TooLate(known.not_after));
    }
    let newest = store.newest_certificate(peer.cluster).await.map_err(unavailable)?;
    if newest.is_none_or(|newest| newest.serial != known.serial) {
        return refused(Refused::NotNewest(known.serial));
    }
    let clusters = store.clusters().await.map_err(unavailable)?;
    let facts = clusters.into_iter().find(|cluster| cluster.uid == peer.cluster).and_then(|cluster| cluster.facts);
    match facts.map(|facts| facts.kube_system_uid).filter(|uid| !uid.is_empty()) {
        Some(expected) if expected != kube_system_uid => {
            refused(Refused::OtherCluster { expected, found: kube_system_uid.chars().take(64).collect() })
        }
        _ => Ok(()),
    }
}

async fn standing(
    store: &dyn Store,
    peer: &PeerCertificate,
) -> windlass_store::Result<Result<IssuedCertificate, Refused>> {
    let known = store.certificate(&peer.serial).await?.filter(|known| known.cluster == peer.cluster);
    Ok(match known {
        None => Err(Refused::Unknown(peer.serial.clone())),
        Some(known) if known.revoked => Err(Refused::Revoked(known.serial)),
        Some(known) => Ok(known),
    })
}

/// The certificate of a key: the one it has, or a new one, recorded before anybody gets it.
pub(super) async fn of_key(
    store: &dyn Store,
    authority: &Authority,
    request: &CertificateRequest,
    cluster: Uuid,
    now: Timestamp,
) -> Result<IssuedCertificate, Error> {
    let known = store.certificate_for_key(cluster, request.key_digest()).await?;
    if let Some(known) = known.filter(|known| !known.revoked && known.not_after > now + WORTH_REPEATING) {
        return Ok(known);
    }
    let issued = authority.issue(request, cluster, now)?;
    store.put_certificate(&issued).await?;
    tracing::info!(%cluster, serial = issued.serial, not_after = %issued.not_after, "a certificate was issued");
    Ok(issued)
}

/// A new certificate for the caller's own cluster.
pub(super) async fn renew(agents: &Agents, peer: &Peer, asked: &v1::RenewRequest) -> Result<IssuedCertificate, Status> {
    let now = agents.clock.now();
    check_renewal(agents.store.as_ref(), &peer.certificate, &asked.kube_system_uid, now).await?;
    let request =
        CertificateRequest::parse(&asked.csr_der).map_err(|invalid| Status::invalid_argument(invalid.to_string()))?;
    let cluster = peer.certificate.cluster;
    let issued = of_key(agents.store.as_ref(), &agents.authority, &request, cluster, now).await;
    issued.map_err(|error| {
        tracing::error!(%cluster, %error, "a certificate could not be renewed");
        Status::unavailable("the hub cannot issue certificates now")
    })
}

// === impl Refused ===

impl Refused {
    fn status(&self, peer: &PeerCertificate) -> Status {
        tracing::warn!(cluster = %peer.cluster, serial = peer.serial, reason = %self, "an agent's certificate was refused");
        let mut status = Status::unauthenticated(self.to_string());
        if matches!(self, Self::Ended(_)) {
            status.metadata_mut().insert(CERTIFICATE, MetadataValue::from_static("ended"));
        }
        status
    }
}

pub(super) fn unavailable(error: windlass_store::Error) -> Status {
    tracing::error!(%error, "the store does not answer an agent's call");
    Status::unavailable("the hub's store does not answer")
}

#[cfg(test)]
mod tests;
