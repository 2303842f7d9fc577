//! The schema's versions. A database is brought to the newest one when it is opened; one that is newer than this build is refused.

use super::arg::args;
use super::engine::Db;
use super::tx::Tx;
use crate::error::{Error, Result};

/// Every version, in order; the first is 1. What was released is never changed.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/0001_initial.sql")];

/// The version that this build writes.
pub(super) const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the database to [`SCHEMA_VERSION`], in one transaction.
pub(super) async fn run(db: &Db) -> Result<()> {
    let mut tx = db.write().await?;
    if let Tx::Postgres(_) = tx {
        // Replicas that start together take turns, however long one of them migrates. The number is any that nobody else uses.
        tx.execute("SET LOCAL lock_timeout = 0", args![]).await?;
        tx.execute("SET LOCAL statement_timeout = 0", args![]).await?;
        tx.execute("SELECT pg_advisory_xact_lock(7382915500171)", args![]).await?;
    }
    tx.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)", args![]).await?;
    let row = tx.one("SELECT COALESCE(MAX(version), 0) AS version FROM schema_version", args![]).await?;
    let found = row.int("version")?;
    if found > SCHEMA_VERSION {
        return Err(Error::Invalid(format!(
            "the database has schema version {found}, this build knows {SCHEMA_VERSION}: a newer windlass has written it; run that one, or restore a backup"
        )));
    }
    for (version, script) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        tx.script(for_engine(&tx, script)).await?;
        tx.execute("INSERT INTO schema_version (version) VALUES ($1)", args![version]).await?;
    }
    tx.commit().await
}

/// SQLite compares texts byte by byte anyway, and has no collation of that name.
fn for_engine(tx: &Tx, script: &str) -> String {
    match tx {
        Tx::Sqlite(_) => script.replace(" COLLATE \"C\"", ""),
        Tx::Postgres(_) => script.to_owned(),
    }
}
