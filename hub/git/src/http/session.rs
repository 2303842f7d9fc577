//! One repository over HTTP, seen through one set of credentials. Remembers what the server can do, so that a warm question costs one round trip.

use parking_lot::Mutex;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, LOCATION};
use reqwest::{Response, Url};

use super::classify;
use crate::credentials::Credentials;
use crate::error::{Error, Result, quote};
use crate::options::Options;
use crate::protocol::advertisement::{Advertisement, Capabilities, Dialect};
use crate::protocol::fetch::{Demultiplexer, Request};
use crate::protocol::pkt_line::Decoder;
use crate::protocol::{Ask, Fault, RemoteRef, ls_refs};
use crate::proxy::Proxy;
use crate::repository::Repository;
use crate::spool::Spool;

const GIT_PROTOCOL: HeaderName = HeaderName::from_static("git-protocol");
const SERVICE: &str = "service=git-upload-pack";
/// A line of a ref list: id, name and peeled id; names may be long, few are.
const BYTES_PER_REF: usize = 512;

/// One repository over HTTP, seen through one set of credentials.
pub(crate) struct Session {
    client: reqwest::Client,
    url: Url,
    shown: String,
    credentials: Option<Credentials>,
    /// The address of the proxy in between, fit to be shown.
    proxy: Option<String>,
    options: Options,
    server: Mutex<Option<Server>>,
}

/// What was learnt from a server's first answer.
#[derive(Clone)]
struct Server {
    /// Where the repository is, after redirects; no trailing slash.
    base: Url,
    dialect: Dialect,
    capabilities: Capabilities,
}

/// Why there is no pack.
pub(crate) enum NoPack {
    /// The server does not give out what was wanted.
    Refused(String),
    Failed(Error),
}

// === impl Session ===

impl Session {
    /// `url` holds no user information and no query.
    pub(crate) fn new(client: reqwest::Client, url: Url, repository: &Repository, options: Options) -> Self {
        let (shown, credentials) = (url.to_string(), repository.credentials.clone());
        let of_environment =
            || (options.environment_proxy && repository.proxy.is_none()).then(|| Proxy::of_environment(&url));
        let proxy = repository.proxy().cloned().or_else(|| of_environment().flatten());
        let proxy = proxy.map(|proxy| proxy.address().to_owned());
        Self { client, url, shown, credentials, proxy, options, server: Mutex::default() }
    }

    /// The refs asked for that the server has.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Vec<RemoteRef>> {
        let warm = self.server.lock().clone().filter(|server| server.dialect == Dialect::V2);
        if let Some(server) = warm {
            match self.ls_refs(&server, ask).await {
                // The server may have moved, been downgraded, or closed the idle connection just now: once more, from the start.
                Err(
                    Error::Protocol { .. }
                    | Error::NotFound { .. }
                    | Error::RedirectRefused { .. }
                    | Error::Unreachable { .. },
                ) => {}
                answer => return answer,
            }
        }
        let (server, mut refs) = self.discover().await?;
        match server.dialect {
            Dialect::V2 => self.ls_refs(&server, ask).await,
            Dialect::V0 => {
                refs.retain(|r| ask.covers(&r.name));
                Ok(refs)
            }
        }
    }

    /// Downloads a pack; the caller judges its contents.
    pub(crate) async fn fetch(&self, request: &Request, spool: &mut Spool) -> Result<(), NoPack> {
        let known = self.server.lock().clone();
        let server = match known {
            Some(server) => server,
            None => self.discover().await?.0,
        };
        let agent = &self.options.user_agent;
        let body = request.encode(server.dialect, &server.capabilities, agent).map_err(|f| self.fault(f))?;
        let response = self.post(&server, body).await?;
        self.receive(response, spool).await
    }

    async fn receive(&self, mut response: Response, spool: &mut Spool) -> Result<(), NoPack> {
        let mut decoder = Decoder::default();
        let mut demultiplexer = Demultiplexer::new();
        while let Some(piece) = self.piece(&mut response).await? {
            decoder.push(&piece);
            while let Some(packet) = decoder.next().map_err(|f| self.fault(f))? {
                let Some(bytes) = demultiplexer.take(packet).map_err(|f| self.no_pack(f))? else { continue };
                if spool.len() + bytes.len() as u64 > self.options.fetch_bytes {
                    return Err(self.too_large(self.options.fetch_bytes).into());
                }
                spool.write(&bytes).await.map_err(|error| Error::disk(&self.shown, &error))?;
            }
        }
        if !demultiplexer.is_done() || !decoder.is_drained() {
            return Err(self.protocol("the pack ended early").into());
        }
        spool.finish().await.map_err(|error| Error::disk(&self.shown, &error).into())
    }

    async fn ls_refs(&self, server: &Server, ask: Ask<'_>) -> Result<Vec<RemoteRef>> {
        let response = self.post(server, ls_refs::request(ask, &self.options.user_agent)).await?;
        let bytes = self.body(response).await?;
        ls_refs::parse(&bytes, ask, self.options.max_refs).map_err(|fault| self.fault(fault))
    }

    /// Asks the server what it is, and remembers it.
    async fn discover(&self) -> Result<(Server, Vec<RemoteRef>)> {
        *self.server.lock() = None;
        let (base, response) = self.first_answer().await?;
        let bytes = self.body(response).await?;
        let found = Advertisement::parse(&bytes, self.options.max_refs).map_err(|fault| self.fault(fault))?;
        let server = Server { base, dialect: found.dialect, capabilities: found.capabilities };
        *self.server.lock() = Some(server.clone());
        Ok((server, found.refs))
    }

    /// `GET info/refs`, following redirects that stay on the same scheme, host and port.
    async fn first_answer(&self) -> Result<(Url, Response)> {
        let mut base = self.url.clone();
        base.set_path(self.url.path().trim_end_matches('/'));
        for _ in 0..5 {
            let mut url = base.clone();
            url.set_path(&format!("{}/info/refs", base.path()));
            url.set_query(Some(SERVICE));
            let request = self.client.get(url.clone()).header(GIT_PROTOCOL, "version=2").header(ACCEPT, "*/*");
            let response = self.send(request).await?;
            if response.status().is_redirection() {
                base = self.redirected(&url, &response)?;
                continue;
            }
            self.accept(&response, "application/x-git-upload-pack-advertisement")?;
            return Ok((base, response));
        }
        Err(self.protocol("it redirects more than five times"))
    }

    /// Where a redirect leads, if it may be followed.
    fn redirected(&self, from: &Url, response: &Response) -> Result<Url> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let target = location.and_then(|text| from.join(text).ok());
        let target = target.ok_or_else(|| self.protocol("it redirects to nowhere"))?;
        let refused = |target: String| Error::RedirectRefused { url: self.shown.clone(), target };
        if target.origin() != from.origin() {
            return Err(refused(format!("{}://{}", target.scheme(), authority(&target))));
        }
        let Some(path) = target.path().strip_suffix("/info/refs").filter(|_| target.query() == Some(SERVICE)) else {
            return Err(refused(format!("{} on the same host, which is no repository", quote(target.path()))));
        };
        let mut base = target.clone();
        base.set_path(path);
        base.set_query(None);
        base.set_fragment(None);
        Ok(base)
    }

    async fn post(&self, server: &Server, body: Vec<u8>) -> Result<Response> {
        let mut url = server.base.clone();
        url.set_path(&format!("{}/git-upload-pack", server.base.path()));
        let mut request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/x-git-upload-pack-request")
            .header(ACCEPT, "application/x-git-upload-pack-result")
            .body(body);
        if server.dialect == Dialect::V2 {
            request = request.header(GIT_PROTOCOL, "version=2");
        }
        let response = self.send(request).await?;
        if response.status().is_redirection() {
            self.redirected(&url, &response)?;
            return Err(self.protocol("it redirects in the middle of a conversation"));
        }
        self.accept(&response, "application/x-git-upload-pack-result")?;
        Ok(response)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response> {
        let request = match &self.credentials {
            Some(credentials) => credentials.authorize(request),
            None => request,
        };
        request.send().await.map_err(|error| classify::transport(&self.shown, self.proxy.as_deref(), &error))
    }

    /// Checks status and content type: a login page is not a repository.
    fn accept(&self, response: &Response, content_type: &str) -> Result<()> {
        classify::status(&self.shown, response.status(), self.credentials.is_some())?;
        let found = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if found.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(content_type)) {
            return Ok(());
        }
        Err(self.protocol(format!(
            "its answer has content type {:?}; is this the address of a git repository?",
            quote(found)
        )))
    }

    /// A whole answer about refs.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>> {
        let limit = self.options.max_refs.saturating_mul(BYTES_PER_REF).saturating_add(64 << 10);
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece(&mut response).await? {
            if bytes.len() + piece.len() > limit {
                return Err(self.too_large(limit as u64));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    async fn piece(&self, response: &mut Response) -> Result<Option<bytes::Bytes>> {
        response.chunk().await.map_err(|error| classify::transport(&self.shown, None, &error))
    }

    fn protocol(&self, cause: impl Into<String>) -> Error {
        Error::protocol(&self.shown, cause)
    }

    fn fault(&self, fault: Fault) -> Error {
        classify::fault(&self.shown, fault)
    }

    fn no_pack(&self, fault: Fault) -> NoPack {
        match fault {
            Fault::Refused(words) => NoPack::Refused(words),
            other => NoPack::Failed(self.fault(other)),
        }
    }

    fn too_large(&self, limit: u64) -> Error {
        Error::TooLarge { url: self.shown.clone(), limit, unit: "bytes" }
    }
}

impl From<Error> for NoPack {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
