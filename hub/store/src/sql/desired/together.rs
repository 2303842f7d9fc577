//! Commits that come while another one is written go together with the next transaction: however many applications a push moves, a cluster gets few generations
//! and the disk few syncs.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use uuid::Uuid;
use windlass_domain::time::Timestamp;

use super::write_one;
use crate::error::{Error, Result};
use crate::model::{ClusterPosition, DesiredCommit};
use crate::sql::SqlStore;
use crate::sql::arg::args;
use crate::sql::contents::{self, Prepared};
use crate::sql::generation::Generations;
use crate::sql::store::AGAIN;
use crate::sql::write::Write;

/// The most commits of one transaction: others write too.
const MOST: usize = 1000;

/// Commits that wait to be written together.
#[derive(Default)]
pub(in crate::sql) struct Together {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Whoever has it writes, for all who wait.
    turn: tokio::sync::Mutex<()>,
}

struct Waiting {
    commit: Arc<DesiredCommit>,
    prepared: Prepared,
    now: Timestamp,
    done: oneshot::Sender<Result<Vec<ClusterPosition>>>,
}

/// Writes commits together, and with whatever else waits; each is whole or nothing. The results are in the order of the commits.
pub(in crate::sql) async fn commit_together(
    store: &SqlStore,
    commits: Vec<DesiredCommit>,
    now: Timestamp,
) -> Vec<Result<Vec<ClusterPosition>>> {
    let mut left = AGAIN;
    let mut todo: Vec<(usize, Arc<DesiredCommit>)> = commits.into_iter().map(Arc::new).enumerate().collect();
    let mut done: Vec<(usize, Result<Vec<ClusterPosition>>)> = Vec::with_capacity(todo.len());
    loop {
        let results = once(store, &todo, now).await;
        let mut contended = Vec::new();
        for (place, result) in todo.into_iter().zip(results) {
            match result {
                Err(error) if error.is_contention() && left > 0 => contended.push(place),
                result => done.push((place.0, result)),
            }
        }
        if contended.is_empty() {
            done.sort_by_key(|(place, _)| *place);
            return done.into_iter().map(|(_, result)| result).collect();
        }
        (todo, left) = (contended, left - 1);
    }
}

async fn once(
    store: &SqlStore,
    commits: &[(usize, Arc<DesiredCommit>)],
    now: Timestamp,
) -> Vec<Result<Vec<ClusterPosition>>> {
    let mut answers = Vec::with_capacity(commits.len());
    let mut batch = Vec::with_capacity(commits.len());
    let mut packer = contents::Packer::new();
    for (_, commit) in commits {
        let (done, answer) = oneshot::channel();
        // Verified and packed before any lock is taken.
        let prepared = match &mut packer {
            Ok(packer) => contents::prepare(store, packer, &commit.contents).await,
            Err(error) => Err(error.of_all()),
        };
        match prepared {
            Ok(prepared) => batch.push(Waiting { commit: Arc::clone(commit), prepared, now, done }),
            Err(error) => drop(done.send(Err(error))),
        }
        answers.push(answer);
    }
    store.together.waiting.lock().extend(batch);
    let mut results = Vec::with_capacity(answers.len());
    for answer in answers {
        results.push(answered(store, answer).await);
    }
    results
}

/// Writes all that wait until this answer is there.
async fn answered(
    store: &SqlStore,
    mut answer: oneshot::Receiver<Result<Vec<ClusterPosition>>>,
) -> Result<Vec<ClusterPosition>> {
    use oneshot::error::TryRecvError;
    loop {
        let _turn = store.together.turn.lock().await;
        match answer.try_recv() {
            Ok(result) => return result,
            Err(TryRecvError::Closed) => {
                return Err(Error::Contended { cause: "the commit that it was part of was given up".into() });
            }
            Err(TryRecvError::Empty) => {}
        }
        let batch: Vec<Waiting> = {
            let mut waiting = store.together.waiting.lock();
            let count = waiting.len().min(MOST);
            waiting.drain(..count).collect()
        };
        write_all(store, batch).await;
    }
}

async fn write_all(store: &SqlStore, batch: Vec<Waiting>) {
    match try_write(store, &batch).await {
        Ok(results) => {
            for (waiting, result) in batch.into_iter().zip(results) {
                // Who no longer waits needs no answer.
                let _ = waiting.done.send(result);
            }
        }
        Err(error) => {
            for waiting in batch {
                let _ = waiting.done.send(Err(Error::of_all(&error)));
            }
        }
    }
}

async fn try_write(store: &SqlStore, batch: &[Waiting]) -> Result<Vec<Result<Vec<ClusterPosition>>>> {
    let mut write = store.write().await?;
    let mut generations = Generations::default();
    let mut changed = Vec::with_capacity(batch.len());
    for waiting in batch {
        changed.push(apart(&mut write, &mut generations, waiting).await?);
    }
    let positions = generations.finish(&mut write).await?;
    if changed.iter().any(Result::is_ok) {
        write.commit().await?;
    }
    let of =
        |clusters: Vec<Uuid>| positions.iter().filter(|moved| clusters.contains(&moved.cluster)).copied().collect();
    Ok(changed.into_iter().map(|changed| changed.map(of)).collect())
}

/// One commit that, when it fails, takes nothing of the others' along. The outer error is the whole transaction's.
async fn apart(write: &mut Write, generations: &mut Generations, waiting: &Waiting) -> Result<Result<Vec<Uuid>>> {
    let mut tried = generations.clone();
    write.execute("SAVEPOINT apart", args![]).await?;
    let written = write_one(write, &mut tried, &waiting.commit, &waiting.prepared, waiting.now).await;
    match &written {
        Ok(_) => *generations = tried,
        Err(error) => {
            tracing::debug!(%error, "a commit is taken back out of its transaction");
            write.execute("ROLLBACK TO SAVEPOINT apart", args![]).await?;
        }
    }
    write.execute("RELEASE SAVEPOINT apart", args![]).await?;
    Ok(written)
}
