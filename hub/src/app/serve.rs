//! The API listener: HTTP/1 and HTTP/2 over TLS, for people, pipelines and joining agents.

mod idle;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use windlass_runtime::clock::Clock;
use windlass_runtime::listener::per_address::PerAddress;
use windlass_runtime::listener::{Accepted, Limits, accept_tls};

use idle::Use;

/// Connections at a time; more wait after their handshake.
const CONNECTIONS: usize = 2048;
/// Connections of one address at a time; more are closed.
const CONNECTIONS_PER_ADDRESS: usize = 1024;
/// How long a connection may stay without a request under way.
const IDLE: Duration = Duration::from_secs(120);
/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_STREAMS: u32 = 64;
/// How long requests that are under way may take once the hub ends; watches are cut.
const DRAIN: Duration = Duration::from_secs(2);

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    limits: Limits,
    router: Router,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut incoming = accept_tls(listener, tls, limits, stop);
    let http = Arc::new(builder());
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let addresses = PerAddress::new(CONNECTIONS_PER_ADDRESS);
    let graceful = GracefulShutdown::new();
    while let Some(Accepted { stream, peer, .. }) = incoming.next().await {
        let Some(place) = addresses.enter(peer.ip(), CONNECTIONS_PER_ADDRESS) else {
            tracing::debug!(%peer, limit = CONNECTIONS_PER_ADDRESS, "too many API connections of one address");
            continue;
        };
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let (http, router, watcher, clock) = (Arc::clone(&http), router.clone(), graceful.watcher(), clock.clone());
        tokio::spawn(async move {
            let _held = (permit, place);
            let use_of = Use::default();
            let connection = http.serve_connection(TokioIo::new(stream), service(router, peer, use_of.clone()));
            let connection = watcher.watch(connection.into_owned());
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "an API connection ended badly");
                },
                () = use_of.idle_for(&clock, IDLE) => tracing::debug!(%peer, "an idle API connection was closed"),
            }
        });
    }
    // The clock may be shifted by tests; how long a process takes to end is not its business.
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS);
    http
}

/// The router, with the caller's address in each request. A request is under way until its answer's body has ended.
fn service(
    router: Router,
    peer: SocketAddr,
    use_of: Use,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone {
    hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let begun = use_of.begin();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request);
        async move { Ok(answer.await?.map(|body| Body::new(begun.until_the_end_of(body)))) }
    })
}
