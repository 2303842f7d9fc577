//! The hub's certificate authorities: which there are, and who uses certificates of which. Keys are sealed values.

use windlass_domain::identity::trust::{AuthorityEntry, Holder};
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use crate::error::Result;

pub(super) async fn all(store: &SqlStore) -> Result<Vec<AuthorityEntry>> {
    let mut tx = store.db.read().await?;
    let rows =
        tx.all("SELECT number, created_at, made_by, retired_at FROM authorities ORDER BY number", args![]).await?;
    let entry = |row: &super::row::Row| {
        Ok(AuthorityEntry {
            number: row.number("number")?,
            created_at: row.time("created_at")?,
            by: row.text("made_by")?,
            retired_at: row.opt_time("retired_at")?,
        })
    };
    rows.iter().map(entry).collect()
}

/// Only where there is none of this number: of hubs that make one at the same time, one does.
pub(super) async fn put_once(store: &SqlStore, entry: &AuthorityEntry) -> Result<()> {
    let mut write = store.write().await?;
    let text = "INSERT INTO authorities (number, created_at, made_by, retired_at) VALUES ($1, $2, $3, $4) ON CONFLICT (number) DO NOTHING";
    let args = args![entry.number, entry.created_at, &entry.by, entry.retired_at];
    if write.execute(text, args).await? > 0 {
        // Other hubs look when the feed moves.
        write.next_revision();
        write.commit().await?;
    }
    Ok(())
}

pub(super) async fn retire(store: &SqlStore, numbers: &[u64], now: Timestamp) -> Result<()> {
    let mut write = store.write().await?;
    for number in numbers {
        let text = "UPDATE authorities SET retired_at = $2 WHERE number = $1 AND retired_at IS NULL";
        write.execute(text, args![*number, now]).await?;
    }
    write.next_revision();
    write.commit().await
}

/// Clusters with a certificate that is in use and good, by name. The certificate is the one that was used last.
pub(super) async fn holders(store: &SqlStore) -> Result<Vec<Holder>> {
    let mut tx = store.db.read().await?;
    let mut holders = Vec::new();
    let text = "SELECT c.uid, c.name, c.connected, i.record FROM clusters c LEFT JOIN cluster_identities i ON i.cluster = c.uid ORDER BY c.name";
    for row in tx.all(text, args![]).await? {
        let record = row.opt_json::<windlass_domain::identity::record::IdentityRecord>("record")?;
        let current = record.and_then(|record| record.current.or(record.next));
        let text =
            "SELECT authority FROM certificates WHERE cluster = $1 AND revoked = 0 AND (serial = $2 OR $2 IS NULL)
            ORDER BY issued_at DESC, serial LIMIT 1";
        let Some(certificate) = tx.optional(text, args![row.uuid("uid")?, current]).await? else { continue };
        holders.push(Holder {
            cluster: row.text("name")?,
            authority: certificate.number("authority")?,
            connected: row.flag("connected")?,
        });
    }
    Ok(holders)
}
