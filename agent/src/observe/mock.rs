//! An apiserver that the test plays itself: each request waits until the test has read and answered it.
#![allow(clippy::expect_used)]

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use windlass_domain::discovery::ApiResource;
use windlass_domain::time::Timestamp;
use windlass_runtime::clock::Clock;

use super::Cluster;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The requests, and the clock that only the test moves.
pub(crate) struct Apiserver {
    pub(crate) clock: Clock,
    requests: mpsc::UnboundedReceiver<Call>,
}

/// One request that waits for its answer.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) uri: String,
    /// Accept for a GET, Content-Type for anything else.
    pub(crate) kind: String,
    pub(crate) body: Value,
    answer: oneshot::Sender<Response<Body>>,
}

/// The body of a watch; dropped, it ends.
pub(crate) struct Stream(mpsc::UnboundedSender<Bytes>);

/// A cluster whose apiserver is a function of method, path and body; where it gives no answer, the connection breaks.
pub(crate) fn answering<F>(answer: F) -> Cluster
where
    F: Fn(&Method, &str, &Value) -> Option<(u16, Value)> + Clone + Send + Sync + 'static,
{
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.expect("a body");
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let answered = answer(&parts.method, parts.uri.path(), &body);
            let (status, body) = answered.ok_or_else(|| std::io::Error::other("connection reset"))?;
            let response = Response::builder().status(status).body(Full::<Bytes>::from(body.to_string()));
            response.map_err(std::io::Error::other)
        }
    });
    Cluster::over(kube::Client::new(service, "own"), Clock::system())
}

// === impl Apiserver ===

impl Apiserver {
    pub(crate) fn new() -> (Self, Cluster) {
        let (calls, requests) = mpsc::unbounded_channel();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let calls: mpsc::UnboundedSender<Call> = calls.clone();
            async move {
                let (answer, answered) = oneshot::channel();
                let _ = calls.send(Call::of(request, answer).await);
                answered.await.map_err(|_| std::io::Error::other("connection reset"))
            }
        });
        let clock = Clock::manual(Timestamp::from_second(1_000_000).expect("a time"));
        let cluster = Cluster::over(kube::Client::new(service, "default"), clock.clone());
        (Self { clock, requests }, cluster)
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Call {
        self.requests.recv().await.expect("a request")
    }

    /// The next request, which comes only after a time.
    pub(crate) async fn next_as_time_passes(&mut self) -> Call {
        loop {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            match self.requests.try_recv() {
                Ok(call) => return call,
                Err(_) => self.clock.advance(Duration::from_secs(1)),
            }
        }
    }

    /// Whether nobody asks anything, however often everybody gets a turn.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        self.requests.is_empty()
    }
}

// === impl Call ===

impl Call {
    async fn of(request: Request<kube::client::Body>, answer: oneshot::Sender<Response<Body>>) -> Self {
        let (parts, body) = request.into_parts();
        let name = if parts.method == Method::GET { header::ACCEPT } else { header::CONTENT_TYPE };
        let kind = parts.headers.get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default();
        let body = body.collect_bytes().await.expect("a body");
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Self { method: parts.method, uri: parts.uri.to_string(), kind, body, answer }
    }

    /// Answers with JSON.
    pub(crate) fn json(self, status: u16, body: &Value) {
        self.text(status, &[], body.to_string());
    }

    /// Answers with anything.
    pub(crate) fn text(self, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let response = headers
            .iter()
            .fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
        let body = Full::new(body.into()).boxed_unsync();
        // Whoever asked may have given up.
        let _ = self.answer.send(response.body(body).expect("a response"));
    }

    /// Answers with a watch.
    pub(crate) fn stream(self) -> Stream {
        let (sender, mut receiver) = mpsc::unbounded_channel::<Bytes>();
        let frames = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
        let frames = futures::StreamExt::map(frames, |bytes| Ok(Frame::data(bytes)));
        let body = StreamBody::new(frames).boxed_unsync();
        let _ = self.answer.send(Response::new(body));
        Stream(sender)
    }
}

// === impl Stream ===

impl Stream {
    pub(crate) fn event(&self, kind: &str, object: &Value) {
        let line = format!("{}\n", serde_json::json!({"type": kind, "object": object}));
        // In two pieces: the end of a piece is not the end of an event.
        let (first, second) = line.split_at(line.len() / 2);
        for piece in [first, second] {
            self.0.send(Bytes::copy_from_slice(piece.as_bytes())).expect("somebody watches");
        }
    }
}

pub(crate) fn config_maps() -> ApiResource {
    let (group, version, kind, plural) = (String::new(), "v1".into(), "ConfigMap".into(), "configmaps".into());
    ApiResource { group, version, kind, plural, namespaced: true }
}
