//! One repository's state, and getting objects into its mirror.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use git2::Oid;
use parking_lot::Mutex;
use windlass_domain::revision::Revision;

use super::Shared;
use super::flight::Flights;
use crate::credentials::Fingerprint;
use crate::error::{Error, Result};
use crate::http::session::{NoPack, Session};
use crate::local::Local;
use crate::mirror::screen::{Limits, Screen};
use crate::mirror::{Handle, Held, Mirror};
use crate::protocol::fetch::Request;
use crate::protocol::{Ask, RemoteRef};
use crate::repository::Repository;
use crate::spool::Spool;
use crate::url::Place;

/// Credentials in use at once per repository; beyond that all are forgotten and learnt again.
const SESSIONS: usize = 16;

/// What is kept per repository.
pub(super) struct Entry {
    pub(super) mirror: Arc<Mirror>,
    pub(super) flights: Flights,
    /// One writer at a time.
    fetching: tokio::sync::Mutex<()>,
    full: Mutex<Full>,
    sessions: Mutex<HashMap<(Fingerprint, String), Arc<Session>>>,
}

/// One repository, seen through one set of credentials.
pub(super) struct Source {
    pub(super) shared: Arc<Shared>,
    pub(super) entry: Arc<Entry>,
    pub(super) fingerprint: Fingerprint,
    remote: Remote,
}

/// Where objects come from. SSH will be a third.
enum Remote {
    Http(Arc<Session>),
    Local(PathBuf),
}

/// A kind of question, to be asked of names that live elsewhere.
type AskOf = for<'a> fn(&'a [String]) -> Ask<'a>;

/// How a fetch ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fetched {
    Done,
    /// The server does not give out what was wanted, in its words.
    Refused(String),
}

/// When a mirror last found its disk full although it was empty.
#[derive(Default)]
struct Full {
    last: Option<(Instant, Error)>,
}

// === impl Full ===

impl Full {
    fn note(&mut self, error: Error) {
        self.last = Some((Instant::now(), error));
    }

    /// The error, while it is young.
    fn recent(&mut self, pause: Duration) -> Option<Error> {
        self.last.as_ref().filter(|(at, _)| at.elapsed() < pause).map(|(_, error)| error.clone())
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(mirror: Arc<Mirror>) -> Self {
        Self {
            mirror,
            flights: Flights::default(),
            fetching: tokio::sync::Mutex::default(),
            full: Mutex::default(),
            sessions: Mutex::default(),
        }
    }
}

// === impl Source ===

impl Source {
    pub(super) fn new(shared: Arc<Shared>, entry: Arc<Entry>, repository: &Repository) -> Result<Self> {
        let fingerprint = repository.fingerprint();
        let remote = match repository.url.place() {
            Place::Local(path) => Remote::Local(path.clone()),
            Place::Http(url) => Remote::Http(session(&shared, &entry, repository, url, fingerprint)?),
        };
        Ok(Self { shared, entry, fingerprint, remote })
    }

    pub(super) fn url(&self) -> &str {
        self.entry.mirror.url()
    }

    /// Runs blocking work on the open mirror.
    pub(super) async fn mirror<T: Send + 'static>(
        &self,
        work: impl FnOnce(Handle) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mirror = Arc::clone(&self.entry.mirror);
        self.shared.workers.run(move || work(mirror.open()?)).await
    }

    /// Runs blocking work at a commit, which is fetched first if it is not here.
    pub(super) async fn at<T: Send + 'static>(
        &self,
        revision: &Revision,
        work: impl FnOnce(Handle, Oid) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let id = object_id(revision)?;
        let commit = self.ensure(id).await?;
        self.mirror(move |handle| work(handle, commit)).await
    }

    /// The refs asked for that the remote has.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Vec<RemoteRef>> {
        let limit = self.shared.options.ask_timeout;
        match &self.remote {
            Remote::Http(session) => self.within(limit, self.on_network(session.ask(ask))).await,
            Remote::Local(path) => {
                let (path, url, max) = (path.clone(), self.url().to_owned(), self.shared.options.max_refs);
                let (ask, names): (AskOf, Vec<String>) = match ask {
                    Ask::Exact(names) => (|names| Ask::Exact(names), names.to_vec()),
                    Ask::Under(beginnings) => (|names| Ask::Under(names), beginnings.to_vec()),
                    Ask::All => (|_| Ask::All, Vec::new()),
                };
                let work = move || Local::open(&path, &url)?.ask(ask(&names), max);
                self.within(limit, self.shared.workers.run(work)).await
            }
        }
    }

    /// Brings `wants` into the mirror, as far as it lacks them. `name` is the ref they belong to.
    pub(super) async fn fetch(&self, wants: Vec<Oid>, name: Option<String>) -> Result<Fetched> {
        let limit = self.shared.options.fetch_timeout;
        let _writer = self.within(limit, async { Ok(self.entry.fetching.lock().await) }).await?;
        let negotiates = matches!(self.remote, Remote::Http(_));
        let plan = move |handle: Handle| plan(&handle, wants, name.as_deref(), negotiates);
        let request = self.mirror(plan).await?;
        if request.wants.is_empty() {
            return Ok(Fetched::Done);
        }
        let fetched = self.fetch_making_room(request, Instant::now() + limit).await?;
        if self.entry.mirror.is_compaction_due() {
            self.compact();
        }
        Ok(fetched)
    }

    /// A full disk costs the mirror, once: what is in it can be fetched again, and much of it may be of no use any more.
    async fn fetch_making_room(&self, request: Request, deadline: Instant) -> Result<Fetched> {
        if let Some(error) = self.entry.full.lock().recent(self.shared.options.full_disk_pause) {
            return Err(error);
        }
        let again = Request { wants: request.wants.clone(), haves: Vec::new() };
        match self.fetch_now(request, deadline).await {
            Err(Error::DiskFull { cause, .. }) => self.make_room(&cause).await?,
            fetched => return fetched,
        }
        let fetched = self.fetch_now(again, deadline).await;
        if let Err(error @ Error::DiskFull { .. }) = &fetched {
            self.entry.full.lock().note(error.clone());
        }
        fetched
    }

    /// Called by the one writer.
    async fn make_room(&self, cause: &str) -> Result<()> {
        tracing::warn!(repository = self.url(), cause, "no space left: the mirror is evicted and filled again");
        let (shared, mirror) = (Arc::clone(&self.shared), Arc::clone(&self.entry.mirror));
        let generation = mirror.generation();
        let sweep = move || {
            shared.sweep();
            mirror.evict(generation)
        };
        self.shared.workers.run(sweep).await
    }

    async fn fetch_now(&self, request: Request, deadline: Instant) -> Result<Fetched> {
        match &self.remote {
            Remote::Http(session) => self.download(session, request, deadline).await,
            Remote::Local(path) => {
                let (path, url) = (path.clone(), self.url().to_owned());
                let copy = move |handle: Handle| Local::open(&path, &url)?.copy(&handle, &request.wants, deadline);
                self.mirror(copy).await?;
                Ok(Fetched::Done)
            }
        }
    }

    /// Tidies up in the background; readers, polls and fetches go on.
    fn compact(&self) {
        let (shared, mirror) = (Arc::clone(&self.shared), Arc::clone(&self.entry.mirror));
        tokio::spawn(async move {
            if let Err(error) = shared.workers.run(move || mirror.open()?.compact()).await {
                tracing::warn!(%error, "a mirror could not be compacted");
            }
        });
    }

    async fn download(&self, session: &Session, request: Request, deadline: Instant) -> Result<Fetched> {
        let mut spool = Spool::new(&self.shared.incoming());
        let receive = async { Ok(self.on_network(session.fetch(&request, &mut spool)).await) };
        match self.within(self.shared.options.fetch_timeout, receive).await? {
            Ok(()) => {}
            Err(NoPack::Refused(words)) => return Ok(Fetched::Refused(words)),
            Err(NoPack::Failed(error)) => return Err(error),
        }
        let limits = Limits { object: self.shared.options.object_bytes, objects: self.shared.options.fetch_objects };
        let take = move |handle: Handle| {
            let mut pack = spool.reader().map_err(|error| Error::disk(handle.mirror().url(), &error))?;
            let screen = Screen::new(spool.len(), limits);
            handle.take_pack(&mut *pack, Some(screen), &request.wants, deadline)
        };
        self.mirror(take).await?;
        Ok(Fetched::Done)
    }

    /// Throws the mirror away, once no fetch writes to it.
    pub(super) async fn evict(&self) -> Result<()> {
        let generation = self.entry.mirror.generation();
        let _writer = self.entry.fetching.lock().await;
        let mirror = Arc::clone(&self.entry.mirror);
        self.shared.workers.run(move || mirror.evict(generation)).await
    }

    async fn on_network<T>(&self, work: impl Future<Output = T>) -> T {
        // The semaphore is never closed; without a permit the work is still right, only unbounded.
        let _permit = self.shared.network.acquire().await;
        work.await
    }

    async fn within<T>(&self, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        let timeout = || Error::Timeout { url: self.url().to_owned(), limit };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(timeout()))
    }
}

/// A commit id as libgit2 knows it.
pub(super) fn object_id(revision: &Revision) -> Result<Oid> {
    Oid::from_str(revision.as_str())
        .map_err(|_| Error::Unsupported { what: format!("revision {revision}: a SHA-256 commit id") })
}

fn session(
    shared: &Shared,
    entry: &Entry,
    repository: &Repository,
    url: &url::Url,
    fingerprint: Fingerprint,
) -> Result<Arc<Session>> {
    let mut sessions = entry.sessions.lock();
    if let Some(session) = sessions.get(&(fingerprint, url.to_string())) {
        return Ok(Arc::clone(session));
    }
    let client = shared.clients.get(entry.mirror.url(), repository)?;
    let session = Session::new(client, url.clone(), repository, shared.options.clone());
    let session = Arc::new(session);
    if sessions.len() >= SESSIONS {
        sessions.clear();
    }
    sessions.insert((fingerprint, url.to_string()), Arc::clone(&session));
    Ok(session)
}

/// What is still missing: somebody else may have brought it while we waited for our turn.
fn plan(handle: &Handle, wants: Vec<Oid>, name: Option<&str>, negotiates: bool) -> Result<Request> {
    let mut missing = Vec::new();
    for want in wants {
        if handle.held(want)? == Held::Nothing && !missing.contains(&want) {
            missing.push(want);
        }
    }
    let haves = if missing.is_empty() || !negotiates { Vec::new() } else { handle.haves(name)? };
    Ok(Request { wants: missing, haves })
}
