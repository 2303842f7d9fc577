//! What a cluster serves: its full resource list, by which objects are scoped and addressed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::manifest::{GroupKind, ResourceKey, bytes_of, group_of, version_of};

/// One kind in one version, as discovery lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApiResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// The plural by which URLs name it.
    pub plural: String,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
}

/// A cluster's resources, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    resources: Vec<ApiResource>,
    /// Groups whose discovery failed: nothing is concluded from the absence of their kinds.
    pub failed_groups: Vec<String>,
}

// === impl ApiResource ===

impl ApiResource {
    /// `group/version`, or `version` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Its kind, whatever the version.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }

    /// What an object of this kind is named by: items of a list say neither `apiVersion` nor `kind`.
    pub fn key_of(&self, object: &Value) -> ResourceKey {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        ResourceKey {
            group: self.group.clone(),
            kind: self.kind.clone(),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        }
    }
}

// === impl Discovery ===

impl Discovery {
    /// Sorts and keeps.
    pub fn new(mut resources: Vec<ApiResource>, mut failed_groups: Vec<String>) -> Self {
        resources.sort_unstable();
        resources.dedup();
        failed_groups.sort_unstable();
        Self { resources, failed_groups }
    }

    /// This list, with what was known before of groups whose discovery failed: a group that does not answer has not lost its kinds.
    pub fn keeping(self, before: &Self) -> Self {
        let kept = before.resources.iter().filter(|r| self.failed_groups.contains(&r.group)).cloned();
        let resources = self.resources.iter().cloned().chain(kept).collect();
        Self::new(resources, self.failed_groups)
    }

    /// All resources, sorted by group, version, kind.
    pub fn resources(&self) -> &[ApiResource] {
        &self.resources
    }

    /// The resource of an object's group, version and kind.
    pub fn find(&self, api_version: &str, kind: &str) -> Option<&ApiResource> {
        let (group, version) = (group_of(api_version), version_of(api_version));
        self.resources.iter().find(|r| r.group == group && r.version == version && r.kind == kind)
    }

    /// A resource of this group and kind in any version.
    pub fn find_kind(&self, group: &str, kind: &str) -> Option<&ApiResource> {
        self.resources.iter().find(|r| r.group == group && r.kind == kind)
    }

    /// Whether objects of the key's kind live in a namespace; `None` when the kind is not served.
    pub fn is_namespaced(&self, key: &ResourceKey) -> Option<bool> {
        self.find_kind(&key.group, &key.kind).map(|r| r.namespaced)
    }

    /// The list's digest, by which `Hello` says whether the hub knows it already.
    pub fn digest(&self) -> Digest {
        Digest::of(&bytes_of(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_does_not_answer_keeps_its_kinds() {
        let resource = |group: &str| ApiResource {
            group: group.into(),
            version: "v1".into(),
            kind: "Thing".into(),
            plural: "things".into(),
            namespaced: true,
        };
        let before = Discovery::new(vec![resource("a"), resource("b")], vec![]);
        let after = Discovery::new(vec![], vec!["a".into()]).keeping(&before);
        assert!(after.find_kind("a", "Thing").is_some(), "its discovery failed");
        assert!(after.find_kind("b", "Thing").is_none(), "it is gone");
    }
}
