//! The owner of the work: which application is looked at when, a few at once, one task for each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windlass_domain::application::Application;
use windlass_domain::name::ApplicationName;
use windlass_git::{GitCache, RepositoryUrl};
use windlass_runtime::clock::Clock;
use windlass_store::Store;

use super::commit::{Committer, Looked};
use super::compile::{Compiler, Look};
use super::conditions::{Failure, Problem};
use super::follow::Follow;
use super::gather::{Gather, Place};
use super::inbox::{Asked, CloseOnDrop, Inbox, Waiter};
use super::renderers::Renderers;
use super::schedule::{Schedule, Work};
use super::source::{Found, Question, Sources};
use super::waits::Waits;
use super::{Error, Refreshed, RenderedAt, gate};
use crate::agents::Registry;

/// How long the service waits before it asks a failing store again at its start.
const RETRY: Duration = Duration::from_secs(1);
/// How often looks that have taken long are noticed.
const AGE_EVERY: Duration = Duration::from_millis(500);

/// How the service works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Time between two looks at a repository, whatever the number of its applications.
    pub poll_interval: Duration,
    /// The most time that one render may take.
    pub render_timeout: Duration,
    /// How many applications are compiled at once.
    pub concurrency: usize,
}

/// Asks for work. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    inbox: Arc<Inbox>,
    committer: Arc<Committer>,
    /// Renders that people ask for: two at once, so that they are nobody's burden.
    renders: Arc<Semaphore>,
}

/// Compiles applications. [`run`](Self::run) it once.
pub struct Service {
    inbox: Arc<Inbox>,
    committer: Arc<Committer>,
    sources: Sources,
    settings: Settings,
    clock: Clock,
}

/// A look that ended, with those who wait for it.
type Ended = (ApplicationName, Vec<Waiter>, Result<Looked, Error>);
/// A repository's answer.
type Answer = (Question, Result<Found, Failure>);

/// What the running service holds.
struct Running {
    committer: Arc<Committer>,
    sources: Sources,
    schedule: Schedule,
    looks: JoinSet<Ended>,
    polls: JoinSet<Answer>,
    /// Looks tell here that they are compiled.
    compiled: mpsc::Sender<ApplicationName>,
    clock: Clock,
    /// Questions that wait for their answer: a slow repository is not asked again meanwhile.
    asking: BTreeSet<Question>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self { poll_interval: Duration::from_secs(10), render_timeout: Duration::from_secs(60), concurrency: 8 }
    }
}

// === impl Handle ===

impl Handle {
    /// Looks at an application's source now, compiles it if anything changed, and answers when that is committed and the sessions were told.
    ///
    /// The look is never older than the call. Calls that wait at the same time share one.
    pub async fn refresh(&self, application: &ApplicationName) -> Result<Refreshed, Error> {
        let (answer, waiting) = oneshot::channel();
        self.inbox.ask(|asked| asked.applications.entry(application.clone()).or_default().push(answer));
        waiting.await.unwrap_or(Err(Error::Stopped))
    }

    /// Renders an application at another commit, branch or tag, and stores what comes of it. Whatever is desired stays as it is.
    pub async fn render_at(&self, application: &ApplicationName, revision: &str) -> Result<RenderedAt, Error> {
        let _turn = self.renders.acquire().await.map_err(|_| Error::Stopped)?;
        Box::pin(self.committer.render_at(application, revision)).await
    }

    /// The manifests of an application at another commit, branch or tag. Nothing of it is stored.
    pub async fn manifests_at(
        &self,
        application: &ApplicationName,
        revision: &str,
    ) -> Result<Vec<serde_json::Value>, Error> {
        let _turn = self.renders.acquire().await.map_err(|_| Error::Stopped)?;
        Box::pin(self.committer.manifests_at(application, revision)).await
    }

    /// An application stands at this revision of its record, or (0) is being deleted or gone: it is looked at soon, unless that was done. Does not wait.
    pub fn application_changed(&self, name: &ApplicationName, revision: u64) {
        self.inbox.ask(|asked| {
            asked.written.insert(name.clone(), revision);
        });
    }

    /// Clusters may have come, gone, or changed their labels or aliases: then applications may go elsewhere. Does not wait.
    pub fn clusters_changed(&self) {
        self.inbox.doubt_clusters();
    }

    /// A project came, went or changed: its applications are looked at. Does not wait.
    pub fn project_changed(&self, name: &str) {
        self.inbox.ask(|asked| {
            asked.projects.insert(name.to_owned());
        });
    }

    /// The settings of the whole installation changed: every application is looked at. Does not wait.
    pub fn settings_changed(&self) {
        self.inbox.ask(|asked| asked.clusters = true);
    }

    /// A repository's settings changed, or it was pushed to: every application of it is looked at. `url` may be spelt as people spell it. Does not wait.
    pub fn repository_changed(&self, url: &str) {
        self.inbox.ask(|asked| {
            asked.repositories.insert(url.to_owned());
        });
    }
}

// === impl Service ===

impl Service {
    /// A service over a store and a git cache, which tells `registry` what it committed; and the handle to it.
    pub async fn new(
        store: Arc<dyn Store>,
        git: GitCache,
        registry: Registry,
        clock: Clock,
        settings: Settings,
    ) -> Result<(Self, Handle), windlass_store::Error> {
        let digest_key = store.installation().await?.digest_key;
        let sources = Sources { store: Arc::clone(&store), git, clock: clock.clone() };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let compiler = Compiler {
            sources: sources.clone(),
            clock: clock.clone(),
            digest_key,
            render_timeout: settings.render_timeout,
            renderers: Renderers::new(settings.concurrency, cores, clock.clone()),
        };
        let gather = Gather::new(Arc::clone(&store), clock.clone());
        let inbox = Arc::<Inbox>::default();
        let committer = Arc::new(Committer { store, compiler, gather, registry });
        let renders = Arc::new(Semaphore::new(2));
        let handle = Handle { inbox: Arc::clone(&inbox), committer: Arc::clone(&committer), renders };
        Ok((Self { inbox, committer, sources, settings, clock }, handle))
    }

    /// Works until `stop`. Every application is looked at once at the start, and then as its repository moves. Those who wait at the end are told so.
    pub async fn run(self, stop: CancellationToken) {
        let _close = CloseOnDrop(&self.inbox);
        let (compiled, mut parked) = mpsc::channel(2 * self.settings.concurrency.max(1));
        let mut running = Running {
            committer: self.committer,
            sources: self.sources,
            schedule: Schedule::new(self.settings.concurrency),
            looks: JoinSet::new(),
            polls: JoinSet::new(),
            compiled,
            clock: self.clock.clone(),
            asking: BTreeSet::new(),
        };
        // Before the applications are read: what is written meanwhile is found afterwards.
        let mut follow = Follow::new(Arc::clone(&running.committer.store), Arc::clone(&self.inbox), self.clock.clone());
        tokio::select! {
            () = stop.cancelled() => return,
            () = async { follow.begin().await; running.learn(&self.clock).await } => {}
        }
        let mut following = std::pin::pin!(follow.run());
        let waits = Waits {
            store: Arc::clone(&running.committer.store),
            registry: running.committer.registry.clone(),
            clock: self.clock.clone(),
        };
        let mut waiting = std::pin::pin!(waits.run());
        running.poll();
        let mut tick = Box::pin(self.clock.sleep(self.settings.poll_interval));
        let mut age = Box::pin(self.clock.sleep(AGE_EVERY));
        loop {
            running.begin();
            tokio::select! {
                () = stop.cancelled() => return,
                () = &mut following => return,
                () = &mut waiting => return,
                asked = self.inbox.take() => running.ask(asked),
                Some(done) = running.looks.join_next() => running.looked(done),
                Some(name) = parked.recv() => running.schedule.compiled(&name, running.clock.now()),
                Some(done) = running.polls.join_next() => running.answered(done),
                () = &mut age, if running.schedule.compiling() > 0 => {
                    running.schedule.age(running.clock.now());
                    age = Box::pin(self.clock.sleep(AGE_EVERY));
                }
                () = &mut tick => {
                    running.poll();
                    tick = Box::pin(self.clock.sleep(self.settings.poll_interval));
                }
            }
        }
    }
}

// === impl Running ===

impl Running {
    /// Reads which applications there are, until the store says.
    async fn learn(&mut self, clock: &Clock) {
        loop {
            match self.try_learn().await {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "the applications could not be read; trying again"),
            }
            clock.sleep(RETRY).await;
        }
    }

    async fn try_learn(&mut self) -> Result<(), windlass_store::Error> {
        let projects = self.committer.store.projects().await?;
        for (_, name) in self.committer.store.application_names(None).await? {
            let application = self.committer.store.application(&name).await?;
            if let Some(Application { spec, .. }) = application.filter(|application| application.deletion.is_none()) {
                let project = projects.iter().find(|project| project.name == spec.project);
                // Whoever is not asked for an answer is looked at, and told why.
                let permitted = project.is_some_and(|project| gate::refused_source(project, &spec).is_none());
                self.schedule.know(name.clone(), Question::of(&spec).filter(|_| permitted));
                self.schedule.belongs(name, spec.project);
            }
        }
        Ok(())
    }

    /// Asks every repository what its applications want to know, once for all of them.
    fn poll(&mut self) {
        let questions: Vec<_> = self.schedule.questions().cloned().collect();
        for question in questions {
            if self.asking.insert(question.clone()) {
                let sources = self.sources.clone();
                self.polls.spawn(async move {
                    let asked = question.clone();
                    let work = tokio::spawn(async move { sources.answer(&asked).await });
                    let crashed =
                        |_| Err(Problem::comparison("asking the repository crashed; please report it").into());
                    (question, work.await.unwrap_or_else(crashed))
                });
            }
        }
        self.schedule.add_orphans();
    }

    fn ask(&mut self, asked: Asked) {
        for (name, waiters) in asked.applications {
            self.schedule.add(name, Look::Now, waiters);
        }
        for (name, revision) in asked.written {
            if !self.schedule.has_seen(&name, revision) {
                self.schedule.add(name, Look::Now, vec![]);
            }
        }
        for url in asked.repositories {
            if let Ok(url) = RepositoryUrl::parse(&url) {
                self.schedule.add_repository(&url.normalised());
            }
        }
        for project in asked.projects {
            self.schedule.add_project(&project);
        }
        if asked.clusters {
            self.schedule.add_all();
        }
    }

    fn begin(&mut self) {
        while let Some(Work { name, look, waiters }) = self.schedule.next(self.clock.now()) {
            let committer = Arc::clone(&self.committer);
            let place = Place { name: name.clone(), compiled: self.compiled.clone() };
            self.looks.spawn(async move {
                // A panic in one application's look must not lose its place in the schedule: it is caught by a task of its own.
                let work = tokio::spawn({
                    let name = name.clone();
                    async move { Box::pin(committer.look(&name, &look, &place)).await }
                });
                let done = work.await.unwrap_or(Err(Error::Stopped));
                (name, waiters, done)
            });
        }
        self.committer.gather.expect(self.schedule.compiling());
    }

    fn looked(&mut self, done: Result<Ended, tokio::task::JoinError>) {
        let Ok((name, waiters, done)) = done else { return };
        let now = self.clock.now();
        match &done {
            Ok(looked) => self.schedule.done(&name, Some(looked), now),
            Err(Error::NotFound(_) | Error::Deleting(_)) => self.schedule.forget(&name),
            Err(error) => {
                tracing::error!(application = %name, %error, "the application could not be looked at; the next poll tries again");
                self.schedule.done(&name, None, now);
            }
        }
        let answer = done.map(|looked| looked.refreshed);
        for waiter in waiters {
            // Who no longer waits needs no answer.
            let _ = waiter.send(answer.clone());
        }
    }

    fn answered(&mut self, done: Result<Answer, tokio::task::JoinError>) {
        let Ok((question, answer)) = done else { return };
        self.asking.remove(&question);
        let answer: Result<Found, Problem> = match answer {
            Ok(found) => Ok(found),
            Err(Failure::Problem(problem)) => Err(problem),
            Err(Failure::Store(error)) => {
                tracing::error!(%error, "a repository's settings could not be read; the next poll tries again");
                return;
            }
        };
        self.schedule.answered(&question, &answer);
    }
}
