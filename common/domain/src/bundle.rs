//! A bundle: everything one render says should exist, by address.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::{ResourceKey, canonical_bytes_of, group_of};

/// An ordered list of (key, digest). Target-neutral: the same bundle serves every cluster whose render read the same things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What it holds, by key ascending; keys are unique.
    pub entries: Vec<BundleEntry>,
    /// Whether the render saw everything it asked for. An incomplete bundle is never pruned for.
    pub complete: bool,
}

/// One object of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BundleEntry {
    /// Its key, the namespace as written.
    pub key: ResourceKey,
    /// Its version, with the group.
    pub api_version: String,
    /// The manifest's address.
    pub digest: Digest,
}

/// Bytes that are not a bundle of a known format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a bundle of format 1: {0}")]
pub struct NotABundle(String);

#[derive(Serialize, Deserialize)]
struct Encoded {
    v: u32,
    complete: bool,
    /// (apiVersion, kind, namespace, name, digest)
    entries: Vec<(String, String, String, String, Digest)>,
}

// === impl Bundle ===

impl Bundle {
    /// Sorts by key.
    pub fn new(mut entries: Vec<BundleEntry>, complete: bool) -> Self {
        entries.sort_unstable();
        Self { entries, complete }
    }

    /// The bytes that are hashed, stored and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let entries = self.entries.iter().map(|e| {
            (e.api_version.clone(), e.key.kind.clone(), e.key.namespace.clone(), e.key.name.clone(), e.digest)
        });
        let encoded = Encoded { v: 1, complete: self.complete, entries: entries.collect() };
        canonical_bytes_of(&encoded)
    }

    /// Reads [`to_bytes`](Self::to_bytes) back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotABundle> {
        let encoded: Encoded = serde_json::from_slice(bytes).map_err(|e| NotABundle(e.to_string()))?;
        if encoded.v != 1 {
            return Err(NotABundle(format!("format {}", encoded.v)));
        }
        let entries = encoded.entries.into_iter().map(|(api_version, kind, namespace, name, digest)| BundleEntry {
            key: ResourceKey { group: group_of(&api_version).to_owned(), kind, namespace, name },
            api_version,
            digest,
        });
        Ok(Self::new(entries.collect(), encoded.complete))
    }

    /// Its address: plain, because it holds digests and names only.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_survives_its_bytes_whatever_the_order() {
        let entry = |name: &str| BundleEntry {
            key: ResourceKey {
                group: "apps".into(),
                kind: "Deployment".into(),
                namespace: String::new(),
                name: name.into(),
            },
            api_version: "apps/v1".into(),
            digest: Digest::of(name.as_bytes()),
        };
        let (one, other) =
            (Bundle::new(vec![entry("a"), entry("b")], true), Bundle::new(vec![entry("b"), entry("a")], true));
        assert_eq!(one.digest(), other.digest());
        assert_eq!(Bundle::from_bytes(&one.to_bytes()), Ok(one.clone()));
        assert_ne!(one.digest(), Bundle::new(one.entries, false).digest());
        assert!(Bundle::from_bytes(br#"{"v":2,"complete":true,"entries":[]}"#).is_err());
    }
}
