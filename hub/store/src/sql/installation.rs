//! Who this installation is, and its sealed values.

use uuid::Uuid;
use windlass_domain::digest::DigestKey;

use super::SqlStore;
use super::arg::args;
use super::row::Row;
use super::tx::Tx;
use super::write::Write;
use crate::error::{Error, Result};
use crate::model::{Installation, Secret};
use crate::seal::{Place, SealKey, random};

const KEY_CHECK: &[u8] = b"windlass";

/// Reads the installation, or makes it in an empty store. A database that was sealed with another key is refused.
pub(super) async fn load_or_create(write: &mut Write, seal: &SealKey) -> Result<Installation> {
    if let Some(row) = stored(write).await? {
        return read(&row, seal);
    }
    let id = Uuid::new_v4();
    let mut digest_key = [0; 32];
    random(&mut digest_key)?;
    let name = id.simple().to_string();
    let made = Installation {
        id,
        trust_domain: format!("windlass-{}", &name[..12]),
        incarnation: Uuid::new_v4(),
        digest_key: DigestKey::new(digest_key),
    };
    let text = "INSERT INTO installation (id, uid, trust_domain, incarnation, key_check, digest_key) VALUES (1, $1, $2, $3, $4, $5)";
    let check = seal.seal(place("key_check"), KEY_CHECK)?;
    let digest_key = seal.seal(place("digest_key"), &digest_key)?;
    write.execute(text, args![made.id, &made.trust_domain, made.incarnation, check, digest_key]).await?;
    Ok(made)
}

async fn stored(tx: &mut Tx) -> Result<Option<Row>> {
    tx.optional("SELECT uid, trust_domain, incarnation, key_check, digest_key FROM installation WHERE id = 1", args![])
        .await
}

fn read(row: &Row, seal: &SealKey) -> Result<Installation> {
    seal.open(place("key_check"), &row.blob("key_check")?)
        .map_err(|error| Error::Invalid(format!("the seal key does not belong to this database ({error})")))?;
    let digest_key = seal.open(place("digest_key"), &row.blob("digest_key")?)?;
    let digest_key =
        digest_key.as_slice().try_into().map_err(|_| Error::Corrupt("the digest key has a wrong length".into()))?;
    Ok(Installation {
        id: row.uuid("uid")?,
        trust_domain: row.text("trust_domain")?,
        incarnation: row.uuid("incarnation")?,
        digest_key: DigestKey::new(digest_key),
    })
}

fn place(column: &'static str) -> Place<'static> {
    Place { table: "installation", row: "1", column }
}

pub(super) async fn secret(store: &SqlStore, name: &str) -> Result<Option<Secret>> {
    stored_secret(&mut store.db.read().await?, &store.seal, name).await
}

pub(super) async fn put_secret_once(store: &SqlStore, name: &str, value: &Secret) -> Result<Secret> {
    let mut write = store.write().await?;
    if let Some(stored) = stored_secret(&mut write, &store.seal, name).await? {
        return Ok(stored);
    }
    let sealed = store.seal.seal(secret_place(name), value.expose())?;
    write.execute("INSERT INTO secrets (name, value) VALUES ($1, $2)", args![name, sealed]).await?;
    write.commit().await?;
    Ok(value.clone())
}

async fn stored_secret(tx: &mut Tx, seal: &SealKey, name: &str) -> Result<Option<Secret>> {
    let Some(row) = tx.optional("SELECT value FROM secrets WHERE name = $1", args![name]).await? else {
        return Ok(None);
    };
    let plain = seal.open(secret_place(name), &row.blob("value")?)?;
    Ok(Some(Secret::new(plain.to_vec())))
}

fn secret_place(name: &str) -> Place<'_> {
    Place { table: "secrets", row: name, column: "value" }
}
