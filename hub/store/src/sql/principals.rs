//! Principals, their tokens, and the log of their requests.

use uuid::Uuid;
use windlass_domain::access::Principal;
use windlass_domain::digest::hex;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::row::json;
use crate::error::{Error, Result};
use crate::model::{NewToken, RequestLogEntry};

/// Every so many entries of the request log the oldest are dropped.
const PRUNE_EVERY: u64 = 1000;

pub(super) async fn put(store: &SqlStore, principal: &Principal, now: Timestamp) -> Result<()> {
    let mut write = store.write().await?;
    let text = "INSERT INTO principals (name, grants, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET grants = excluded.grants";
    write.execute(text, args![&principal.name, json(&principal.grants)?, now]).await?;
    write.commit().await
}

pub(super) async fn put_token(store: &SqlStore, token: &NewToken, now: Timestamp) -> Result<()> {
    let mut write = store.write().await?;
    if write.optional("SELECT name FROM principals WHERE name = $1", args![&token.principal]).await?.is_none() {
        return Err(Error::not_found("principal", &token.principal));
    }
    let text = "INSERT INTO api_tokens (id, hash, principal, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)";
    write.execute(text, args![token.id, hex(&token.hash), &token.principal, now, token.expires_at]).await?;
    write.commit().await
}

/// By hashes of a 256-bit secret: comparing them in SQL tells nothing of the secret.
pub(super) async fn by_token(store: &SqlStore, id: Uuid, hash: [u8; 32], now: Timestamp) -> Result<Option<Principal>> {
    let text = "SELECT p.name, p.grants FROM api_tokens t JOIN principals p ON p.name = t.principal
        WHERE t.id = $1 AND t.hash = $2 AND t.expires_at > $3";
    let row = store.db.read().await?.optional(text, args![id, hex(&hash), now]).await?;
    row.map(|row| Ok(Principal { name: row.text("name")?, grants: row.json("grants")? })).transpose()
}

pub(super) async fn any(store: &SqlStore) -> Result<bool> {
    Ok(store.db.read().await?.optional("SELECT name FROM principals LIMIT 1", args![]).await?.is_some())
}

/// Not part of the feed: it takes no revision and does not wait for those who do.
pub(super) async fn log(store: &SqlStore, entry: &RequestLogEntry) -> Result<()> {
    let mut tx = store.db.write().await?;
    let text = "INSERT INTO request_log (at, request_id, principal, peer, method, path, status, permission) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let status = i64::from(entry.status);
    let args = args![
        entry.at,
        entry.request_id,
        &entry.principal,
        &entry.peer,
        &entry.method,
        &entry.path,
        status,
        &entry.permission
    ];
    tx.execute(text, args).await?;
    if store
        .logged
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
        .is_multiple_of(PRUNE_EVERY.min(store.limits.request_log.max(1)))
    {
        let text = "DELETE FROM request_log WHERE at < (SELECT at FROM request_log ORDER BY at DESC LIMIT 1 OFFSET $1)";
        tx.execute(text, args![store.limits.request_log.saturating_sub(1)]).await?;
    }
    tx.commit().await
}
