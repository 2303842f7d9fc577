//! Agents' certificates: made once per key, renewed by their owner. Who may is the [`door`](super::door)'s to say.

use std::time::Duration;

use tonic::Status;
use uuid::Uuid;
use windlass_domain::identity::record::Event;
use windlass_domain::time::Timestamp;
use windlass_proto::v1;
use windlass_store::{IdentityEvent, IssuedCertificate, Store};

use super::Agents;
use super::server::Peer;
use crate::pki::{Authority, CertificateRequest};

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

/// The certificate of a key: the one it has, or a new one, recorded before anybody gets it. `joined` has the uid of the cluster that an agent joins from.
pub(super) async fn of_key(
    store: &dyn Store,
    authority: &Authority,
    request: &CertificateRequest,
    (cluster, joined): (Uuid, Option<&str>),
    now: Timestamp,
) -> Result<IssuedCertificate, Error> {
    let known = store.certificate_for_key(cluster, request.key_digest()).await?;
    let is_good = |known: &IssuedCertificate| {
        !known.revoked && known.not_after > now + WORTH_REPEATING && known.authority == authority.signing()
    };
    if let Some(known) = known.filter(is_good) {
        if let Some(joined) = joined {
            let event = Event::Issued { serial: known.serial.clone(), joined: Some(joined.to_owned()) };
            store.change_identity(cluster, &IdentityEvent { event, from: String::new() }, now).await?;
        }
        return Ok(known);
    }
    let issued = authority.issue(request, cluster, now)?;
    store.put_certificate(&issued, joined).await?;
    tracing::info!(%cluster, serial = issued.serial, not_after = %issued.not_after, authority = issued.authority, "a certificate was issued");
    Ok(issued)
}

/// A new certificate for the caller's own cluster.
pub(super) async fn renew(agents: &Agents, peer: &Peer, asked: &v1::RenewRequest) -> Result<IssuedCertificate, Status> {
    let now = agents.clock.now();
    let admitted = agents.door.renewing(peer, &asked.kube_system_uid, now).await;
    admitted.map_err(|not| not.status(peer))?;
    let request =
        CertificateRequest::parse(&asked.csr_der).map_err(|invalid| Status::invalid_argument(invalid.to_string()))?;
    let cluster = peer.certificate.cluster;
    if agents.store.key_is_anothers(cluster, request.key_digest()).await.map_err(unavailable)? {
        return Err(Status::invalid_argument("this key is another cluster's: the agent must make one of its own"));
    }
    let issued = of_key(agents.store.as_ref(), &agents.authority, &request, (cluster, None), now).await;
    issued.map_err(|error| {
        tracing::error!(%cluster, %error, "a certificate could not be renewed");
        Status::unavailable("the hub cannot issue certificates now")
    })
}

pub(super) fn unavailable(error: windlass_store::Error) -> Status {
    tracing::error!(%error, "the store does not answer an agent's call");
    Status::unavailable("the hub's store does not answer")
}

#[cfg(test)]
mod tests;
