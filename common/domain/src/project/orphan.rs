//! Which objects of an application's namespaces a project watches although they are nobody's.

use serde::{Deserialize, Serialize};

use super::ProjectSpec;
use super::pattern::KindPattern;
use crate::manifest::ResourceKey;

/// Objects that are not counted as orphans: one entry of `orphanedResources.ignore`. Globs; a part that is empty fits any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrphanRule {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

// === impl OrphanRule ===

impl OrphanRule {
    /// Whether an object is not counted. A pattern that cannot be read fits nothing.
    pub fn takes(&self, key: &ResourceKey) -> bool {
        let fits = |pattern: &str, text: &str| {
            pattern.is_empty() || KindPattern::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
        };
        fits(&self.group, &key.group) && fits(&self.kind, &key.kind) && fits(&self.name, &key.name)
    }
}

// === impl ProjectSpec ===

impl ProjectSpec {
    /// What is not counted as an orphan; `None` where the project does not watch orphans (`spec.orphanedResources` is not given).
    pub fn orphaned_resources(&self) -> Option<Vec<OrphanRule>> {
        let given = self.rest.get("orphanedResources").filter(|given| !given.is_null())?;
        // Of rules that cannot be read nothing is left out: one orphan too many is shown, not one too few.
        let rules = given.get("ignore").cloned().unwrap_or_default();
        Some(serde_json::from_value(rules).unwrap_or_default())
    }
}
