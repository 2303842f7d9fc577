//! How much may be deleted without a person: an application says it, a target keeps it, a plan is measured by it.

use serde::{Deserialize, Serialize};

/// When deletions wait for a person (promise P2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PruneLimits {
    /// More than this many at once always wait.
    pub most: u32,
    /// More than this share of the target's objects wait, in percent.
    pub percent: u32,
    /// Up to this many never wait for being a large share.
    pub free: u32,
}

// === impl PruneLimits ===

impl Default for PruneLimits {
    fn default() -> Self {
        Self { most: 100, percent: 50, free: 5 }
    }
}
