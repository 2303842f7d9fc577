//! What may be called on the agents listener. Every call checks the caller's serial in the store: the handshake was long ago, or another replica revoked it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;
use windlass_domain::identity::verdict::Mode;
use windlass_proto::v1::{self, agent_server};
use windlass_runtime::clock::Clock;
use windlass_store::Store;

use super::door::{Admission, Door, REPORT_ONLY_AFTER};
use super::registry::Registry;
use super::server::Peer;
use super::session::{self, Session};
use super::{certificates, fetch, serve};
use crate::pki::{Authority, Revocations};

/// How many fetches are served at once, over all agents: each holds some megabytes.
const FETCHES: usize = 32;
/// Frames on their way to one agent; they are at most 16 KiB.
const OUTBOUND: usize = 32;

/// What a cluster hears that asks for contents and may not have any.
const REPORT_ONLY: &str = "this cluster was away for so long that it may only report until an operator approves it (windlass cluster approve)";

/// Says the hub's time, in milliseconds since 1970.
const TIME: &str = "windlass-time";
/// Where an agent is to connect, when that is a word of its cluster's own.
const ADDRESS: &str = "windlass-agents-address";

/// The `Agent` service. Cheap to clone.
#[derive(Clone)]
pub struct Agents {
    pub(super) store: Arc<dyn Store>,
    pub(super) authority: Arc<Authority>,
    pub(super) registry: Registry,
    pub(super) clock: Clock,
    pub(super) door: Door,
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
        let door = Door {
            store: Arc::clone(&store),
            authority: Arc::clone(&authority),
            revocations: Revocations::default(),
            report_only_after: REPORT_ONLY_AFTER,
        };
        Self { store, authority, registry, clock, door, fetches: Arc::new(Semaphore::new(FETCHES)), stop }
    }

    /// With a list of revocations outside the store, and another time after which a cluster that was away may only report.
    #[must_use]
    pub fn trusting(mut self, revocations: Revocations, report_only_after: Duration) -> Self {
        (self.door.revocations, self.door.report_only_after) = (revocations, report_only_after);
        self
    }

    pub(super) fn trust_domain(&self) -> &str {
        self.authority.trust_domain()
    }

    /// The caller, whose certificate is known, its cluster's, in use, not revoked and not over.
    async fn caller<T>(&self, request: &Request<T>) -> Result<(Peer, Admission), Status> {
        let peer = peer_of(request)?;
        match self.door.called(&peer, self.clock.now()).await {
            Ok(admission) => Ok((peer, admission)),
            Err(not) => Err(not.status(&peer)),
        }
    }

    /// Told at each session; a store that does not answer now has it said at the next.
    async fn own_address(&self, cluster: Uuid) -> Option<MetadataValue<Ascii>> {
        self.store.agents_address(cluster).await.ok()??.parse().ok()
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
    type ServeStream = ReceiverStream<Result<v1::ServeFrame, Status>>;

    async fn connect(&self, request: Request<Streaming<v1::Frame>>) -> Result<Response<Self::ConnectStream>, Status> {
        let (peer, admission) = self.caller(&request).await?;
        let (outbound, frames) = mpsc::channel(OUTBOUND);
        let cluster = peer.certificate.cluster;
        let session = Session::new(self.clone(), peer, admission, outbound);
        tokio::spawn(session::run(session, request.into_inner(), self.stop.clone()));
        let mut response = self.at_this_time(ReceiverStream::new(frames));
        if let Some(address) = self.own_address(cluster).await {
            response.metadata_mut().insert(ADDRESS, address);
        }
        Ok(response)
    }

    async fn fetch(&self, request: Request<v1::FetchRequest>) -> Result<Response<Self::FetchStream>, Status> {
        let (peer, admission) = self.caller(&request).await?;
        if admission.mode == Mode::ReportOnly {
            return Err(Status::permission_denied(REPORT_ONLY));
        }
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

    async fn serve(&self, request: Request<Streaming<v1::ServeFrame>>) -> Result<Response<Self::ServeStream>, Status> {
        let cluster = self.caller(&request).await?.0.certificate.cluster;
        let (frames, stream) = mpsc::channel(serve::FRAMES_AHEAD);
        let (pending, clock) = (self.registry.pending.clone(), self.clock.clone());
        tokio::spawn(serve::run(pending, clock, cluster, request.into_inner(), frames));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::RenewReply>, Status> {
        // A certificate that has ended may be renewed: who may is checked there.
        let peer = peer_of(&request)?;
        let certificate = certificates::renew(self, &peer, &request.into_inner()).await?;
        Ok(self.at_this_time(v1::RenewReply {
            not_after_ms: windlass_domain::time::to_millis(certificate.not_after),
            certificate_der: vec![certificate.der],
            ca_der: self.authority.trusted_der(),
        }))
    }
}
