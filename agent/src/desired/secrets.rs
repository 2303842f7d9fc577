//! Chunks as immutable Secrets of the agent's own namespace, the pointer as one that is replaced under the epoch of the agent's Lease.

use async_trait::async_trait;

use super::chunks::ChunkStore;
use super::{Error, MAX_CHUNK};
use crate::home::{self, Home, Kind, OwnedSecret};
use crate::observe::client::Error as ClusterError;

/// The Secret of the pointer; chunks have it as their prefix.
const POINTER: &str = "windlass-agent-state";
const POINTER_KIND: &str = "pointer";
const CHUNK_KIND: &str = "chunk";
const ENTRY: &str = "content";
/// What the copy of one agent may take in the cluster's own store, in bytes.
const BUDGET: u64 = 32 * 1024 * 1024;

/// A [`ChunkStore`] in Secrets. A write is durable when the apiserver has answered.
pub struct SecretChunks {
    home: Home,
    pointer: OwnedSecret,
    epoch: u64,
    budget: u64,
}

// === impl SecretChunks ===

impl SecretChunks {
    /// Takes the records of a namespace for the holder of the Lease with this epoch: an earlier holder's writes fail from then on.
    ///
    /// # Errors
    /// [`Error::InUse`] when a later holder has them.
    pub async fn open(home: Home, epoch: u64) -> Result<Self, Error> {
        let pointer = OwnedSecret::take(home.clone(), POINTER, POINTER_KIND, epoch).await.map_err(of_owned)?;
        Ok(Self { home, pointer, epoch, budget: BUDGET })
    }

    /// With another limit, in bytes.
    #[cfg(test)]
    pub(super) fn with_budget(self, budget: u64) -> Self {
        Self { budget, ..self }
    }

    fn refused(name: &str, source: &ClusterError) -> Error {
        of_apiserver(&format!("Secret {name}"), source)
    }
}

#[async_trait]
impl ChunkStore for SecretChunks {
    async fn read_pointer(&self) -> Result<Option<Vec<u8>>, Error> {
        let bytes = self.pointer.read(ENTRY).await.map_err(of_owned)?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    async fn write_pointer(&self, bytes: &[u8]) -> Result<(), Error> {
        self.pointer.write(&[(ENTRY, Some(bytes))]).await.map_err(of_owned)
    }

    async fn read_chunk(&self, name: &str) -> Result<Vec<u8>, Error> {
        use base64::Engine as _;
        let damaged = |why| Error::Corrupt { what: format!("chunk {name}"), why };
        let secret = secret_of(name)?;
        let found = self.home.get(Kind::Secret, &secret).await.map_err(|error| Self::refused(&secret, &error))?;
        let found = found.ok_or_else(|| damaged("is missing"))?;
        let text = found["data"][ENTRY].as_str().ok_or_else(|| damaged("has no content"))?;
        base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| damaged("is not base64"))
    }

    async fn write_chunk(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > MAX_CHUNK {
            let length = bytes.len();
            return Err(Error::Io(format!("chunk {name} has {length} bytes, and at most {MAX_CHUNK} are allowed")));
        }
        let secret = secret_of(name)?;
        let object = home::secret(&secret, CHUNK_KIND, self.epoch, true, &[(ENTRY, bytes)]);
        let made = self.home.create(Kind::Secret, &object).await;
        made.map(drop).map_err(|error| Self::refused(&secret, &error))
    }

    async fn delete_chunk(&self, name: &str) -> Result<(), Error> {
        let secret = secret_of(name)?;
        self.home.delete(Kind::Secret, &secret).await.map_err(|error| Self::refused(&secret, &error))
    }

    async fn list_chunks(&self) -> Result<Vec<String>, Error> {
        let names = self.home.labelled(&home::selector(CHUNK_KIND)).await;
        let names = names.map_err(|error| of_apiserver("Secrets", &error))?;
        let prefix = format!("{POINTER}-");
        Ok(names.iter().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect())
    }

    fn budget(&self) -> Option<u64> {
        Some(self.budget)
    }
}

/// A name must be one that is written here.
fn secret_of(name: &str) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 200 || !name.chars().all(plain) {
        return Err(Error::Corrupt { what: format!("chunk name {name:?}"), why: "is not of the form that is written" });
    }
    Ok(format!("{POINTER}-{name}"))
}

fn of_owned(error: home::SecretError) -> Error {
    match error {
        home::SecretError::TakenOver { .. } => Error::InUse(error.to_string()),
        home::SecretError::Apiserver { secret, source } => of_apiserver(&format!("Secret {secret}"), &source),
        home::SecretError::Malformed { secret, .. } => {
            Error::Corrupt { what: format!("Secret {secret}"), why: "is not base64" }
        }
    }
}

/// The words of a refusal of rights or quota name no contents; others may.
fn of_apiserver(what: &str, error: &ClusterError) -> Error {
    let ClusterError::Refused(refusal) = error else { return Error::Io(format!("{what}: {error}")) };
    match refusal.code {
        403 if refusal.message.contains("exceeded quota") => Error::Full(format!("{what}: {}", refusal.message)),
        403 => Error::Forbidden(format!("{what}: {}", refusal.message)),
        409 if refusal.reason == "Conflict" => Error::InUse(format!("{what}: {}", refusal.message)),
        code => Error::Io(format!("{what}: the apiserver answered {code} {}", refusal.reason)),
    }
}
