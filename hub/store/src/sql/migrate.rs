//! The schema's versions. A database is brought to the newest one when it is opened; one that is newer than this build is refused.

use uuid::Uuid;
use windlass_domain::status::TargetSummary;
use windlass_domain::target::TargetRow;

use super::arg::args;
use super::engine::Db;
use super::tx::Tx;
use super::{projects, status, target_rows};
use crate::error::{Error, Result};

/// Every version, in order; the first is 1. What was released is never changed.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_wider.sql"),
    include_str!("../../migrations/0003_identity_and_live.sql"),
    include_str!("../../migrations/0004_upgrades_and_more.sql"),
];

/// So many rows are brought into a newer form at a time.
const CHUNK: u64 = 500;

/// The version that this build writes.
pub(super) const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the database to [`SCHEMA_VERSION`], in one transaction.
pub(super) async fn run(db: &Db) -> Result<()> {
    let mut tx = db.write().await?;
    if let Tx::Postgres(..) = tx {
        // Replicas that start together take turns, however long one of them migrates. The number is any that nobody else uses.
        tx.execute("SET LOCAL lock_timeout = 0", args![]).await?;
        tx.execute("SET LOCAL statement_timeout = 0", args![]).await?;
        tx.script("SELECT pg_advisory_xact_lock(7382915500171)".into()).await?;
    }
    tx.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)", args![]).await?;
    let row = tx.one("SELECT COALESCE(MAX(version), 0) AS version FROM schema_version", args![]).await?;
    let found = row.int("version")?;
    if found > SCHEMA_VERSION {
        return Err(Error::NewerSchema { found, known: SCHEMA_VERSION });
    }
    for (version, script) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        tx.script(for_engine(&tx, script)).await?;
        if version == 2 {
            projects::make_default(&mut tx).await?;
            to_second(&mut tx).await?;
        }
        tx.execute("INSERT INTO schema_version (version) VALUES ($1)", args![version]).await?;
    }
    tx.commit().await
}

/// What SQL cannot say of the second version: rows in the form that is hashed, and of each status the bundle that it is about.
async fn to_second(tx: &mut Tx) -> Result<()> {
    let mut after = (String::new(), String::new());
    loop {
        let text = "SELECT t.application, t.cluster, t.desired, s.summary FROM targets t
            LEFT JOIN target_status s ON s.application = t.application AND s.cluster = t.cluster
            WHERE (t.application, t.cluster) > ($1, $2) ORDER BY t.application, t.cluster LIMIT $3";
        let rows = tx.all(text, args![&after.0, &after.1, CHUNK]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = (last.text("application")?, last.text("cluster")?);
        for row in rows {
            let (application, cluster): (Uuid, Uuid) = (row.uuid("application")?, row.uuid("cluster")?);
            let target = row.json::<TargetRow>("desired")?;
            target_rows::rewrite(tx, cluster, &target).await?;
            if let Some(summary) = row.opt_json::<TargetSummary>("summary")? {
                status::save(tx, (application, cluster), &target, summary, None).await?;
            }
        }
    }
}

/// SQLite compares texts byte by byte anyway, and has no collation of that name.
fn for_engine(tx: &Tx, script: &str) -> String {
    match tx {
        Tx::Sqlite(_) => script.replace(" COLLATE \"C\"", ""),
        Tx::Postgres(..) => script.to_owned(),
    }
}
