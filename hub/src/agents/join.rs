//! Joining: the only thing that an agent may call without a certificate. It is served on the API listener.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use tonic::{Request, Response, Status};
use uuid::Uuid;
use windlass_domain::identity::JoinToken;
use windlass_domain::identity::record::Event;
use windlass_domain::time::{Timestamp, to_millis};
use windlass_proto::v1::{self, join_server};
use windlass_runtime::clock::Clock;
use windlass_store::{IdentityEvent, Spend, SpendRefusal, Store};

use super::certificates;
use super::failures::Failures;
use crate::args::Advertised;
use crate::pki::{Authority, CertificateRequest};

/// A request holds a token and a certificate request.
const MAX_REQUEST_BYTES: usize = 32 << 10;
/// Whatever the reason: who guesses tokens learns nothing.
const REFUSED: &str = "join token not accepted (unknown, expired, already used or void): make a new one with `windlass cluster add` or `windlass cluster token`";

/// What an agent hears that has another one's key.
const ANOTHERS_KEY: &str = "this key is another cluster's: the agent's identity was copied from there; remove the copy (its identity folder or Secret) and start it again, so that it makes a key of its own";

/// The `Join` service.
struct Join {
    store: Arc<dyn Store>,
    authority: Arc<Authority>,
    clock: Clock,
    advertised: Advertised,
    failures: Failures,
}

/// The `Join` service as routes, to be merged into the API's.
pub fn join_routes(
    store: Arc<dyn Store>,
    authority: Arc<Authority>,
    clock: Clock,
    advertised: Advertised,
) -> axum::Router {
    let join =
        join_server::JoinServer::new(Join { store, authority, clock, advertised, failures: Failures::default() });
    let service = join.max_decoding_message_size(MAX_REQUEST_BYTES);
    // Not `Routes::into_axum_router`: its fallback would answer in gRPC for the API's unknown paths.
    axum::Router::new().route_service("/windlass.agent.v1.Join/{method}", service)
}

// === impl Join ===

impl Join {
    /// A key belongs to one cluster. Checked before the token is spent, so that it stays good for the agent with a key of its own.
    async fn must_be_its_own(&self, token: Uuid, csr: &CertificateRequest) -> Result<(), Status> {
        let taken = async {
            match self.store.cluster_of_token(token).await? {
                Some(cluster) => self.store.key_is_anothers(cluster, csr.key_digest()).await,
                None => Ok(false),
            }
        };
        if taken.await.map_err(certificates::unavailable)? {
            tracing::warn!(%token, "a join was refused: its key is another cluster's");
            return Err(Status::invalid_argument(ANOTHERS_KEY));
        }
        Ok(())
    }

    /// Somebody has a token that is another's: the cluster's operator learns of it.
    async fn alert(&self, token: Uuid, reason: SpendRefusal, from: Option<IpAddr>, now: Timestamp) {
        if !matches!(reason, SpendRefusal::Spent | SpendRefusal::Void) {
            return;
        }
        let from = from.map(|address| address.to_string()).unwrap_or_default();
        let change = IdentityEvent { event: Event::TokenRefused, from };
        let noted = async {
            let Some(cluster) = self.store.cluster_of_token(token).await? else { return Ok(()) };
            self.store.change_identity(cluster, &change, now).await.map(drop)
        };
        let noted: windlass_store::Result<()> = noted.await;
        if let Err(error) = noted {
            tracing::warn!(%error, "a refused token could not be noted with its cluster");
        }
    }
}

#[tonic::async_trait]
impl join_server::Join for Join {
    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinReply>, Status> {
        let peer =
            request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.to_string()).unwrap_or_default();
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        if !self.failures.may_try(address, self.clock.now()) {
            return Err(Status::resource_exhausted(
                "too many joins from this address were refused; try again in a minute",
            ));
        }
        let request = request.into_inner();
        let csr = CertificateRequest::parse(&request.csr_der)
            .map_err(|invalid| Status::invalid_argument(invalid.to_string()))?;
        let Ok(token) = JoinToken::parse(&request.token) else {
            self.failures.count(address, self.clock.now());
            tracing::warn!(peer, "a join was refused: not a join token");
            return Err(Status::unauthenticated(REFUSED));
        };
        self.must_be_its_own(token.id, &csr).await?;
        let now = self.clock.now();
        let spend = self.store.spend_join_token(token.id, token.secret_hash(), csr.key_digest(), now).await;
        let cluster = match spend.map_err(certificates::unavailable)? {
            Spend::Granted { cluster } => cluster,
            Spend::Refused(reason) => {
                self.failures.count(address, now);
                self.alert(token.id, reason, address, now).await;
                tracing::warn!(peer, token = %token.id, ?reason, "a join was refused");
                return Err(Status::unauthenticated(REFUSED));
            }
        };
        let issued = certificates::of_key(
            self.store.as_ref(),
            &self.authority,
            &csr,
            (cluster, Some(&request.kube_system_uid)),
            now,
        )
        .await;
        fail::fail_point!("hub::join::issued", |_| Err(Status::unavailable("failpoint hub::join::issued")));
        let issued = issued.map_err(|error| {
            tracing::error!(%cluster, %error, "a joining agent's certificate could not be issued");
            Status::unavailable("the hub cannot issue certificates now; try again")
        })?;
        let installation = self.store.installation().await.map_err(certificates::unavailable)?;
        let own_address = self.store.agents_address(cluster).await.map_err(certificates::unavailable)?;
        tracing::info!(%cluster, peer, kube_system_uid = request.kube_system_uid, "an agent joined");
        Ok(Response::new(v1::JoinReply {
            certificate_der: vec![issued.der],
            ca_der: self.authority.trusted_der(),
            trust_domain: self.authority.trust_domain().to_owned(),
            agents_address: own_address.unwrap_or_else(|| self.advertised.agents_address.clone()),
            installation_id: installation.id.as_bytes().to_vec(),
            digest_key: installation.digest_key.expose().to_vec(),
            not_after_ms: to_millis(issued.not_after),
        }))
    }
}
