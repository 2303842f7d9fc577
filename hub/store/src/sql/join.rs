//! Join tokens and the certificates that agents were given.

use uuid::Uuid;
use windlass_domain::digest::{hex, unhex};
use windlass_domain::identity::record::Event;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::identities;
use super::row::{Row, unreadable};
use super::tx::Tx;
use super::write::Write;
use crate::error::{Error, Result};
use crate::model::{IssuedCertificate, NewJoinToken, Spend, SpendRefusal};

/// So many failed attempts void a token.
const MOST_FAILURES: i64 = 5;

pub(super) async fn put_token(store: &SqlStore, token: &NewJoinToken) -> Result<()> {
    let mut write = store.write().await?;
    if write.optional("SELECT uid FROM clusters WHERE uid = $1", args![token.cluster]).await?.is_none() {
        return Err(Error::not_found("cluster", token.cluster));
    }
    write
        .execute("UPDATE join_tokens SET void = 1 WHERE cluster = $1 AND key_digest IS NULL", args![token.cluster])
        .await?;
    let text = "INSERT INTO join_tokens (id, cluster, secret_hash, key_digest, failures, void, expires_at) VALUES ($1, $2, $3, NULL, 0, 0, $4)";
    write.execute(text, args![token.id, token.cluster, hex(&token.secret_hash), token.expires_at]).await?;
    touch_cluster(&mut write, token.cluster).await?;
    write.commit().await
}

/// One conditional update decides. A token that is somebody's stays theirs whatever others try: their retry gets the same answer.
pub(super) async fn spend(
    store: &SqlStore,
    id: Uuid,
    secret_hash: [u8; 32],
    key_digest: [u8; 32],
    now: Timestamp,
) -> Result<Spend> {
    // Anybody can call this: what is no token at all costs no place in the writers' queue.
    if store.db.read().await?.optional("SELECT id FROM join_tokens WHERE id = $1", args![id]).await?.is_none() {
        return Ok(Spend::Refused(SpendRefusal::Unknown));
    }
    let mut write = store.write().await?;
    let text = "UPDATE join_tokens SET key_digest = $3
        WHERE id = $1 AND secret_hash = $2 AND expires_at > $4
            AND (key_digest = $3 OR (key_digest IS NULL AND void = 0 AND failures < $5))
        RETURNING cluster";
    let args = args![id, hex(&secret_hash), hex(&key_digest), now, MOST_FAILURES];
    if let Some(row) = write.optional(text, args).await? {
        let cluster = row.uuid("cluster")?;
        touch_cluster(&mut write, cluster).await?;
        write.commit().await?;
        return Ok(Spend::Granted { cluster });
    }
    let refusal = refuse(&mut write, id, &hex(&secret_hash), now).await?;
    write.commit().await?;
    Ok(Spend::Refused(refusal))
}

async fn refuse(write: &mut Write, id: Uuid, secret_hash: &str, now: Timestamp) -> Result<SpendRefusal> {
    let text = "UPDATE join_tokens SET failures = failures + 1 WHERE id = $1 RETURNING secret_hash, key_digest, failures, void, expires_at";
    let Some(row) = write.optional(text, args![id]).await? else { return Ok(SpendRefusal::Unknown) };
    // The failure that was just counted does not explain itself.
    let was_void = row.flag("void")? || row.int("failures")? > MOST_FAILURES;
    Ok(if row.text("secret_hash")? != secret_hash {
        SpendRefusal::Unknown
    } else if row.time("expires_at")? <= now {
        SpendRefusal::Expired
    } else if row.opt_text("key_digest")?.is_some() || !was_void {
        SpendRefusal::Spent
    } else {
        SpendRefusal::Void
    })
}

/// A cluster's view shows its tokens and certificates.
async fn touch_cluster(write: &mut Write, cluster: Uuid) -> Result<()> {
    let revision = write.next_revision();
    write.execute("UPDATE clusters SET revision = $2 WHERE uid = $1", args![cluster, revision]).await?;
    Ok(())
}

/// `joined` has the uid of the cluster that the agent joined from, where it joined and did not renew.
pub(super) async fn put_certificate(
    store: &SqlStore,
    certificate: &IssuedCertificate,
    joined: Option<&str>,
) -> Result<()> {
    let mut write = store.write().await?;
    let c = certificate;
    // Read before the certificate is there: a cluster without a record is known by those it had.
    let event = Event::Issued { serial: c.serial.clone(), joined: joined.map(str::to_owned) };
    identities::issued(&mut write, c.cluster, &event, c.issued_at).await?;
    insert(&mut write, c).await?;
    write.commit().await
}

/// A certificate's row alone.
pub(super) async fn insert(write: &mut Write, c: &IssuedCertificate) -> Result<()> {
    let text = "INSERT INTO certificates (serial, cluster, key_digest, der, issued_at, not_after, revoked, authority) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let args = args![
        &c.serial,
        c.cluster,
        hex(&c.key_digest),
        c.der.clone(),
        c.issued_at,
        c.not_after,
        c.revoked,
        c.authority
    ];
    write.execute(text, args).await.map(drop)
}

pub(super) async fn certificate(store: &SqlStore, serial: &str) -> Result<Option<IssuedCertificate>> {
    certificate_in(&mut store.db.read().await?, serial).await
}

pub(super) async fn certificate_in(tx: &mut Tx, serial: &str) -> Result<Option<IssuedCertificate>> {
    let text = "SELECT serial, cluster, key_digest, der, issued_at, not_after, revoked, authority FROM certificates WHERE serial = $1";
    tx.optional(text, args![serial]).await?.as_ref().map(read).transpose()
}

pub(super) async fn key_is_anothers(store: &SqlStore, cluster: Uuid, key_digest: [u8; 32]) -> Result<bool> {
    let text = "SELECT serial FROM certificates WHERE key_digest = $1 AND cluster <> $2 LIMIT 1";
    Ok(store.db.read().await?.optional(text, args![hex(&key_digest), cluster]).await?.is_some())
}

/// The cluster that a join token is for.
pub(super) async fn cluster_of_token(store: &SqlStore, id: Uuid) -> Result<Option<Uuid>> {
    let row = store.db.read().await?.optional("SELECT cluster FROM join_tokens WHERE id = $1", args![id]).await?;
    row.map(|row| row.uuid("cluster")).transpose()
}

pub(super) async fn certificate_for_key(
    store: &SqlStore,
    cluster: Uuid,
    key_digest: [u8; 32],
) -> Result<Option<IssuedCertificate>> {
    let text = "SELECT serial, cluster, key_digest, der, issued_at, not_after, revoked, authority FROM certificates
        WHERE cluster = $1 AND key_digest = $2 ORDER BY issued_at DESC, serial LIMIT 1";
    store.db.read().await?.optional(text, args![cluster, hex(&key_digest)]).await?.as_ref().map(read).transpose()
}

pub(super) async fn newest_certificate(store: &SqlStore, cluster: Uuid) -> Result<Option<IssuedCertificate>> {
    let text = "SELECT serial, cluster, key_digest, der, issued_at, not_after, revoked, authority FROM certificates
        WHERE cluster = $1 ORDER BY issued_at DESC, serial LIMIT 1";
    store.db.read().await?.optional(text, args![cluster]).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<IssuedCertificate> {
    let key_digest = unhex(&row.text("key_digest")?).and_then(|bytes| bytes.try_into().ok());
    Ok(IssuedCertificate {
        serial: row.text("serial")?,
        cluster: row.uuid("cluster")?,
        key_digest: key_digest.ok_or_else(|| unreadable("key_digest", "not 64 hex digits"))?,
        der: row.blob("der")?,
        issued_at: row.time("issued_at")?,
        not_after: row.time("not_after")?,
        revoked: row.flag("revoked")?,
        authority: row.number("authority")?,
    })
}
