//! What one push moves is written together: while more is compiled, commits wait a moment for each other. A thousand applications of one repository are a few
//! transactions, and a cluster gets a few generations.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use windlass_domain::name::ApplicationName;
use windlass_runtime::clock::Clock;
use windlass_store::{ClusterPosition, DesiredCommit, Error, Store};

/// The most commits that are written together: others write too.
const MOST: usize = 250;
/// How long the first of them waits for others, while others are compiled.
const WINDOW: Duration = Duration::from_millis(25);
/// The most KiB of contents that wait to be written; a look that has more waits, and keeps its turn.
const MOST_KIB: u32 = 64 << 10;

/// Collects commits.
pub(super) struct Gather {
    store: Arc<dyn Store>,
    clock: Clock,
    waiting: Mutex<Vec<Waiting>>,
    /// Whoever has it waits for others, and writes for all.
    turn: tokio::sync::Mutex<()>,
    room: Semaphore,
    /// How many looks are compiled now.
    compiling: watch::Sender<usize>,
}

/// A look's place among those that compile.
pub(super) struct Place {
    pub(super) name: ApplicationName,
    /// Tells whoever schedules that it is compiled.
    pub(super) compiled: mpsc::Sender<ApplicationName>,
}

struct Waiting {
    commit: DesiredCommit,
    done: oneshot::Sender<Result<Vec<ClusterPosition>, Error>>,
}

// === impl Gather ===

impl Gather {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            store,
            clock,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            room: Semaphore::new(MOST_KIB as usize),
            compiling: watch::Sender::new(0),
        }
    }

    /// How many looks are compiled now: more commits may come soon.
    pub(super) fn expect(&self, compiling: usize) {
        self.compiling.send_if_modified(|before| std::mem::replace(before, compiling) != compiling);
    }

    /// Writes a commit, together with those that come at the same time.
    pub(super) async fn commit(&self, commit: DesiredCommit, place: &Place) -> Result<Vec<ClusterPosition>, Error> {
        let gone = || Error::Contended { cause: "the commit that it was part of was given up".into() };
        let _room = self.room.acquire_many(kib(&commit)).await.map_err(|_| gone())?;
        let (done, mut answer) = oneshot::channel();
        self.waiting.lock().push(Waiting { commit, done });
        // A scheduler that is gone waits for nobody.
        let _ = place.compiled.send(place.name.clone()).await;
        loop {
            let _turn = self.turn.lock().await;
            match answer.try_recv() {
                Ok(written) => return written,
                Err(oneshot::error::TryRecvError::Closed) => return Err(gone()),
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            self.wait_for_others().await;
            self.write().await;
        }
    }

    async fn wait_for_others(&self) {
        let mut compiling = self.compiling.subscribe();
        let all = async {
            while *compiling.borrow_and_update() > 0 && self.waiting.lock().len() < MOST {
                if compiling.changed().await.is_err() {
                    return;
                }
            }
        };
        // Whoever is slow is not waited for.
        let _ = self.clock.timeout(WINDOW, all).await;
    }

    async fn write(&self) {
        let batch: Vec<Waiting> = {
            let mut waiting = self.waiting.lock();
            let count = waiting.len().min(MOST);
            waiting.drain(..count).collect()
        };
        let (commits, told): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.commit, one.done)).unzip();
        let results = self.store.commit_all_desired(commits, self.clock.now()).await;
        for (done, result) in told.into_iter().zip(results) {
            // Who no longer waits needs no answer.
            let _ = done.send(result);
        }
    }
}

/// At least one, and never more than there is.
fn kib(commit: &DesiredCommit) -> u32 {
    let bytes: usize = commit.contents.iter().map(|(_, bytes)| bytes.len()).sum();
    u32::try_from(bytes >> 10).unwrap_or(MOST_KIB).clamp(1, MOST_KIB)
}
