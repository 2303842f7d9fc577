//! Identities of clusters: the domain decides what an event means, and record, certificates and tokens change in one transaction. What changes nothing writes
//! nothing: who knocks often costs a read.

use uuid::Uuid;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::digest::unhex;
use windlass_domain::identity::record::{Event, IdentityRecord, step};
use windlass_domain::identity::verdict::{Refusal, Verdict};
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::join;
use super::row::{Row, json};
use super::tx::Tx;
use super::write::Write;
use crate::error::{Error, Result};
use crate::model::{IdentityEvent, IssuedCertificate};

/// A certificate, and the identity of the cluster that it belongs to.
pub(super) async fn of_serial(store: &SqlStore, serial: &str) -> Result<Option<(IssuedCertificate, IdentityRecord)>> {
    let mut tx = store.db.read().await?;
    let Some(certificate) = join::certificate_in(&mut tx, serial).await? else { return Ok(None) };
    let record = load(&mut tx, certificate.cluster).await?;
    Ok(Some((certificate, record)))
}

pub(super) async fn of_cluster(store: &SqlStore, cluster: Uuid) -> Result<IdentityRecord> {
    load(&mut store.db.read().await?, cluster).await
}

/// The record; of a cluster that has none, what its certificates say.
async fn load(tx: &mut Tx, cluster: Uuid) -> Result<IdentityRecord> {
    let text = "SELECT record FROM cluster_identities WHERE cluster = $1";
    if let Some(row) = tx.optional(text, args![cluster]).await? {
        return row.json("record");
    }
    let row = tx.optional("SELECT facts FROM clusters WHERE uid = $1", args![cluster]).await?;
    let facts = row.ok_or_else(|| Error::not_found("cluster", cluster))?.opt_json::<ClusterFacts>("facts")?;
    let text = "SELECT serial FROM certificates WHERE cluster = $1 ORDER BY issued_at DESC, serial LIMIT 2";
    let serials = tx.all(text, args![cluster]).await?;
    let serials = serials.iter().map(|row| row.text("serial")).collect::<Result<Vec<_>>>()?;
    Ok(IdentityRecord::of_issued(&serials, &facts.unwrap_or_default().kube_system_uid))
}

pub(super) async fn change(store: &SqlStore, cluster: Uuid, change: &IdentityEvent, now: Timestamp) -> Result<Verdict> {
    let IdentityEvent { event, from } = change;
    let before = load(&mut store.db.read().await?, cluster).await?;
    let (after, verdict) = step(before.clone(), event, from, now);
    if after == before && !matches!(event, Event::Revoked { .. } | Event::Approved { .. }) {
        return Ok(verdict);
    }
    let mut write = store.write().await?;
    // Another call may have changed it between the two: what counts is decided under the lock.
    let before = load(&mut write, cluster).await?;
    if let Event::Approved { serial: Some(serial) } = event {
        remember(&mut write, cluster, &before, serial).await?;
    }
    if let Event::Approved { serial: Some(serial) } = event
        && !is_good(&mut write, cluster, serial, now).await?
    {
        return Ok(Verdict::Refused(Refusal::Unknown { serial: serial.clone() }));
    }
    let (after, verdict) = step(before.clone(), event, from, now);
    let revoked = match event {
        Event::Revoked { serial, .. } => revoke(&mut write, cluster, serial.as_deref()).await?,
        _ => false,
    };
    if after.quarantined.is_some() && before.quarantined.is_none() {
        drop_tokens(&mut write, cluster).await?;
    }
    if after != before || revoked {
        save(&mut write, cluster, &after).await?;
        write.commit().await?;
    }
    Ok(verdict)
}

/// A certificate that a restored store had forgotten is in it again: it is written only with the approval.
async fn remember(write: &mut Write, cluster: Uuid, record: &IdentityRecord, serial: &str) -> Result<()> {
    let Some(found) = record.forgotten.iter().find(|forgotten| forgotten.serial == serial) else { return Ok(()) };
    if join::certificate_in(write, serial).await?.is_some() {
        return Ok(());
    }
    let damaged = || Error::Invalid(format!("what was remembered of certificate {serial} is damaged"));
    let certificate = IssuedCertificate {
        serial: serial.to_owned(),
        cluster,
        key_digest: unhex(&found.key_digest).and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?,
        der: unhex(&found.der).ok_or_else(damaged)?,
        issued_at: found.issued_at,
        not_after: found.not_after,
        revoked: false,
        authority: found.authority,
    };
    join::insert(write, &certificate).await
}

/// Whether a certificate is the cluster's, not revoked and not over.
async fn is_good(write: &mut Write, cluster: Uuid, serial: &str, now: Timestamp) -> Result<bool> {
    let known = join::certificate_in(write, serial).await?;
    Ok(known.is_some_and(|known| known.cluster == cluster && !known.revoked && known.not_after > now))
}

/// Whether anything was not revoked before. With a cluster go its tokens.
async fn revoke(write: &mut Write, cluster: Uuid, serial: Option<&str>) -> Result<bool> {
    let Some(serial) = serial else {
        let tokens = drop_tokens(write, cluster).await?;
        let text = "UPDATE certificates SET revoked = 1 WHERE cluster = $1 AND revoked = 0";
        return Ok(write.execute(text, args![cluster]).await? + tokens > 0);
    };
    let text = "UPDATE certificates SET revoked = 1 WHERE cluster = $1 AND serial = $2 AND revoked = 0";
    Ok(write.execute(text, args![cluster, serial]).await? > 0)
}

/// Every token, those that were spent too: who spent one could ask with it again, and a join is a person's word that the cluster is trusted.
async fn drop_tokens(write: &mut Write, cluster: Uuid) -> Result<u64> {
    write.execute("DELETE FROM join_tokens WHERE cluster = $1", args![cluster]).await
}

/// The cluster's view shows its identity: both get the same revision.
async fn save(write: &mut Write, cluster: Uuid, record: &IdentityRecord) -> Result<()> {
    let revision = write.next_revision();
    let text = "INSERT INTO cluster_identities (cluster, record, revision) VALUES ($1, $2, $3)
        ON CONFLICT (cluster) DO UPDATE SET record = excluded.record, revision = excluded.revision";
    write.execute(text, args![cluster, json(record)?, revision]).await?;
    write.execute("UPDATE clusters SET revision = $2 WHERE uid = $1", args![cluster, revision]).await?;
    Ok(())
}

/// In the transaction that issues a certificate.
pub(super) async fn issued(write: &mut Write, cluster: Uuid, event: &Event, now: Timestamp) -> Result<()> {
    let (after, _) = step(load(write, cluster).await?, event, "", now);
    save(write, cluster, &after).await
}

/// Clusters whose identity changed after a revision, and the newest revision there is.
pub(super) async fn changed(store: &SqlStore, after: u64) -> Result<(u64, Vec<Uuid>)> {
    let mut tx = store.db.read().await?;
    let newest = super::feed::revision(&mut tx).await?;
    let rows = tx.all("SELECT cluster FROM cluster_identities WHERE revision > $1", args![after]).await?;
    Ok((newest, rows.iter().map(|row| row.uuid("cluster")).collect::<Result<_>>()?))
}

/// Every certificate that was revoked: (cluster, serial).
pub(super) async fn revoked(store: &SqlStore, cluster: Option<Uuid>) -> Result<Vec<(Uuid, String)>> {
    let mut tx = store.db.read().await?;
    let rows = match cluster {
        None => tx.all("SELECT cluster, serial FROM certificates WHERE revoked = 1 ORDER BY serial", args![]).await?,
        Some(cluster) => {
            let text = "SELECT cluster, serial FROM certificates WHERE revoked = 1 AND cluster = $1 ORDER BY serial";
            tx.all(text, args![cluster]).await?
        }
    };
    rows.iter().map(|row| Ok((row.uuid("cluster")?, row.text("serial")?))).collect()
}

/// Revokes what a list outside the database names; how many were not revoked before.
pub(super) async fn revoke_listed(store: &SqlStore, serials: &[String]) -> Result<u64> {
    let mut write = store.write().await?;
    let mut count = 0;
    for serial in serials {
        let text = "UPDATE certificates SET revoked = 1 WHERE serial = $1 AND revoked = 0 RETURNING cluster";
        let Some(row) = write.optional(text, args![serial]).await? else { continue };
        let cluster = row.uuid("cluster")?;
        let record = load(&mut write, cluster).await?;
        save(&mut write, cluster, &record).await?;
        count += 1;
    }
    if count > 0 {
        write.commit().await?;
    }
    Ok(count)
}

/// Of a row that has the columns `record`, `facts` and the newest serial: what lists show.
pub(super) fn shown(row: &Row) -> Result<IdentityRecord> {
    match row.opt_json("identity")? {
        Some(record) => Ok(record),
        None => Ok(IdentityRecord::of_issued(&row.opt_text("newest_serial")?.into_iter().collect::<Vec<_>>(), "")),
    }
}
