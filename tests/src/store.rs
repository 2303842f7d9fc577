//! Reads a hub's store behind the hub's back: what invariants say must be true of the rows, not of what the API makes of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use sqlx::{Connection as _, Row as _};

/// A hub may be writing just now.
const BUSY: Duration = Duration::from_secs(10);
const NO_TEXT: &str = "a column is no text: cast it";

/// Which database. Every column of every query must be text: cast it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// A file.
    Sqlite(PathBuf),
    /// A URL.
    Postgres(String),
}

impl Rows {
    /// Runs a query; NULL is an empty text.
    pub async fn query(&self, sql: &'static str) -> Result<Vec<Vec<String>>> {
        match self {
            Self::Sqlite(path) => {
                let connection = open(path)?;
                let mut statement = connection.prepare(sql).context(sql)?;
                let count = statement.column_count();
                let texts = |row: &rusqlite::Row<'_>| (0..count).map(|i| row.get::<_, Option<String>>(i)).collect();
                let rows = statement.query_map([], texts).context(sql)?;
                let rows = rows.collect::<rusqlite::Result<Vec<Vec<Option<String>>>>>().context(NO_TEXT)?;
                Ok(rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect())
            }
            Self::Postgres(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await.context("connecting to PostgreSQL")?;
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.context(sql)?;
                connection.close().await?;
                let texts = |row: &sqlx::postgres::PgRow| (0..row.len()).map(|i| text(row.try_get(i))).collect();
                rows.iter().map(texts).collect()
            }
        }
    }

    /// Where the database server of this process keeps its files, logs and write-ahead log; nothing for SQLite, whose files
    /// are the hub's own.
    pub fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => crate::postgres::shared_folder(),
        }
    }

    /// Runs a statement that changes something, as an administrator with a database shell would.
    pub async fn execute(&self, sql: String) -> Result<()> {
        match self {
            Self::Sqlite(path) => {
                open(path)?.execute_batch(&sql)?;
            }
            Self::Postgres(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await.context("connecting to PostgreSQL")?;
                sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path).with_context(|| format!("opening {}", path.display()))?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn text(value: Result<Option<String>, sqlx::Error>) -> Result<String> {
    Ok(value.context(NO_TEXT)?.unwrap_or_default())
}
