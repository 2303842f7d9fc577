//! Install manifests that can be fetched once, by who has the join token that goes with them.

use uuid::Uuid;
use windlass_domain::digest::hex;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::write::Write;
use crate::error::Result;
use crate::model::{FetchRefusal, FetchedInstall};

/// So many failed attempts void a token.
const MOST_FAILURES: i64 = 5;

pub(super) async fn put(store: &SqlStore, token: Uuid, options: &str) -> Result<()> {
    let mut write = store.write().await?;
    write
        .execute("INSERT INTO installs (token, options, fetched_at) VALUES ($1, $2, NULL)", args![token, options])
        .await?;
    write.commit().await
}

/// One conditional update decides who gets it.
pub(super) async fn fetch(
    store: &SqlStore,
    token: Uuid,
    secret_hash: [u8; 32],
    now: Timestamp,
) -> Result<std::result::Result<FetchedInstall, FetchRefusal>> {
    // Anybody can call this: what is no token at all costs no place in the writers' queue.
    if store.db.read().await?.optional("SELECT token FROM installs WHERE token = $1", args![token]).await?.is_none() {
        return Ok(Err(FetchRefusal::Unknown));
    }
    let mut write = store.write().await?;
    let text = "UPDATE installs SET fetched_at = $3 WHERE token = $1 AND fetched_at IS NULL AND EXISTS (
            SELECT 1 FROM join_tokens j WHERE j.id = $1 AND j.secret_hash = $2 AND j.expires_at > $3
                AND j.key_digest IS NULL AND j.void = 0 AND j.failures < $4)
        RETURNING options";
    let fetched = write.optional(text, args![token, hex(&secret_hash), now, MOST_FAILURES]).await?;
    let Some(row) = fetched else {
        let refusal = refuse(&mut write, token, &hex(&secret_hash), now).await?;
        write.commit().await?;
        return Ok(Err(refusal));
    };
    let options = row.text("options")?;
    let of = write
        .one("SELECT c.uid, c.name FROM clusters c, join_tokens j WHERE j.id = $1 AND c.uid = j.cluster", args![token])
        .await?;
    let (cluster, name) = (of.uuid("uid")?, of.text("name")?);
    let revision = write.next_revision();
    write.execute("UPDATE clusters SET revision = $2 WHERE uid = $1", args![cluster, revision]).await?;
    write.commit().await?;
    Ok(Ok(FetchedInstall { cluster, name, options }))
}

async fn refuse(write: &mut Write, token: Uuid, secret_hash: &str, now: Timestamp) -> Result<FetchRefusal> {
    let text = "SELECT j.secret_hash, j.key_digest, j.expires_at, n.fetched_at FROM join_tokens j, installs n WHERE j.id = $1 AND n.token = j.id";
    let Some(row) = write.optional(text, args![token]).await? else { return Ok(FetchRefusal::Unknown) };
    if row.text("secret_hash")? != secret_hash {
        write.execute("UPDATE join_tokens SET failures = failures + 1 WHERE id = $1", args![token]).await?;
        return Ok(FetchRefusal::Unknown);
    }
    Ok(match row.opt_time("fetched_at")? {
        Some(at) => FetchRefusal::Fetched(at),
        None if row.time("expires_at")? <= now => FetchRefusal::Expired,
        None if row.opt_text("key_digest")?.is_some() => FetchRefusal::Joined,
        None => FetchRefusal::Void,
    })
}
