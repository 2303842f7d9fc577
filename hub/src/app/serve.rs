//! The API listener: HTTP/1 and HTTP/2 over TLS, for people, pipelines and joining agents.

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
use windlass_runtime::listener::{Accepted, Limits, accept_tls};

/// Connections at a time; more wait after their handshake.
const CONNECTIONS: usize = 2048;
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
    router: Router,
    stop: CancellationToken,
) {
    let mut incoming = accept_tls(listener, tls, Limits::default(), stop);
    let http = Arc::new(builder());
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    while let Some(accepted) = incoming.next().await {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let (http, router, watcher) = (Arc::clone(&http), router.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _permit = permit;
            let Accepted { stream, peer, .. } = accepted;
            let connection = http.serve_connection(TokioIo::new(stream), service(router, peer));
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(%peer, %error, "an API connection ended badly");
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

/// The router, with the caller's address in each request.
fn service(
    router: Router,
    peer: SocketAddr,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone {
    hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    })
}
