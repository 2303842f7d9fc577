//! Git repositories made by the real `git`, and a server that gives them over HTTPS by the real `git http-backend`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::control_plane::certificates::Authority;
use crate::{https, ports};

mod backend;
mod repo;
mod request;

pub use repo::Repo;
pub use request::GitRequest;

const HANDSHAKE: Duration = Duration::from_secs(10);

/// User and password that the server asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password or token.
    pub password: String,
}

impl Credentials {
    /// Credentials of these two.
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned() }
    }

    fn header(&self) -> String {
        format!("Basic {}", BASE64.encode(format!("{}:{}", self.user, self.password)))
    }
}

/// A git server on 127.0.0.1 with a certificate authority of its own. It speaks the smart protocol in all versions and,
/// as GitHub does, allows partial clones and fetches by commit. Dropping it ends it.
#[derive(Debug)]
pub struct GitServer {
    root: PathBuf,
    address: SocketAddr,
    ca_pem: String,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

/// What becomes of the packs that are fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Packs {
    /// They are whole.
    #[default]
    Whole,
    /// Each ends in its middle, as if that were its end.
    Cut,
    /// Each is a sound pack without any object.
    Empty,
}

/// What the server's handle changes and its connections read.
#[derive(Debug, Default)]
struct Shared {
    root: PathBuf,
    state: Mutex<State>,
    /// Every connection ends.
    cut: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    credentials: Option<Credentials>,
    failing: Option<StatusCode>,
    stalled: bool,
    packs: Packs,
    /// Its certificate is of an authority that nobody knows.
    strange: bool,
    requests: Vec<GitRequest>,
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock())
    }
}

impl GitServer {
    /// Serves the repositories below `folder`; with `credentials` it answers 401 to everybody who does not show them.
    pub async fn start(folder: &Path, credentials: Option<Credentials>) -> Result<Self> {
        Self::start_for(folder, credentials, None).await
    }

    /// The same; with an authority (PEM), nobody is even listened to without a client certificate of it.
    pub async fn start_for(folder: &Path, credentials: Option<Credentials>, clients: Option<&str>) -> Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST, folder, credentials, clients).await
    }

    /// The same on another address of this machine, which Pods of a real node reach.
    pub async fn start_at(
        address: Ipv4Addr,
        folder: &Path,
        credentials: Option<Credentials>,
        clients: Option<&str>,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let root = folder.canonicalize().with_context(|| format!("resolving {}", folder.display()))?;
        let authority = Authority::new("windlass test git server")?;
        let names = [address.to_string(), "localhost".to_owned()];
        let certified = authority.server("windlass test git server", &names.each_ref().map(String::as_str))?;
        let acceptor = https::acceptor_for(&certified, clients)?;
        let stranger = Authority::new("an authority that nobody knows")?;
        let stranger = stranger.server("windlass test git server", &names.each_ref().map(String::as_str))?;
        let strange = https::acceptor_for(&stranger, clients)?;
        let listener = ports::listen_on(address).await?;
        let address = listener.local_addr().context("reading the git server's address")?;
        let state = Mutex::new(State { credentials, ..State::default() });
        let shared = Arc::new(Shared { root: root.clone(), state, cut: tokio::sync::Notify::new() });
        let accepting = tokio::spawn(accept(listener, [acceptor, strange], Arc::clone(&shared))).abort_handle();
        Ok(Self { root, address, ca_pem: authority.pem(), shared, accepting })
    }

    /// A new, empty repository with a work area of its own.
    pub async fn create_repo(&self, name: &str) -> Result<Repo> {
        Repo::create(&self.root, name).await
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the repository `name`, without credentials.
    pub fn https_url(&self, name: &str) -> String {
        format!("https://{}/{name}.git", self.address)
    }

    /// The certificate authority a client has to trust, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Asks for other credentials from now on.
    pub fn set_credentials(&self, credentials: Option<Credentials>) {
        self.shared.with(|state| state.credentials = credentials);
    }

    /// Answers every request with this status from now on, or works again.
    pub fn fail_with(&self, status: Option<StatusCode>) {
        self.shared.with(|state| state.failing = status);
    }

    /// Takes requests and answers none from now on, or works again; what was not answered stays so.
    pub fn stall(&self, stalled: bool) {
        self.shared.with(|state| state.stalled = stalled);
    }

    /// Gives packs as they should not be from now on, or whole ones.
    pub fn set_packs(&self, packs: Packs) {
        self.shared.with(|state| state.packs = packs);
    }

    /// Shows a certificate of an authority that nobody knows from now on, or its own. Connections that are open end: who is on one was shown another.
    pub fn be_a_stranger(&self, strange: bool) {
        if self.shared.with(|state| std::mem::replace(&mut state.strange, strange)) != strange {
            self.shared.cut.notify_one();
        }
    }

    /// Every request so far, in the order of their answers, refused ones too.
    pub fn requests(&self) -> Vec<GitRequest> {
        self.shared.with(|state| state.requests.clone())
    }

    /// The requests since the last call of this, which is how a scenario counts what one poll costs.
    pub fn take_requests(&self) -> Vec<GitRequest> {
        self.shared.with(|state| std::mem::take(&mut state.requests))
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Owns the connections: aborting it ends them all.
async fn accept(listener: TcpListener, [own, strange]: [TlsAcceptor; 2], shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let acceptor = if shared.with(|state| state.strange) { strange.clone() } else { own.clone() };
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
                    let service = service_fn(|request| backend::answer(request, &shared));
                    // A client that goes away early is the client's business.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
            () = shared.cut.notified() => connections.abort_all(),
            Some(_) = connections.join_next() => {}
        }
    }
}
