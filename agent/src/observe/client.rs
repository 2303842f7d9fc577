//! The way to the cluster's apiserver.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, header};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};
use windlass_runtime::clock::Clock;

use super::answer::{self, Answer};
use super::budget::Budget;
use super::pause::Pause;

pub use super::answer::{Error, Refusal};

/// The body of an answer that is read as it comes.
pub(crate) type ReadBody = Body;

/// A cluster's apiserver, spoken to as the agent itself. Clones are cheap and share connections, the pause that an overloaded apiserver asks for, and a budget
/// of sixteen writes at once.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
    /// As whom everything is written through this clone, whatever it would be otherwise.
    user: Option<Arc<str>>,
}

struct Inner {
    client: kube::Client,
    acting: Option<ActingAs>,
    clock: Clock,
    pause: Pause,
    budget: Budget,
    /// Turns to write.
    writes: Semaphore,
}

/// Writes under way at once.
const WRITES: usize = 16;
/// How long a read may take, its answer included.
pub(crate) const READ_LIMIT: Duration = Duration::from_secs(30);
/// How long the first byte of a watch may take.
const OPEN_LIMIT: Duration = Duration::from_secs(30);
/// Answers are read whole up to this many bytes: a page of 500 objects, each at most 1.5 MiB in etcd and usually a thousandth of that.
const MAX_ANSWER: u64 = 256 * 1024 * 1024;

/// The whole of an object's JSON.
pub(crate) const JSON: &str = "application/json";
/// Metadata only, or the whole object from a server that cannot leave the rest out.
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// The same for lists; watches are asked with [`METADATA`].
pub(crate) const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

// === impl Cluster ===

impl Cluster {
    /// From a kubeconfig file, or, without one, from the service account of the pod it runs in. Does not call the apiserver. The process's rustls provider
    /// should be installed before.
    ///
    /// # Errors
    /// [`Error::Config`] says which part of the configuration is wrong; never its contents.
    pub async fn connect(kubeconfig: Option<&Path>, clock: Clock) -> Result<Self, Error> {
        let mut config = match kubeconfig {
            Some(path) => {
                let read = Kubeconfig::read_from(path).map_err(|error| Error::Config(error.to_string()))?;
                let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
                config.map_err(|error| Error::Config(error.to_string()))?
            }
            None => kube::Config::incluster().map_err(|error| Error::Config(error.to_string()))?,
        };
        // Retries are decided by the engine, with the whole cluster's budget in view.
        config.default_retry = false;
        let agent = HeaderValue::from_static(concat!("windlass-agent/", env!("CARGO_PKG_VERSION")));
        config.headers.push((header::USER_AGENT, agent));
        let client = kube::Client::try_from(config).map_err(|error| Error::Config(error.to_string()))?;
        Ok(Self::over(client, clock))
    }

    /// Over any client.
    pub(crate) fn over(client: kube::Client, clock: Clock) -> Self {
        Self::with(client, clock, None)
    }

    fn with(client: kube::Client, clock: Clock, acting: Option<ActingAs>) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                acting,
                pause: Pause::new(clock.clone()),
                budget: Budget::new(clock.clone()),
                writes: Semaphore::new(WRITES),
                clock,
            }),
            user: None,
        }
    }

    /// The same cluster and budget, with every write as this user; with none, as it is otherwise.
    #[must_use]
    pub(crate) fn writing_as(&self, user: Option<&str>) -> Self {
        Self { inner: Arc::clone(&self.inner), user: user.map(Arc::from) }
    }

    /// The same cluster, with writes in the name of service accounts. Shares nothing with this one but the connection.
    #[must_use]
    pub fn acting_as(self, acting: ActingAs) -> Self {
        let clock = self.inner.clock.clone();
        Self::with(self.inner.client.clone(), clock, Some(acting))
    }

    /// A write's request, in the name of the target's account, or else of who may write to this namespace; an empty one is the
    /// agent's own, for objects without any.
    pub(crate) fn in_the_name(
        &self,
        namespace: &str,
        mut request: Request<Vec<u8>>,
    ) -> Result<Request<Vec<u8>>, Error> {
        let user = match (&self.user, &self.inner.acting) {
            (Some(user), _) => user.to_string(),
            (None, Some(acting)) => {
                let namespace = if namespace.is_empty() { &acting.home } else { namespace };
                format!("system:serviceaccount:{namespace}:{}", acting.account)
            }
            (None, None) => return Ok(request),
        };
        let user = HeaderValue::from_str(&user)
            .map_err(|error| Error::Malformed(format!("{user:?} is no name of a user: {error}")))?;
        request.headers_mut().insert("impersonate-user", user);
        Ok(request)
    }

    /// The namespace of the kubeconfig's context, or of the pod.
    pub fn namespace(&self) -> &str {
        self.inner.client.default_namespace()
    }

    /// The clock that limits and pauses are measured by.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// A turn to write, given back when dropped.
    pub(crate) async fn turn_to_write(&self) -> Option<SemaphorePermit<'_>> {
        // It fails when the semaphore is closed, and nobody does that.
        self.inner.writes.acquire().await.ok()
    }

    /// A turn to read a LIST, given back when dropped.
    pub(crate) async fn turn_to_list(&self) -> Option<SemaphorePermit<'_>> {
        self.inner.budget.list().await
    }

    /// One request, its whole answer within `limit`. Waits first while the apiserver has asked everybody to.
    pub(crate) async fn call(&self, request: Request<Vec<u8>>, limit: Duration) -> Result<Answer, Error> {
        let whole = async {
            let response = self.send(request).await?;
            let (parts, body) = response.into_parts();
            let length = header_of(&parts.headers, &header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
            if length.is_some_and(|length| length > MAX_ANSWER) {
                return Err(Error::Malformed(format!("the answer is longer than {MAX_ANSWER} bytes")));
            }
            let body = body.collect_bytes().await.map_err(|error| answer::unreachable(&error))?;
            Ok(Answer { status: parts.status, retry_after: answer::retry_after(&parts.headers), body })
        };
        self.inner.pause.wait().await;
        let _place = self.inner.budget.call().await;
        let answer = self.inner.clock.timeout(limit, whole).await.map_err(|elapsed| Error::Timeout(elapsed.0))??;
        self.inner.pause.heed(&answer);
        Ok(answer)
    }

    /// A GET of JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, accept: &'static str) -> Result<T, Error> {
        self.call(get_request(path, accept)?, READ_LIMIT).await?.json()
    }

    /// A GET whose answer is read as it comes: its status is a success when this returns.
    pub(crate) async fn open(&self, path: &str, accept: &'static str) -> Result<Body, Error> {
        let request = get_request(path, accept)?;
        self.inner.pause.wait().await;
        let sent = self.inner.clock.timeout(OPEN_LIMIT, self.send(request)).await;
        let (parts, body) = sent.map_err(|elapsed| Error::Timeout(elapsed.0))??.into_parts();
        if parts.status.is_success() {
            return Ok(body);
        }
        let read = self.inner.clock.timeout(OPEN_LIMIT, body.collect_bytes()).await;
        // A refusal whose words are lost on the way is a refusal still.
        let body = read.map_err(|elapsed| Error::Timeout(elapsed.0))?.unwrap_or_default();
        let answer = Answer { status: parts.status, retry_after: answer::retry_after(&parts.headers), body };
        self.inner.pause.heed(&answer);
        Err(answer.refusal())
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, Error> {
        // Not one of the client's higher calls: they log the bodies of errors, which may hold what a Secret holds.
        self.inner.client.send(request.map(Body::from)).await.map_err(|error| answer::unreachable(&error))
    }
}

/// Whose rights writes have, where they are not the agent's own: those of a service account of the namespace that is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActingAs {
    /// The service account's name, the same in each namespace.
    pub account: String,
    /// The namespace whose account writes objects that have none.
    pub home: String,
}

/// A GET.
pub(crate) fn get_request(path: &str, accept: &'static str) -> Result<Request<Vec<u8>>, Error> {
    request(Method::GET, path, accept, None)
}

/// A request with its content type and body, if it has one.
pub(crate) fn request(
    method: Method,
    path: &str,
    accept: &'static str,
    body: Option<(&'static str, Vec<u8>)>,
) -> Result<Request<Vec<u8>>, Error> {
    let builder = Request::builder().method(method).uri(path).header(header::ACCEPT, accept);
    let built = match body {
        Some((kind, body)) => builder.header(header::CONTENT_TYPE, kind).body(body),
        None => builder.body(Vec::new()),
    };
    built.map_err(|error| Error::Malformed(format!("{path} is not a path: {error}")))
}

fn header_of<'a>(headers: &'a http::HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
