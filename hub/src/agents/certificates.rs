//! Agents' certificates over their life: checked at every call, made once per key, renewed by their owner.

use std::time::Duration;

use tonic::Status;
use uuid::Uuid;
use windlass_domain::time::Timestamp;
use windlass_store::{IssuedCertificate, Store};

use super::Agents;
use super::server::Peer;
use crate::pki::{Authority, CertificateRequest, PeerCertificate};

/// A certificate with less time left than this is not handed out again for the same key: a new one is made.
const WORTH_REPEATING: Duration = Duration::from_secs(4 * 86_400);

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

/// Refuses a certificate that the store does not know, that belongs to another cluster, that was revoked, or whose time is over.
pub(super) async fn check(store: &dyn Store, peer: &PeerCertificate, now: Timestamp) -> Result<(), Status> {
    let known = store.certificate(&peer.serial).await.map_err(unavailable)?;
    let good = known.is_some_and(|known| known.cluster == peer.cluster && !known.revoked && known.not_after > now);
    if good {
        return Ok(());
    }
    tracing::warn!(cluster = %peer.cluster, serial = peer.serial, "an agent's certificate was refused");
    Err(Status::unauthenticated(
        "this certificate is not accepted: it was revoked, has ended, or its cluster was removed; join again",
    ))
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
pub(super) async fn renew(agents: &Agents, peer: &Peer, csr_der: &[u8]) -> Result<IssuedCertificate, Status> {
    let request =
        CertificateRequest::parse(csr_der).map_err(|invalid| Status::invalid_argument(invalid.to_string()))?;
    let cluster = peer.certificate.cluster;
    let issued = of_key(agents.store.as_ref(), &agents.authority, &request, cluster, agents.clock.now()).await;
    issued.map_err(|error| {
        tracing::error!(%cluster, %error, "a certificate could not be renewed");
        Status::unavailable("the hub cannot issue certificates now")
    })
}

pub(super) fn unavailable(error: windlass_store::Error) -> Status {
    tracing::error!(%error, "the store does not answer an agent's call");
    Status::unavailable("the hub's store does not answer")
}
