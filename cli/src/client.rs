//! The hub's API: requests, and what became of them in words.

mod events;
mod lines;
mod problem;
mod tls;

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, IF_MATCH};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::connection::ConnectionArgs;
use crate::context::{Contexts, Saved};

pub(crate) use events::{Event, Events};
pub(crate) use lines::Lines;
pub(crate) use problem::Problem;
pub(crate) use tls::pinned_ca;

/// More than the hub's own limit of 30 s, so that its answer is the one that is shown.
const TIME_LIMIT: Duration = Duration::from_secs(40);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A connection to one hub as one principal. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    /// What its own authority is, where it has one.
    ca: Option<String>,
}

/// Query parameters; those without a value are left out.
pub(crate) type Query<'a> = &'a [(&'a str, Option<String>)];

// === impl Client ===

impl Client {
    pub(crate) fn new(context: &Saved) -> anyhow::Result<Self> {
        let base = parse_server(&context.server)?;
        let mut token = HeaderValue::from_str(&format!("Bearer {}", context.token))
            .map_err(|_| anyhow::anyhow!("the token holds characters that no token has; log in again"))?;
        token.set_sensitive(true);
        let mut builder = builder().default_headers(HeaderMap::from_iter([(AUTHORIZATION, token)]));
        if let Some(pem) = &context.ca_pem {
            builder = builder.tls_certs_only(tls::certificates(pem)?);
        }
        Ok(Self { http: builder.build().context("TLS: cannot be set up")?, base, ca: context.ca_pem.clone() })
    }

    /// For the hub that the flags name, or the saved context.
    pub(crate) fn of(connection: &ConnectionArgs) -> anyhow::Result<Self> {
        Self::new(&Contexts::load()?.resolve(connection)?)
    }

    /// The hub's key, as curl's `--pinnedpubkey` takes it after `sha256//`; none where the hub is trusted as the system trusts everybody.
    pub(crate) async fn leaf_pin(&self) -> anyhow::Result<Option<String>> {
        let Some(ca) = &self.ca else { return Ok(None) };
        tls::leaf_pin(&self.base, ca).await.map(Some)
    }

    pub(crate) fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// `GET /api/v1/<path>`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: Query<'_>) -> anyhow::Result<T> {
        self.read(self.request(Method::GET, path, query)?.timeout(TIME_LIMIT)).await
    }

    /// A call with a JSON body.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.read(self.request(method, path, query)?.timeout(TIME_LIMIT).json(body)).await
    }

    /// As [`send`](Self::send), over nothing but the revision that was read.
    pub(crate) async fn send_at<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        revision: u64,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let request = self.request(method, path, &[])?.header(IF_MATCH, revision);
        self.read(request.timeout(TIME_LIMIT).json(body)).await
    }

    /// As [`send`](Self::send), with one header of the answer.
    pub(crate) async fn send_for_header(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: &impl Serialize,
        header: &str,
    ) -> anyhow::Result<String> {
        let response = self.answer(self.request(method, path, query)?.timeout(TIME_LIMIT).json(body)).await?;
        Ok(response.headers().get(header).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned())
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> anyhow::Result<T> {
        self.send(Method::POST, path, &[], body).await
    }

    /// `DELETE` with its answer.
    pub(crate) async fn delete_for<T: DeserializeOwned>(&self, path: &[&str], query: Query<'_>) -> anyhow::Result<T> {
        self.read(self.request(Method::DELETE, path, query)?.timeout(TIME_LIMIT)).await
    }

    /// `DELETE`, whose answer may be empty.
    pub(crate) async fn delete(&self, path: &[&str], query: Query<'_>) -> anyhow::Result<()> {
        self.answer(self.request(Method::DELETE, path, query)?.timeout(TIME_LIMIT)).await.map(drop)
    }

    /// The feed; it reconnects by itself and goes on where it was.
    pub(crate) fn watch(&self, application: Option<String>, after: Option<u64>, objects: bool) -> Events {
        Events::new(self.clone(), application, after, objects)
    }

    /// `GET /api/v1/<path>` for an answer that is a stream of JSON lines, for as long as it takes.
    pub(crate) async fn lines(&self, path: &[&str], query: Query<'_>) -> anyhow::Result<Lines> {
        let response = self.answer(self.request(Method::GET, path, query)?).await?;
        Ok(Lines::new(self.clone(), response))
    }

    fn request(&self, method: Method, path: &[&str], query: Query<'_>) -> anyhow::Result<RequestBuilder> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("hub {}: is no address of an API", self.server()))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        for (key, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(key, value);
            }
        }
        Ok(self.http.request(method, url))
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let response = self.answer(request).await?;
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&bytes).with_context(|| {
            format!("hub {}: answered what this version does not understand; compare `windlass version`", self.server())
        })
    }

    /// The answer, when it is a good one.
    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        // A refusal whose words are lost on the way is a refusal still: the status says which.
        let body = response.bytes().await.unwrap_or_default();
        Err(Problem::read(status, &body).into())
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        anyhow::anyhow!("hub {}: {}", self.server(), problem::cause(error))
    }
}

/// Which hub answers, without a token: for `login` and `version`.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .https_only(true)
        .connect_timeout(CONNECT_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")))
}

pub(crate) fn parse_server(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).with_context(|| format!("hub {text:?}: is not a URL; write https://host:8443"))?;
    if url.scheme() != "https" || url.host_str().is_none() || !url.username().is_empty() || url.password().is_some() {
        bail!("hub {:?}: only https://host:port is possible, without a user", url.host_str().unwrap_or_default());
    }
    Ok(url)
}
