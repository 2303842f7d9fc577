//! A proxy in front of a real API server that understands HTTP, so that single answers can be bad: refusals, timeouts, texts
//! that end in the middle. Watches can go silent or say everything many times; logs can be as long as one likes.

mod streams;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::stream;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::json;
use tokio::task::AbortHandle;

use crate::control_plane::ControlPlane;
use crate::https::{self, Body};
use crate::ports;
use streams::Streams;

/// How long a request hangs before its connection is cut.
const HANGS: Duration = Duration::from_secs(2);

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Refused before the API server sees it; 429 asks for a second.
    Status(StatusCode),
    /// Nothing is answered; the API server never sees it.
    Hang,
    /// The API server does what was asked, and half of its answer comes back.
    Half,
}

const FAULTS: [Fault; 6] = [
    Fault::Status(StatusCode::TOO_MANY_REQUESTS),
    Fault::Half,
    Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
    Fault::Hang,
    Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
    Fault::Status(StatusCode::GATEWAY_TIMEOUT),
];

/// A proxy for one user of one cluster. Dropping it ends it.
#[derive(Debug)]
pub struct ApiServerProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    http: reqwest::Client,
    /// Of ten calls this many fail.
    failing: AtomicU64,
    calls: AtomicU64,
    failed: AtomicU64,
    streams: Arc<Streams>,
}

impl ApiServerProxy {
    /// Forwards everything as `user`, whatever certificate its own client shows: none is asked for.
    pub async fn start(plane: &ControlPlane, user: &str, groups: &[&str]) -> Result<Self> {
        let client = plane.client_certificate(user, groups)?;
        let identity = reqwest::Identity::from_pem(format!("{}{}", client.key, client.certificate).as_bytes())?;
        let ca = reqwest::Certificate::from_pem(plane.ca_pem().as_bytes())?;
        let http =
            reqwest::Client::builder().tls_certs_only([ca]).identity(identity).no_proxy().http1_only().build()?;
        let acceptor = https::acceptor(&plane.server_certificate("apiserver-proxy")?)?;
        let listener = ports::listen().await?;
        let address = listener.local_addr().context("reading the proxy's address")?;
        let zero = || AtomicU64::new(0);
        let streams = Arc::new(Streams::default());
        let shared =
            Arc::new(Shared { upstream: plane.url(), http, failing: zero(), calls: zero(), failed: zero(), streams });
        let answering = Arc::clone(&shared);
        let serving = https::serve(listener, acceptor, move |request| answer(Arc::clone(&answering), request));
        let task = tokio::spawn(serving).abort_handle();
        Ok(Self { address, shared, task })
    }

    /// `https://127.0.0.1:PORT`, with a certificate of the cluster's own authority.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// From now on this many of ten calls fail, in a fixed order of faults.
    pub fn fail(&self, of_ten: u64) {
        self.shared.failing.store(of_ten, Ordering::Relaxed);
    }

    /// How many calls there were, and how many of them failed.
    pub fn counts(&self) -> (u64, u64) {
        (self.shared.calls.load(Ordering::Relaxed), self.shared.failed.load(Ordering::Relaxed))
    }
}

/// Streams.
impl ApiServerProxy {
    /// The watches that are open now pass nothing any more, and do not end: their connections stay. Those opened later work.
    pub fn silence_watches(&self) {
        self.shared.streams.silence();
    }

    /// How many watches were opened so far.
    pub fn watches(&self) -> u64 {
        self.shared.streams.watches()
    }

    /// From now on each event of a watch is passed on this many times.
    pub fn repeat_events(&self, times: u64) {
        self.shared.streams.repeat_events(times);
    }

    /// How many events were passed on, each as often as it was.
    pub fn events(&self) -> u64 {
        self.shared.streams.events()
    }

    /// From now on every log has this many bytes, in lines of a kilobyte, made as it is read; 0 gives the cluster's own.
    pub fn invent_logs(&self, bytes: u64) {
        self.shared.streams.invent_logs(bytes);
    }

    /// How many bytes of invented logs were taken so far, what lies in sockets included.
    pub fn log_bytes(&self) -> u64 {
        self.shared.streams.log_bytes()
    }

    /// How many invented logs are open.
    pub fn open_logs(&self) -> u64 {
        self.shared.streams.open_logs()
    }
}

impl Drop for ApiServerProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// The next call's fault. Every third of ten is not every third of each kind of call: 7 and 10 have no common divisor.
    fn next(&self) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if call.wrapping_mul(7) % 10 >= self.failing.load(Ordering::Relaxed) {
            return None;
        }
        let failed = self.failed.fetch_add(1, Ordering::Relaxed);
        Some(FAULTS[usize::try_from(failed).unwrap_or_default() % FAULTS.len()])
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    match shared.next() {
        Some(Fault::Status(status)) => refused(status),
        Some(Fault::Hang) => {
            tokio::time::sleep(HANGS).await;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Some(Fault::Half) => {
            let (parts, mut body) = forwarded(&shared, request).await?.into_parts();
            let first = match body.frame().await {
                Some(frame) => frame?.into_data().unwrap_or_default(),
                None => Bytes::new(),
            };
            Ok(Response::from_parts(parts, https::whole(first.slice(..first.len() / 2))))
        }
        None => forwarded(&shared, request).await,
    }
}

fn refused(status: StatusCode) -> io::Result<Response<Body>> {
    let mut built = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    if status == StatusCode::TOO_MANY_REQUESTS {
        built = built.header(header::RETRY_AFTER, "1");
    }
    let reason = status.canonical_reason().unwrap_or_default().replace(' ', "");
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status.as_u16(), "reason": reason,
        "message": "the proxy of the test says no",
    });
    built.body(https::whole(body.to_string())).map_err(io::Error::other)
}

/// As it comes: a watch's events are passed on one by one.
async fn forwarded(shared: &Shared, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    if let Some(log) = shared.streams.log(parts.uri.path()) {
        return Response::builder().header(header::CONTENT_TYPE, "text/plain").body(log).map_err(io::Error::other);
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut call = shared.http.request(parts.method, format!("{}{path}", shared.upstream)).body(body);
    for name in [header::ACCEPT, header::CONTENT_TYPE, header::USER_AGENT] {
        if let Some(value) = parts.headers.get(&name) {
            call = call.header(name, value);
        }
    }
    let answer = call.send().await.map_err(io::Error::other)?;
    let mut built = Response::builder().status(answer.status());
    for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
        if let Some(value) = answer.headers().get(&name) {
            built = built.header(name, value);
        }
    }
    if answer.status().is_success() && path.contains("watch=true") {
        return built.body(shared.streams.watch(answer)).map_err(io::Error::other);
    }
    let chunks = stream::unfold(answer, |mut answer| async {
        match answer.chunk().await {
            Ok(None) => None,
            Ok(Some(chunk)) => Some((Ok(Frame::data(chunk)), answer)),
            Err(error) => Some((Err(io::Error::other(error)), answer)),
        }
    });
    // It is only ever read from one task; the lock is what makes it shareable.
    built.body(StreamBody::new(chunks).boxed()).map_err(io::Error::other)
}
