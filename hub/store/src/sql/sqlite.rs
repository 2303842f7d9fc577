//! SQLite in place: a statement runs where its caller runs, without a thread in between. It takes microseconds; what waits for the disk (opening, a commit, the
//! last checkpoint) runs on threads that may wait.
//!
//! Writers that wait for each other share a COMMIT, and with it a sync of the disk: who is done while somebody waits leaves the transaction open, and is
//! answered once one of those who came meanwhile, or itself, has committed all. A writer that gives up takes only its own changes back; what it saw of the
//! others is as little durable as their answers, so it waits for them too ([`Sqlite::settled`]).

mod row;

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::arg::Arg;
use crate::error::{Error, Result};
use row::{prepared, read};

pub(super) use row::SqliteRow;

/// How long a call waits for a lock of another process (a backup, an operator's shell) before it fails with a retryable error.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries to get such a lock.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a call waits for a connection: for the writer that is the queue of everybody before it.
const QUEUE: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
/// The log is moved into the database at so many pages (of 4 KiB): a page that changes often is moved once.
const LOG_PAGES: u32 = 4000;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 200;

/// An open database: one connection that writes, some that read.
pub(super) struct Sqlite {
    /// SQLite has one writer, and waiting for it in a queue is fairer than polling its lock.
    writer: Arc<Lane>,
    readers: Arc<Lane>,
}

/// Connections of one kind. Whoever has a turn has one of them.
struct Lane {
    path: PathBuf,
    reads_only: bool,
    count: u32,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    /// Who waits to begin.
    waiting: AtomicUsize,
    /// Who is done in the transaction that is open, and waits for its COMMIT.
    done: Mutex<Vec<oneshot::Sender<Result<()>>>>,
    /// How often somebody saw what others had not committed yet, and ended without a commit of its own.
    glimpses: AtomicU64,
}

/// Somebody who waits to begin.
struct Waits<'a>(&'a AtomicUsize);

/// A transaction; dropped without [`commit`](Self::commit), it changes nothing.
pub(super) struct SqliteTx {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    lane: Arc<Lane>,
    state: State,
    /// Given back after the connection.
    _turn: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of its own is in the database.
    Nothing,
    /// It is all that is in the transaction.
    Alone,
    /// Others are done in the same transaction.
    Behind,
}

// === impl Sqlite ===

impl Sqlite {
    /// Opens the file, makes it where there is none.
    pub(super) async fn open(path: &Path) -> Result<Self> {
        own_file(path)
            .map_err(|error| Error::Invalid(format!("the database {} cannot be used: {error}", path.display())))?;
        let database = Self { writer: Lane::new(path, false, 1), readers: Lane::new(path, true, READERS) };
        // Whoever opens the file first puts it into the mode that readers rely on.
        drop(database.write().await?);
        Ok(database)
    }

    /// A transaction that sees one state of the whole database and writes nothing.
    pub(super) async fn read(&self) -> Result<SqliteTx> {
        SqliteTx::begin(&self.readers, "BEGIN").await
    }

    /// The only transaction that may write. A deferred one that starts to write fails at once when another one writes.
    pub(super) async fn write(&self) -> Result<SqliteTx> {
        SqliteTx::begin(&self.writer, "BEGIN IMMEDIATE").await
    }

    /// Changes whenever a writer ends without a commit that saw what is not committed yet.
    pub(super) fn glimpses(&self) -> u64 {
        self.writer.glimpses.load(Ordering::Acquire)
    }

    /// Waits until everything that a writer can have seen so far is durable.
    ///
    /// # Errors
    /// It could not be made durable: what was seen does not hold.
    pub(super) async fn settled(&self) -> Result<()> {
        let (tell, told) = oneshot::channel();
        {
            let mut done = self.writer.done.lock();
            if done.is_empty() {
                return Ok(());
            }
            done.push(tell);
        }
        settle(Arc::clone(&self.writer), told).await
    }

    /// Waits for running transactions and closes every connection. Calls after it fail.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

// === impl Lane ===

impl Lane {
    fn new(path: &Path, reads_only: bool, count: u32) -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(count as usize));
        let (idle, waiting, done, glimpses) =
            (Mutex::default(), AtomicUsize::new(0), Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { path: path.to_owned(), reads_only, count, turns, idle, waiting, done, glimpses })
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let _waits = Waits::new(&self.waiting);
        let turn = tokio::time::timeout(QUEUE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| unavailable(format!("no connection became free within {QUEUE:?}")))?;
        turn.map_err(|_| unavailable("the store is closed"))
    }

    async fn connection(self: &Arc<Self>) -> Result<Connection> {
        if let Some(connection) = self.idle.lock().pop() {
            return Ok(connection);
        }
        let lane = Arc::clone(self);
        Ok(apart(move || lane.open()).await??)
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.busy_timeout(PATIENCE)?;
        // A plan does not depend on values: with them every statement would be planned again for each.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        if self.reads_only {
            connection.execute_batch("PRAGMA query_only = ON")?;
        }
        // From here on it is waited for a lock without keeping the thread.
        connection.busy_timeout(Duration::ZERO)?;
        Ok(connection)
    }

    /// What became of the transaction in which they were done.
    fn tell(&self, result: &Result<()>) {
        let done = std::mem::take(&mut *self.done.lock());
        for tell in done {
            // Who no longer waits needs no answer.
            let _ = tell.send(result.as_ref().map(drop).map_err(Error::of_all));
        }
    }

    async fn close(self: &Arc<Self>) {
        let all = self.turns.acquire_many(self.count).await;
        self.turns.close();
        drop(all);
        let lane = Arc::clone(self);
        // The last connection moves the log into the database.
        let closed = apart(move || lane.idle.lock().clear()).await;
        closed.unwrap_or_else(|error| tracing::debug!(%error, "the database was not closed in order"));
    }
}

// === impl SqliteTx ===

impl SqliteTx {
    async fn begin(lane: &Arc<Lane>, statement: &'static str) -> Result<Self> {
        let turn = lane.turn().await?;
        let connection = Some(lane.connection().await?);
        let mut tx = Self { connection, lane: Arc::clone(lane), state: State::Nothing, _turn: turn };
        let begin = |connection: &Connection| {
            let (statement, state) =
                if connection.is_autocommit() { (statement, State::Alone) } else { ("SAVEPOINT mine", State::Behind) };
            connection.prepare_cached(statement)?.raw_execute().map(|_| state)
        };
        tx.state = tx.run(begin).await?;
        Ok(tx)
    }

    /// How many rows it changed.
    pub(super) async fn execute(&mut self, text: &str, args: Vec<Arg>) -> Result<u64> {
        self.run(|connection| {
            let mut statement = prepared(connection, text, &args)?;
            statement.raw_execute().map(|changed| changed as u64)
        })
        .await
    }

    /// At most so many rows.
    pub(super) async fn rows(&mut self, text: &str, args: Vec<Arg>, most: usize) -> Result<Vec<SqliteRow>> {
        self.run(|connection| {
            let mut statement = prepared(connection, text, &args)?;
            read(&mut statement, most)
        })
        .await
    }

    /// Several statements without arguments, however long they take.
    pub(super) async fn script(&mut self, text: &str) -> Result<()> {
        self.run(|connection| connection.execute_batch(text)).await
    }

    /// Once begun it goes on without its caller.
    pub(super) async fn commit(mut self) -> Result<()> {
        if self.state == State::Behind {
            self.run(|connection| connection.prepare_cached("RELEASE mine")?.raw_execute()).await?;
        }
        self.state = State::Nothing;
        if self.lane.reads_only || self.lane.waiting.load(Ordering::Acquire) == 0 {
            return apart(move || self.commit_all()).await?;
        }
        let (tell, told) = oneshot::channel();
        let lane = Arc::clone(&self.lane);
        lane.done.lock().push(tell);
        drop(self);
        let settled = tokio::spawn(settle(lane, told)).await;
        settled.map_err(|error| unavailable(format!("it was cut off: {error}")))?
    }

    /// Commits what is in the transaction, and tells all who wait for it.
    fn commit_all(self) -> Result<()> {
        let Some(connection) = &self.connection else { return Err(unavailable("the transaction is over")) };
        let committed = connection.prepare_cached("COMMIT").and_then(|mut commit| commit.raw_execute());
        if committed.is_err() && !connection.is_autocommit() {
            // What could not be committed is in nobody's way.
            connection.execute_batch("ROLLBACK")?;
        }
        let result = committed.map(drop).map_err(Error::from);
        self.lane.tell(&result);
        result
    }

    async fn run<T>(&mut self, mut work: impl FnMut(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        // Statements follow each other without a pause: others get theirs.
        tokio::task::consume_budget().await;
        let mut until = None;
        loop {
            let connection = self.connection.as_ref().ok_or_else(|| unavailable("the transaction is over"))?;
            match work(connection) {
                Err(error)
                    if is_busy(&error) && Instant::now() < *until.get_or_insert_with(|| Instant::now() + PATIENCE) => {}
                done => return Ok(done?),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Drop for SqliteTx {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.state == State::Behind {
            self.lane.glimpses.fetch_add(1, Ordering::AcqRel);
        }
        let taken_back = match self.state {
            State::Nothing => Ok(()),
            // SQLite ends some transactions by itself, as when the disk is full.
            _ if connection.is_autocommit() => Ok(()),
            State::Alone => connection.execute_batch("ROLLBACK"),
            State::Behind => connection.execute_batch("ROLLBACK TO mine; RELEASE mine"),
        };
        if taken_back.is_err() || (connection.is_autocommit() && self.state == State::Behind) {
            self.lane.tell(&Err(unavailable("the transaction was ended by another writer's failure")));
        }
        if taken_back.is_ok() && !self.lane.turns.is_closed() {
            self.lane.idle.lock().push(connection);
        }
    }
}

/// Waits for its commit: by somebody else, or, once it is its turn again, by itself.
async fn settle(lane: Arc<Lane>, mut told: oneshot::Receiver<Result<()>>) -> Result<()> {
    let over = || unavailable("the transaction is over");
    let turn = tokio::select! {
        biased;
        result = &mut told => return result.unwrap_or_else(|_| Err(over())),
        turn = Arc::clone(&lane.turns).acquire_owned() => turn.map_err(|_| over())?,
    };
    // It may have been told at the same moment.
    if let Ok(result) = told.try_recv() {
        return result;
    }
    let connection = lane.idle.lock().pop();
    let tx = SqliteTx { connection, lane, state: State::Nothing, _turn: turn };
    apart(move || tx.commit_all()).await?
}

// === impl Waits ===

impl<'a> Waits<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::AcqRel);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether another process has a lock that it will give back.
fn is_busy(error: &rusqlite::Error) -> bool {
    // BUSY and BUSY_RECOVERY. After BUSY_SNAPSHOT only a new transaction helps.
    error.sqlite_error().is_some_and(|error| matches!(error.extended_code, 5 | 261))
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| unavailable(format!("it was cut off: {error}")))
}

fn unavailable(cause: impl Into<String>) -> Error {
    Error::Unavailable { cause: cause.into() }
}

/// The file for its owner only; SQLite gives its log and index files the same mode.
fn own_file(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests;
