//! A Secret that one agent at a time writes. Who takes it writes the epoch of its Lease into it; whoever took it before is refused from then on, by the
//! object's version if it did not look, and by the epoch if it does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{Home, Kind, secret};
use crate::observe::client::Error as ClusterError;

/// What a Secret of the agent is for.
pub(super) const LABEL: &str = "windlass.dev/agent-keeps";
/// The epoch of the Lease under which it was written last.
pub(super) const EPOCH: &str = "windlass.dev/lease-epoch";
/// How often a write is tried whose Secret was touched by somebody who is no agent.
const TRIES: usize = 5;

/// A Secret of this agent's own, for as long as its epoch is the highest.
pub struct OwnedSecret {
    home: Home,
    name: String,
    epoch: u64,
    /// The version that was seen last; none after an answer that was lost.
    version: Mutex<Option<String>>,
}

/// Why a Secret could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another replica holds the Lease now.
    #[error("Secret {secret} was taken over by another replica of the agent (epoch {theirs}, this one has {ours})")]
    TakenOver {
        /// Namespace and name.
        secret: String,
        /// The epoch of who holds it.
        theirs: u64,
        /// This agent's.
        ours: u64,
    },
    /// The apiserver refused, or did not answer.
    #[error("Secret {secret}: {source}")]
    Apiserver {
        /// Namespace and name.
        secret: String,
        /// Its words.
        source: ClusterError,
    },
    /// It holds what is no base64.
    #[error("Secret {secret}: {entry} is not base64")]
    Malformed {
        /// Namespace and name.
        secret: String,
        /// Which entry.
        entry: String,
    },
}

/// Entries to set, or to remove with `None`.
pub(crate) type Entries<'a> = &'a [(&'a str, Option<&'a [u8]>)];

// === impl OwnedSecret ===

impl OwnedSecret {
    /// Takes it, and makes it where there is none. Nobody with a lower epoch can write it afterwards.
    pub async fn take(home: Home, name: &str, kind: &str, epoch: u64) -> Result<Self, Error> {
        let taken = Self { home, name: name.to_owned(), epoch, version: Mutex::new(None) };
        if taken.find().await?.is_none() {
            match taken.home.create(Kind::Secret, &secret(name, kind, epoch, false, &[])).await {
                Ok(made) => *taken.version.lock().await = version_of(&made),
                Err(ClusterError::Refused(refusal)) if refusal.code == 409 => {}
                Err(source) => return Err(taken.failed(source)),
            }
        }
        taken.write(&[]).await?;
        Ok(taken)
    }

    /// The epoch that was written into a Secret last; 0 where there is none.
    pub(crate) async fn epoch_of(home: &Home, name: &str) -> Result<u64, ClusterError> {
        Ok(home.get(Kind::Secret, name).await?.as_ref().map_or(0, epoch))
    }

    /// Namespace and name, for people.
    pub fn path(&self) -> String {
        format!("{}/{}", self.home.namespace(), self.name)
    }

    /// An entry; `None` when there is none.
    pub async fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let found = self.find().await?;
        let Some(text) = found.as_ref().and_then(|found| found["data"][entry].as_str()) else { return Ok(None) };
        let bytes = STANDARD.decode(text).map_err(|_| Error::Malformed { secret: self.path(), entry: entry.into() })?;
        Ok(Some(Zeroizing::new(bytes)))
    }

    /// Sets and removes entries, all of them or none; they are durable when it returns. After an error it may have been made.
    pub(crate) async fn write(&self, entries: Entries<'_>) -> Result<(), Error> {
        let data: Map<String, Value> =
            entries.iter().map(|(entry, bytes)| ((*entry).to_owned(), bytes.map_or(Value::Null, encode))).collect();
        let mut known = self.version.lock().await;
        for left in (0..TRIES).rev() {
            let version = match known.take() {
                Some(version) => version,
                None => self.seen().await?,
            };
            let patch = json!({
                "metadata": {"resourceVersion": version, "annotations": {EPOCH: self.epoch.to_string()}}, "data": data,
            });
            match self.home.merge(Kind::Secret, &self.name, &patch).await {
                Ok(written) => {
                    *known = version_of(&written);
                    return Ok(());
                }
                // Somebody wrote it: a person with kubectl, or the next holder of the Lease. The epoch tells.
                Err(ClusterError::Refused(refusal)) if refusal.code == 409 && left > 0 => {}
                Err(source) => return Err(self.failed(source)),
            }
        }
        Ok(())
    }

    /// The version to write over, when nobody with a higher epoch was here.
    async fn seen(&self) -> Result<String, Error> {
        let found = self.get().await?.unwrap_or_default();
        self.check(&found)?;
        Ok(version_of(&found).unwrap_or_default())
    }

    async fn find(&self) -> Result<Option<Value>, Error> {
        let found = self.get().await?;
        if let Some(found) = &found {
            self.check(found)?;
        }
        Ok(found)
    }

    async fn get(&self) -> Result<Option<Value>, Error> {
        self.home.get(Kind::Secret, &self.name).await.map_err(|source| self.failed(source))
    }

    fn check(&self, found: &Value) -> Result<(), Error> {
        let theirs = epoch(found);
        if theirs > self.epoch {
            return Err(Error::TakenOver { secret: self.path(), theirs, ours: self.epoch });
        }
        Ok(())
    }

    fn failed(&self, source: ClusterError) -> Error {
        Error::Apiserver { secret: self.path(), source }
    }
}

pub(super) fn encode(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

fn epoch(object: &Value) -> u64 {
    object["metadata"]["annotations"][EPOCH].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn version_of(object: &Value) -> Option<String> {
    object["metadata"]["resourceVersion"].as_str().map(str::to_owned)
}
