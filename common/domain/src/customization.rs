//! What the whole installation says of kinds: Argo CD's `resource.customizations` of `argocd-cm`, accepted as they stand.
//!
//! Health scripts, actions and ignored differences by kind. A kind is `group/Kind`, or `Kind` in the core group, with `*` in either; the exact name goes before
//! patterns, a longer pattern before a shorter one. The hub keeps them, agents get them as a content of their own.

mod lookup;
mod parse;

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::canonical_bytes_of;
use crate::target::IgnoreDifference;

pub use parse::{Parsed, Problem, parse};

/// Customizations by kind. What is at its default is left out of the bytes, so that an upgrade changes no address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Customizations {
    /// Health scripts, in Lua.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub health: BTreeMap<String, String>,
    /// Actions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, Actions>,
    /// Ignored differences; their group and kind are that of the key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ignore_differences: BTreeMap<String, IgnoreDifference>,
}

/// Actions of a kind, in Lua.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Actions {
    /// The script that says which actions an object has; empty: all that are defined.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub discovery: String,
    /// Each action.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub definitions: Vec<Action>,
    /// Whether the built-in actions of the kind are there too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub merge_built_in: bool,
}

/// One action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Action {
    /// What it is called.
    pub name: String,
    /// Its script.
    pub script: String,
}

// === impl Customizations ===

impl Customizations {
    /// Whether nothing is customized.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The health script of a kind, with the key that it stands under.
    pub fn health_of(&self, group: &str, kind: &str) -> Option<(&str, &str)> {
        lookup::find(&self.health, group, kind).map(|(key, script)| (key, script.as_str()))
    }

    /// The actions of a kind, with the key that they stand under.
    pub fn actions_of(&self, group: &str, kind: &str) -> Option<(&str, &Actions)> {
        lookup::find(&self.actions, group, kind)
    }

    /// The ignored differences, as rules of an application are: every one that matches counts.
    pub fn ignored(&self) -> impl Iterator<Item = IgnoreDifference> {
        self.ignore_differences.iter().map(|(key, ignored)| {
            let (group, kind) = lookup::split(key);
            IgnoreDifference { group: group.to_owned(), kind: kind.to_owned(), ..ignored.clone() }
        })
    }

    /// The bytes that are hashed, stored and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_bytes_of(self)
    }

    /// Their address; `None` when nothing is customized, and nothing is sent.
    pub fn digest(&self) -> Option<Digest> {
        (!self.is_empty()).then(|| Digest::of(&self.to_bytes()))
    }

    /// Reads [`to_bytes`](Self::to_bytes) back; fields of a newer hub are ignored.
    ///
    /// # Errors
    /// The bytes are none of ours.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
