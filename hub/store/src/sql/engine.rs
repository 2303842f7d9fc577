//! The two engines: how each is opened, and how its transactions begin.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Transaction};

use super::tx::{Tx, within};
use super::url::{Engine, StoreUrl};
use crate::error::{Error, Result};

/// How long a call waits for a lock before it fails with a retryable error.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits for a connection: for SQLite's writer that is the queue of everybody before it.
const QUEUE: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;

/// An open database.
pub(super) enum Db {
    Sqlite {
        /// One connection: SQLite has one writer, and waiting for it in a queue is fairer than polling its lock.
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres {
        pool: PgPool,
        /// How long the server may take for an answer.
        answer: Duration,
    },
}

// === impl Db ===

impl Db {
    pub(super) async fn open(url: &StoreUrl, answer: Duration) -> Result<Self> {
        match &url.0 {
            Engine::Sqlite(path) => open_sqlite(path).await,
            Engine::Postgres(url) => open_postgres(url.as_str(), answer).await,
        }
    }

    /// A transaction that sees one state of the whole database and writes nothing.
    pub(super) async fn read(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Tx::Sqlite(readers.begin_with("BEGIN").await?),
            Self::Postgres { pool, answer } => {
                Tx::Postgres(begin(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", *answer).await?, *answer)
            }
        })
    }

    /// A transaction that may write. In SQLite it is the only one; in PostgreSQL it is once it has locked the feed's row.
    pub(super) async fn write(&self) -> Result<Tx> {
        Ok(match self {
            // A deferred transaction that starts to write fails at once when another one writes, whatever the timeout.
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres { pool, answer } => {
                Tx::Postgres(begin(pool, "BEGIN ISOLATION LEVEL READ COMMITTED", *answer).await?, *answer)
            }
        })
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }
}

async fn begin(pool: &PgPool, statement: &'static str, answer: Duration) -> Result<Transaction<'static, Postgres>> {
    within(QUEUE.min(answer) + answer, pool.begin_with(statement)).await
}

async fn open_sqlite(path: &Path) -> Result<Db> {
    own_file(path)
        .map_err(|error| Error::Invalid(format!("the database {} cannot be used: {error}", path.display())))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .statement_cache_capacity(200);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(QUEUE)
        // SQLite ends a transaction by itself when the disk is full, and the driver counts it on: with this connection nothing could be begun again.
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options.clone())
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(QUEUE)
        .connect_with(options.pragma("query_only", "ON"))
        .await?;
    Ok(Db::Sqlite { writer, readers })
}

/// The file for its owner only; SQLite gives its log and index files the same mode.
fn own_file(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

async fn open_postgres(url: &str, answer: Duration) -> Result<Db> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::Invalid("the store's PostgreSQL URL is malformed".into()))?
        .application_name("windlass-hub")
        .statement_cache_capacity(200)
        // A hub that lost its way to the database must not hold the feed's row for long.
        .options([
            ("statement_timeout", "10s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "30s"),
        ]);
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(QUEUE.min(answer))
        // A connection that was left in the middle of an answer, and whose server is silent, would keep its place until the kernel gives it up.
        .after_release(move |connection, _| {
            Box::pin(async move {
                let silent = |_| sqlx::Error::Protocol("the server is silent".into());
                tokio::time::timeout(answer, connection.ping()).await.map_err(silent)??;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options)
        .await?;
    Ok(Db::Postgres { pool, answer })
}
