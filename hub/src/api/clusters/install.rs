//! `GET /install/<id>.<secret>`: the manifest that installs one cluster's agent, given out once to who has the link.
//!
//! It is not behind the API's guard: the link is the credential, and it stands in the path, which nobody may log.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use uuid::Uuid;
use windlass_domain::identity::{JoinFile, JoinToken};
use windlass_domain::install::{self, InstallOptions};
use windlass_runtime::clock::Clock;
use windlass_store::{FetchRefusal, FetchedInstall, Store};

use crate::agents::Failures;
use crate::args::Advertised;
use crate::pki::Authority;

/// What kubectl applies.
const YAML: &str = "application/yaml; charset=utf-8";
const AGAIN: &str = "make a new link with `windlass cluster token`";

/// What the route works with.
struct Installs {
    store: Arc<dyn Store>,
    authority: Arc<Authority>,
    clock: Clock,
    advertised: Advertised,
    failures: Failures,
}

/// The route, to be merged beside the API's.
pub fn install_routes(
    store: Arc<dyn Store>,
    authority: Arc<Authority>,
    clock: Clock,
    advertised: Advertised,
) -> Router {
    let installs = Installs { store, authority, clock, advertised, failures: Failures::default() };
    Router::new().route("/install/{link}", get(fetch)).with_state(Arc::new(installs))
}

/// Where an installation is fetched with this token.
pub(super) fn link(advertised: &Advertised, token: &JoinToken) -> String {
    format!("{}/install/{}", advertised.api_url, token.expose())
}

/// What a joining agent is given.
pub(super) fn join_file(
    advertised: &Advertised,
    authority: &Authority,
    cluster: Uuid,
    token: &JoinToken,
    proxy: Option<String>,
) -> JoinFile {
    JoinFile {
        version: 1,
        hub: advertised.api_url.clone(),
        agents: advertised.agents_address.clone(),
        cluster,
        token: token.expose(),
        pins: authority.pins(),
        proxy,
    }
}

/// The whole installation, as kubectl takes it.
pub(super) fn manifest(options: &InstallOptions, advertised: &Advertised, join: &JoinFile) -> Result<String, String> {
    let join = serde_json::to_value(join).map_err(|error| error.to_string())?;
    Ok(install::to_yaml(&install::objects(options, &advertised.agent_image, Some(&join))))
}

async fn fetch(State(installs): State<Arc<Installs>>, Path(link): Path<String>, request: Request) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let (address, now) = (peer.map(|peer| peer.ip()), installs.clock.now());
    if !installs.failures.may_try(address, now) {
        return refused(
            StatusCode::TOO_MANY_REQUESTS,
            "too many links from this address were refused; try again in a minute",
        );
    }
    let answer = match JoinToken::parse(&link) {
        Ok(token) => installs.fetch(&token, peer).await,
        Err(_) => refused(StatusCode::NOT_FOUND, &format!("this is no link to an installation; {AGAIN}")),
    };
    if answer.status().is_client_error() {
        installs.failures.count(address, now);
    }
    answer
}

// === impl Installs ===

impl Installs {
    async fn fetch(&self, token: &JoinToken, peer: Option<SocketAddr>) -> Response {
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        match self.store.fetch_install(token.id, token.secret_hash(), self.clock.now()).await {
            Ok(Ok(fetched)) => {
                tracing::info!(cluster = fetched.name, peer, "an install manifest was fetched");
                self.given(&fetched, token)
            }
            Ok(Err(refusal)) => {
                tracing::warn!(token = %token.id, peer, ?refusal, "an install manifest was refused");
                let (status, why) = words(refusal);
                refused(status, &format!("{why}; {AGAIN}"))
            }
            Err(error) => {
                tracing::warn!(%error, "an install manifest could not be looked up");
                refused(StatusCode::SERVICE_UNAVAILABLE, "the hub's store does not answer; try again")
            }
        }
    }

    fn given(&self, fetched: &FetchedInstall, token: &JoinToken) -> Response {
        let options: Result<InstallOptions, _> = serde_json::from_str(&fetched.options);
        let made = options.map_err(|error| error.to_string()).and_then(|options| {
            let join = join_file(&self.advertised, &self.authority, fetched.cluster, token, options.proxy.clone());
            manifest(&options, &self.advertised, &join)
        });
        match made {
            Ok(text) => ([(header::CONTENT_TYPE, YAML), (header::CACHE_CONTROL, "no-store")], text).into_response(),
            Err(error) => {
                tracing::error!(cluster = fetched.name, error, "an install manifest cannot be made");
                refused(StatusCode::INTERNAL_SERVER_ERROR, "the hub could not make the manifest; its log says why")
            }
        }
    }
}

fn words(refusal: FetchRefusal) -> (StatusCode, String) {
    match refusal {
        FetchRefusal::Unknown => (StatusCode::NOT_FOUND, "the hub does not know this link".into()),
        FetchRefusal::Fetched(at) => {
            (StatusCode::GONE, format!("this link was used at {at:.0}, and it is good for once"))
        }
        FetchRefusal::Expired => (StatusCode::GONE, "the time of this link is over".into()),
        FetchRefusal::Joined => (StatusCode::GONE, "an agent has joined with the token of this link".into()),
        FetchRefusal::Void => (StatusCode::GONE, "a newer link took the place of this one".into()),
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")],
        format!("{why}\n"),
    )
        .into_response()
}
