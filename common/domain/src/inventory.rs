//! What a target owns in its cluster. It grows before the first create and shrinks only after proof of absence, so that nothing of ours is ever lost sight of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::{ResourceKey, bytes_of};
use crate::projection::Baseline;

/// The objects of one target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// By key, the namespace filled in.
    pub entries: BTreeMap<ResourceKey, InventoryEntry>,
}

/// One owned object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// `group/version` that it is managed in.
    pub api_version: String,
    /// Address of the manifest that was last applied; `None` while the first apply is under way or its answer was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What the last apply's response looked like; `None` as above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

#[derive(Serialize, Deserialize)]
struct Encoded {
    v: u32,
    entries: Vec<(ResourceKey, InventoryEntry)>,
}

/// Bytes that are not an inventory of a known format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an inventory of format 1: {0}")]
pub struct NotAnInventory(String);

// === impl Inventory ===

impl Inventory {
    /// Uid of the object that our last apply answered with; `None` for one that was never applied.
    pub fn applied_uid(&self, key: &ResourceKey) -> Option<&str> {
        self.entries.get(key)?.baseline.as_ref().map(Baseline::uid)
    }

    /// The durable form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let entries = self.entries.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect();
        bytes_of(&Encoded { v: 1, entries })
    }

    /// Reads [`to_bytes`](Self::to_bytes) back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAnInventory> {
        let encoded: Encoded = serde_json::from_slice(bytes).map_err(|e| NotAnInventory(e.to_string()))?;
        if encoded.v != 1 {
            return Err(NotAnInventory(format!("format {}", encoded.v)));
        }
        Ok(Self { entries: encoded.entries.into_iter().collect() })
    }
}
