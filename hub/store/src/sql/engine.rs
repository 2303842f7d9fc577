//! The two engines: how each is opened, and how its transactions begin.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sqlx::{Connection as _, Transaction};

use super::sqlite::Sqlite;
use super::tx::{Tx, within};
use super::url::{Engine, StoreUrl};
use crate::error::{Error, Result};

/// How long a call waits for a connection.
const QUEUE: Duration = Duration::from_secs(10);
const POSTGRES_CONNECTIONS: u32 = 16;

/// An open database.
pub(super) enum Db {
    Sqlite(Sqlite),
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
            Engine::Sqlite(path) => Sqlite::open(path).await.map(Self::Sqlite),
            Engine::Postgres(url) => open_postgres(url.as_str(), answer).await,
        }
    }

    /// A transaction that sees one state of the whole database and writes nothing.
    pub(super) async fn read(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite(database) => Tx::Sqlite(database.read().await?),
            Self::Postgres { pool, answer } => {
                Tx::Postgres(begin(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", *answer).await?, *answer)
            }
        })
    }

    /// A transaction that may write. In SQLite it is the only one; in PostgreSQL it is once it has locked the feed's row.
    pub(super) async fn write(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite(database) => Tx::Sqlite(database.write().await?),
            Self::Postgres { pool, answer } => {
                Tx::Postgres(begin(pool, "BEGIN ISOLATION LEVEL READ COMMITTED", *answer).await?, *answer)
            }
        })
    }

    /// Changes whenever a transaction that may write ends without a commit and has seen what is not committed yet. In PostgreSQL none can.
    pub(super) fn glimpses(&self) -> u64 {
        match self {
            Self::Sqlite(database) => database.glimpses(),
            Self::Postgres { .. } => 0,
        }
    }

    /// Waits until everything that such a transaction can have seen is durable.
    pub(super) async fn settled(&self) -> Result<()> {
        match self {
            Self::Sqlite(database) => database.settled().await,
            Self::Postgres { .. } => Ok(()),
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }
}

async fn begin(pool: &PgPool, statement: &'static str, answer: Duration) -> Result<Transaction<'static, Postgres>> {
    within(QUEUE.min(answer) + answer, pool.begin_with(statement)).await
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
