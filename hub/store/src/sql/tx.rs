//! One transaction of either engine: every query of the store goes through here, as one text.

use std::time::Duration;

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr, Transaction};

use super::arg::Arg;
use super::row::Row;
use super::sqlite::SqliteTx;
use crate::error::{Error, Result};

/// A transaction; dropped without [`commit`](Self::commit), it changes nothing.
pub(super) enum Tx {
    Sqlite(SqliteTx),
    /// With how long the server may take for an answer.
    Postgres(Transaction<'static, Postgres>, Duration),
}

/// A query's text: fixed, or composed of fixed parts. Values are always bound.
pub(super) trait Text {
    fn into_text(self) -> SqlStr;
}

// === impl Text ===

impl Text for &'static str {
    fn into_text(self) -> SqlStr {
        self.into_sql_str()
    }
}

impl Text for String {
    fn into_text(self) -> SqlStr {
        AssertSqlSafe(self).into_sql_str()
    }
}

// === impl Tx ===

impl Tx {
    /// How many rows it changed.
    pub(super) async fn execute(&mut self, text: impl Text, args: Vec<Arg>) -> Result<u64> {
        let text = text.into_text();
        Ok(match self {
            Self::Sqlite(tx) => tx.execute(text.as_str(), args).await?,
            Self::Postgres(tx, limit) => within(*limit, postgres(text, args).execute(&mut **tx)).await?.rows_affected(),
        })
    }

    pub(super) async fn all(&mut self, text: impl Text, args: Vec<Arg>) -> Result<Vec<Row>> {
        let text = text.into_text();
        Ok(match self {
            Self::Sqlite(tx) => tx.rows(text.as_str(), args, usize::MAX).await?.into_iter().map(Row::Sqlite).collect(),
            Self::Postgres(tx, limit) => {
                let rows = within(*limit, postgres(text, args).fetch_all(&mut **tx)).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub(super) async fn optional(&mut self, text: impl Text, args: Vec<Arg>) -> Result<Option<Row>> {
        let text = text.into_text();
        Ok(match self {
            Self::Sqlite(tx) => tx.rows(text.as_str(), args, 1).await?.pop().map(Row::Sqlite),
            Self::Postgres(tx, limit) => {
                within(*limit, postgres(text, args).fetch_optional(&mut **tx)).await?.map(Row::Postgres)
            }
        })
    }

    /// The one row that must be there.
    pub(super) async fn one(&mut self, text: impl Text, args: Vec<Arg>) -> Result<Row> {
        self.optional(text, args).await?.ok_or_else(|| Error::Corrupt("a row that must exist is missing".into()))
    }

    /// Several statements without arguments, however long they take.
    pub(super) async fn script(&mut self, text: String) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.script(&text).await?,
            Self::Postgres(tx, _) => sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut **tx).await.map(|_| ())?,
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx, limit) => within(limit, tx.commit()).await?,
        }
        Ok(())
    }
}

/// The server has limits of its own; this is for one that says nothing at all any more.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Error::Unavailable { cause: format!("no answer within {limit:?}") }),
    }
}

fn postgres(text: SqlStr, args: Vec<Arg>) -> Query<'static, Postgres, PgArguments> {
    args.into_iter().fold(sqlx::query(text), |query, arg| match arg {
        Arg::Text(value) => query.bind(value),
        Arg::Int(value) => query.bind(value),
        Arg::Blob(value) => query.bind(value),
    })
}
