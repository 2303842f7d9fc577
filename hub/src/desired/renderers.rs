//! Threads for rendering, apart from those on which git and the store block. Bounded; applications whose renders take long, or never end, have few of their own
//! and leave the others alone (promise P8).

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use uuid::Uuid;
use windlass_domain::source::{Entry, Reads, SourceError, SourceTree, TreePath};
use windlass_runtime::clock::Clock;

/// How long a render may take before another one gets its thread, and before its application counts as slow the next time.
const SLOW_AFTER: Duration = Duration::from_millis(200);
/// The most applications that are remembered as slow.
const MOST_SLOW: usize = 1000;

/// The threads.
pub(super) struct Renderers {
    clock: Clock,
    /// For applications that were not slow the last time.
    usual: Arc<Semaphore>,
    /// For those that were.
    slow: Arc<Semaphore>,
    /// For renders that turn out to be slow: they give their usual thread to others.
    spare: Arc<Semaphore>,
    known: Mutex<BTreeSet<Uuid>>,
}

/// Why a render has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Crashed,
    TooLong,
    /// Its application is one of the slow ones, and these have used their threads for so long.
    NoTurn,
}

/// Tells a render that nobody waits for it any more.
#[derive(Clone, Default)]
pub(super) struct GivenUp(Arc<AtomicBool>);

/// Files that can no longer be read once their render is given up: so it ends.
pub(super) struct Abandonable<T> {
    pub(super) tree: T,
    pub(super) given_up: GivenUp,
}

/// Gives up what nobody waits for, however that came.
struct Waits(GivenUp);

type Held = Arc<Mutex<Option<OwnedSemaphorePermit>>>;

// === impl Renderers ===

impl Renderers {
    /// At most four times `concurrency` threads and one for each two of `cores`; `concurrency` renders at once get one as soon as they come, or (behind slow ones)
    /// soon afterwards.
    pub(super) fn new(concurrency: usize, cores: usize, clock: Clock) -> Self {
        let permits = |count: usize| Arc::new(Semaphore::new(count.max(1)));
        let (usual, slow, spare) = (permits(2 * concurrency), permits(cores / 2), permits(2 * concurrency));
        Self { clock, usual, slow, spare, known: Mutex::default() }
    }

    /// Runs `work` on a thread, for an application. A render that takes longer than `limit` is given up: it goes on until it looks at its files again.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        application: Uuid,
        limit: Duration,
        work: impl FnOnce(GivenUp) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let was_slow = self.known.lock().contains(&application);
        let turns = Arc::clone(if was_slow { &self.slow } else { &self.usual });
        let permit = self.clock.timeout(limit, turns.acquire_owned()).await.map_err(|_| Ended::NoTurn)?;
        let held: Held = Arc::new(Mutex::new(permit.ok()));
        let waits = Waits(GivenUp::default());
        let mut answer = begin(Arc::clone(&held), waits.0.clone(), work)?;
        let done = match self.clock.timeout(SLOW_AFTER, &mut answer).await {
            Ok(done) => {
                self.known.lock().remove(&application);
                done
            }
            Err(_) => {
                self.is_slow(application, &held);
                let left = limit.saturating_sub(SLOW_AFTER);
                self.clock.timeout(left, answer).await.map_err(|_| Ended::TooLong)?
            }
        };
        done.map_err(|_| Ended::Crashed)
    }

    fn is_slow(&self, application: Uuid, held: &Held) {
        {
            let mut known = self.known.lock();
            if known.len() >= MOST_SLOW {
                known.pop_first();
            }
            known.insert(application);
        }
        let Ok(spare) = Arc::clone(&self.spare).try_acquire_owned() else { return };
        let mut held = held.lock();
        // A render that has just ended holds nothing any more. One that has a spare or slow thread already keeps a spare one as well as any.
        if held.is_some() {
            *held = Some(spare);
        }
    }
}

/// A thread for each render: none idles, none is shared with what must not wait.
fn begin<T: Send + 'static>(
    held: Held,
    given_up: GivenUp,
    work: impl FnOnce(GivenUp) -> T + Send + 'static,
) -> Result<oneshot::Receiver<T>, Ended> {
    let (done, answer) = oneshot::channel();
    let render = move || {
        let result = catch_unwind(AssertUnwindSafe(|| work(given_up)));
        drop(held.lock().take());
        if let Ok(result) = result {
            // Who no longer waits needs no answer.
            let _ = done.send(result);
        }
    };
    std::thread::Builder::new().name("render".into()).spawn(render).map_err(|error| {
        tracing::error!(%error, "no thread to render on");
        Ended::Crashed
    })?;
    Ok(answer)
}

// === impl GivenUp ===

impl GivenUp {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

// === impl Abandonable ===

impl<T> Abandonable<T> {
    fn check(&self, path: &TreePath) -> Result<(), SourceError> {
        if !self.given_up.is_set() {
            return Ok(());
        }
        Err(SourceError::Backend { path: path.to_string(), cause: "the render was given up".into() })
    }
}

impl<T: SourceTree> SourceTree for Abandonable<T> {
    fn list(&self, directory: &TreePath) -> Result<Vec<Entry>, SourceError> {
        self.check(directory)?;
        self.tree.list(directory)
    }

    fn read(&self, file: &TreePath, limit: u64) -> Result<Vec<u8>, SourceError> {
        self.check(file)?;
        self.tree.read(file, limit)
    }

    fn read_link(&self, link: &TreePath) -> Result<String, SourceError> {
        self.check(link)?;
        self.tree.read_link(link)
    }

    fn reads(&self) -> Reads {
        self.tree.reads()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use windlass_domain::time::from_millis;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// A render that goes on until it is given up.
    fn endless(given_up: GivenUp) {
        while !given_up.is_set() {
            std::thread::yield_now();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn renders_that_never_end_leave_threads_for_others() {
        let clock = Clock::manual(from_millis(0));
        let renderers = Arc::new(Renderers::new(2, 2, clock.clone()));
        let spawn = |application: u128| {
            let renderers = Arc::clone(&renderers);
            tokio::spawn(async move { renderers.run(Uuid::from_u128(application), LIMIT, endless).await })
        };
        // As many as all usual threads: they are found to be slow.
        let poison: Vec<_> = (1..=4).map(spawn).collect();
        while renderers.usual.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let other = {
            let renderers = Arc::clone(&renderers);
            tokio::spawn(async move { renderers.run(Uuid::from_u128(9), LIMIT, |_| 7).await })
        };
        clock.advance(SLOW_AFTER);
        assert_eq!(other.await.expect("no panic"), Ok(7));

        // They come again and again: they wait for each other, and for nobody else.
        clock.advance(LIMIT);
        for one in poison {
            assert_eq!(one.await.expect("no panic"), Err(Ended::TooLong));
        }
        let again: Vec<_> = (1..=4).map(spawn).collect();
        while renderers.slow.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(renderers.run(Uuid::from_u128(9), LIMIT, |_| 8).await, Ok(8), "without any time passing");
        clock.advance(LIMIT);
        drop(again);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_crash_and_a_caller_that_went_away_give_their_threads_back() {
        let renderers = Renderers::new(1, 1, Clock::manual(from_millis(0)));
        let crashed: Result<(), Ended> = renderers.run(Uuid::from_u128(1), LIMIT, |_| panic!("a test's")).await;
        assert_eq!(crashed, Err(Ended::Crashed));
        let (told, tells) = mpsc::channel();
        let work = move |given_up: GivenUp| {
            endless(given_up);
            told.send(()).expect("somebody listens");
        };
        let mut gone = Box::pin(renderers.run(Uuid::from_u128(1), LIMIT, work));
        std::future::poll_fn(|context| {
            assert!(gone.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(gone);
        tokio::task::spawn_blocking(move || tells.recv()).await.expect("no panic").expect("it ended");
        assert_eq!(renderers.run(Uuid::from_u128(1), LIMIT, |_| 1).await, Ok(1));
    }
}
