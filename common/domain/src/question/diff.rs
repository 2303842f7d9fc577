//! How a target's objects differ from what git, or somebody else, says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ObjectSelector;
use crate::diff::Difference;
use crate::manifest::ResourceKey;

/// Which objects are compared, and with what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DiffQuestion {
    /// Only these.
    #[serde(flatten)]
    pub selector: ObjectSelector,
    /// Compared with these manifests instead of what git says: another commit's, or files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Vec<Value>>,
    /// Those are live objects of another cluster.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub against_live: bool,
}

/// How objects differ; values of Secrets are masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Diffs {
    /// Every object that was compared.
    pub items: Vec<ObjectDiff>,
    /// There are more than one answer holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// How one object differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectDiff {
    /// Which.
    #[serde(flatten)]
    pub key: ResourceKey,
    /// In a word.
    pub verdict: DiffVerdict,
    /// Where; not for objects that are missing or not wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Where it differs and nobody wants to see it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Difference>,
    /// Why it could not be compared, or how.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// How an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiffVerdict {
    /// Nothing differs.
    Same,
    /// Something does.
    Differs,
    /// It is not there.
    Missing,
    /// It is there, and nobody wants it.
    Extra,
    /// It could not be compared.
    Unknown,
}
