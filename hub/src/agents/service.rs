//! What may be called on the agents listener. Every call checks the caller's serial in the store: the handshake was long ago, or another replica revoked it.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status, Streaming};
use windlass_proto::v1::{self, agent_server};
use windlass_runtime::clock::Clock;
use windlass_store::Store;

use super::registry::Registry;
use super::server::Peer;
use super::session::{self, Session};
use super::{certificates, fetch};
use crate::pki::Authority;

/// How many fetches are served at once, over all agents: each holds some megabytes.
const FETCHES: usize = 32;
/// Frames on their way to one agent; they are at most 16 KiB.
const OUTBOUND: usize = 32;

/// Says the hub's time, in milliseconds since 1970.
const TIME: &str = "windlass-time";

/// The `Agent` service. Cheap to clone.
#[derive(Clone)]
pub struct Agents {
    pub(super) store: Arc<dyn Store>,
    pub(super) authority: Arc<Authority>,
    pub(super) registry: Registry,
    pub(super) clock: Clock,
    fetches: Arc<Semaphore>,
    stop: CancellationToken,
}

// === impl Agents ===

impl Agents {
    /// The service over a store; sessions enter `registry`, and end when `stop` is cancelled.
    pub fn new(
        store: Arc<dyn Store>,
        authority: Arc<Authority>,
        registry: Registry,
        clock: Clock,
        stop: CancellationToken,
    ) -> Self {
        Self { store, authority, registry, clock, fetches: Arc::new(Semaphore::new(FETCHES)), stop }
    }

    pub(super) fn trust_domain(&self) -> &str {
        self.authority.trust_domain()
    }

    /// The caller, whose certificate is known, its cluster's, not revoked and not over.
    async fn caller<T>(&self, request: &Request<T>) -> Result<Peer, Status> {
        let peer = peer_of(request)?;
        certificates::check(self.store.as_ref(), &peer.certificate, self.clock.now()).await?;
        Ok(peer)
    }

    /// An answer with the hub's time beside it: agents say in their log when their clock is far off.
    fn at_this_time<T>(&self, answer: T) -> Response<T> {
        let mut response = Response::new(answer);
        let millis = windlass_domain::time::to_millis(self.clock.now());
        response.metadata_mut().insert(TIME, MetadataValue::from(millis));
        response
    }
}

fn peer_of<T>(request: &Request<T>) -> Result<Peer, Status> {
    let peer = request.extensions().get::<Peer>().cloned();
    peer.ok_or_else(|| Status::unauthenticated("the connection has no certificate"))
}

#[tonic::async_trait]
impl agent_server::Agent for Agents {
    type ConnectStream = ReceiverStream<Result<v1::Frame, Status>>;
    type FetchStream = ReceiverStream<Result<v1::FetchPart, Status>>;

    async fn connect(&self, request: Request<Streaming<v1::Frame>>) -> Result<Response<Self::ConnectStream>, Status> {
        let peer = self.caller(&request).await?;
        let (outbound, frames) = mpsc::channel(OUTBOUND);
        let session = Session::new(self.clone(), peer, outbound);
        tokio::spawn(session::run(session, request.into_inner(), self.stop.clone()));
        Ok(self.at_this_time(ReceiverStream::new(frames)))
    }

    async fn fetch(&self, request: Request<v1::FetchRequest>) -> Result<Response<Self::FetchStream>, Status> {
        let peer = self.caller(&request).await?;
        let digests = fetch::digests(&request.into_inner())?;
        let permit = Arc::clone(&self.fetches).acquire_owned().await;
        let permit = permit.map_err(|_| Status::unavailable("the hub is shutting down"))?;
        let (parts, stream) = mpsc::channel(fetch::PARTS_AHEAD);
        let (store, cluster) = (Arc::clone(&self.store), peer.certificate.cluster);
        tokio::spawn(async move {
            let _permit = permit;
            fetch::send(store.as_ref(), cluster, &digests, &parts).await;
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::RenewReply>, Status> {
        // A certificate that has ended may be renewed: who may is checked there.
        let peer = peer_of(&request)?;
        let certificate = certificates::renew(self, &peer, &request.into_inner()).await?;
        Ok(self.at_this_time(v1::RenewReply {
            not_after_ms: windlass_domain::time::to_millis(certificate.not_after),
            certificate_der: vec![certificate.der],
            ca_der: vec![self.authority.ca_der().to_vec()],
        }))
    }
}
