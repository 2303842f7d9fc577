//! SQLite in place: a statement runs where its caller runs, without a thread in between. It takes microseconds; what waits for the disk (opening, a commit, the
//! last checkpoint) runs on threads that may wait.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::arg::Arg;
use crate::error::{Error, Result};

/// How long a call waits for a lock of another process (a backup, an operator's shell) before it fails with a retryable error.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries to get such a lock.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a call waits for a connection: for the writer that is the queue of everybody before it.
const QUEUE: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
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
}

/// A transaction; dropped without [`commit`](Self::commit), it changes nothing.
pub(super) struct SqliteTx {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    lane: Arc<Lane>,
    /// Given back after the connection.
    _turn: OwnedSemaphorePermit,
}

/// A row, as it was when it was read.
pub(super) struct SqliteRow {
    columns: Arc<[String]>,
    values: Vec<Value>,
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
        Arc::new(Self { path: path.to_owned(), reads_only, count, turns, idle: Mutex::default() })
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
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
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")?;
        if self.reads_only {
            connection.execute_batch("PRAGMA query_only = ON")?;
        }
        // From here on it is waited for a lock without keeping the thread.
        connection.busy_timeout(Duration::ZERO)?;
        Ok(connection)
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
        let mut tx = Self { connection: Some(lane.connection().await?), lane: Arc::clone(lane), _turn: turn };
        tx.run(|connection| connection.prepare_cached(statement)?.raw_execute()).await?;
        Ok(tx)
    }

    /// How many rows it changed.
    pub(super) async fn execute(&mut self, text: &str, args: &[Arg]) -> Result<u64> {
        self.run(|connection| {
            let mut statement = prepared(connection, text, args)?;
            statement.raw_execute().map(|changed| changed as u64)
        })
        .await
    }

    /// At most so many rows.
    pub(super) async fn rows(&mut self, text: &str, args: &[Arg], most: usize) -> Result<Vec<SqliteRow>> {
        self.run(|connection| {
            let mut statement = prepared(connection, text, args)?;
            read(&mut statement, most)
        })
        .await
    }

    /// Several statements without arguments, however long they take.
    pub(super) async fn script(&mut self, text: &str) -> Result<()> {
        self.run(|connection| connection.execute_batch(text)).await
    }

    /// Once begun it goes on without its caller.
    pub(super) async fn commit(self) -> Result<()> {
        let commit = move || match &self.connection {
            Some(connection) => connection.prepare_cached("COMMIT")?.raw_execute().map(drop),
            None => Ok(()),
        };
        Ok(apart(commit).await??)
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
        // SQLite ends some transactions by itself, as when the disk is full.
        let ended = connection.is_autocommit()
            || connection.prepare_cached("ROLLBACK").and_then(|mut rollback| rollback.raw_execute()).is_ok();
        if ended && !self.lane.turns.is_closed() {
            self.lane.idle.lock().push(connection);
        }
    }
}

// === impl SqliteRow ===

impl SqliteRow {
    fn value(&self, column: &str) -> Result<&Value> {
        let place = self.columns.iter().position(|name| name == column);
        place
            .and_then(|place| self.values.get(place))
            .ok_or_else(|| Error::Corrupt(format!("column {column}: there is none")))
    }

    pub(super) fn opt_text(&self, column: &str) -> Result<Option<&str>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(unexpected(column, other)),
        }
    }

    pub(super) fn opt_int(&self, column: &str) -> Result<Option<i64>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Integer(number) => Ok(Some(*number)),
            other => Err(unexpected(column, other)),
        }
    }

    pub(super) fn opt_blob(&self, column: &str) -> Result<Option<&[u8]>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Blob(bytes) => Ok(Some(bytes)),
            other => Err(unexpected(column, other)),
        }
    }
}

fn unexpected(column: &str, value: &Value) -> Error {
    Error::Corrupt(format!("column {column}: unexpected {}", value.data_type()))
}

impl ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Int(Some(number)) => ValueRef::Integer(*number),
            Self::Blob(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Text(None) | Self::Int(None) | Self::Blob(None) => ValueRef::Null,
        }))
    }
}

/// A statement with its arguments. SQLite numbers `$2` by its first place in the text; here, as in PostgreSQL, it is the second argument.
fn prepared<'a>(connection: &'a Connection, text: &str, args: &[Arg]) -> rusqlite::Result<CachedStatement<'a>> {
    let mut statement = connection.prepare_cached(text)?;
    for place in 1..=statement.parameter_count() {
        let number = statement.parameter_name(place).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let arg = number.and_then(|number| args.get(number.checked_sub(1)?));
        let arg = arg.ok_or(rusqlite::Error::InvalidParameterCount(args.len(), place))?;
        statement.raw_bind_parameter(place, arg)?;
    }
    Ok(statement)
}

fn read(statement: &mut CachedStatement<'_>, most: usize) -> rusqlite::Result<Vec<SqliteRow>> {
    let count = statement.column_count();
    let (mut found, mut columns) = (Vec::new(), None);
    let mut rows = statement.raw_query();
    while found.len() < most
        && let Some(row) = rows.next()?
    {
        let names = || row.as_ref().column_names().into_iter().map(str::to_owned).collect();
        let columns: &Arc<[String]> = columns.get_or_insert_with(names);
        let values = (0..count).map(|place| row.get_ref(place).map(Value::try_from)?.map_err(rusqlite::Error::from));
        found.push(SqliteRow { columns: Arc::clone(columns), values: values.collect::<rusqlite::Result<_>>()? });
    }
    Ok(found)
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
mod tests {
    use super::super::arg::args;
    use super::*;

    async fn database(folder: &tempfile::TempDir) -> Sqlite {
        let database = Sqlite::open(&folder.path().join("hub.db")).await.expect("opened");
        let mut tx = database.write().await.expect("a transaction");
        tx.script("CREATE TABLE t (a TEXT, b BIGINT, c BLOB)").await.expect("made");
        tx.commit().await.expect("committed");
        database
    }

    async fn count(database: &Sqlite) -> i64 {
        let mut tx = database.read().await.expect("a transaction");
        let rows = tx.rows("SELECT COUNT(*) AS n FROM t", &args![], 1).await.expect("counted");
        rows[0].opt_int("n").expect("a number").expect("one")
    }

    #[tokio::test]
    async fn arguments_are_numbered_as_in_postgresql() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = database(&folder).await;
        let mut tx = database.write().await.expect("a transaction");
        let text = "INSERT INTO t (c, b, a) VALUES ($3, $2, $1)";
        tx.execute(text, &args!["text", 7_i64, vec![1_u8]]).await.expect("written");
        let row = tx.rows("SELECT * FROM t WHERE b = $2 AND a = $1", &args!["text", 7_i64], 1).await.expect("read");
        assert_eq!((row[0].opt_text("a").ok(), row[0].opt_int("b").ok()), (Some(Some("text")), Some(Some(7))));
        assert_eq!(row[0].opt_blob("c").expect("a blob"), Some(&[1_u8][..]));
        assert!(row[0].opt_int("a").is_err() && row[0].opt_text("none").is_err(), "what is not there is not made up");
        assert!(tx.execute(text, &args!["text", 7_i64]).await.is_err(), "an argument is missing");
    }

    #[tokio::test]
    async fn what_is_given_up_has_changed_nothing_and_blocks_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = database(&folder).await;
        for _ in 0..3 {
            let mut tx = database.write().await.expect("a transaction");
            tx.execute("INSERT INTO t (b) VALUES (1)", &args![]).await.expect("written");
        }
        assert_eq!(count(&database).await, 0);
        let mut tx = database.write().await.expect("a transaction");
        tx.execute("INSERT INTO t (b) VALUES (1)", &args![]).await.expect("written");
        tx.commit().await.expect("committed");
        assert_eq!(count(&database).await, 1);
    }

    #[tokio::test]
    async fn a_lock_of_somebody_else_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = database(&folder).await;
        let other = Connection::open(folder.path().join("hub.db")).expect("a connection");
        other.execute_batch("BEGIN IMMEDIATE").expect("locked");
        let writing = tokio::spawn(async move { database.write().await.map(drop) });
        tokio::task::yield_now().await;
        assert!(!writing.is_finished());
        other.execute_batch("COMMIT").expect("given back");
        writing.await.expect("ran").expect("a transaction");
    }
}
