//! What an object was right after our apply, and whether it still is.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::field_set::FieldSet;
use super::fingerprint::Fingerprint;
use super::paths::walk_paths;
use super::places::reduced;
use super::project::project;
use super::soft::SoftLeaf;
use super::tree::Tree;
use super::{MANAGER, ProjectionError, entry};
use crate::ignore::Ignored;

/// What is remembered of one apply, to tell drift later. Holds no value of the object; the caller stores it with a version of its own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    uid: String,
    api_version: String,
    resource_version: String,
    /// Of the projection without the soft leaves.
    hash: Fingerprint,
    /// Of our entry; `None` for an object that had none (rule 9). Equal sets and equal entry bytes are the same thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<FieldSet>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    soft: Vec<SoftLeaf>,
    /// By which rules places were left out of all that; `None`: none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ignoring: Option<Fingerprint>,
}

/// How an object compares with its baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing to do.
    Same,
    /// Something is different: apply, then ask [`changed_by_apply`](super::changed_by_apply) whether anything was wrong. Not everything
    /// that looks different is; each of the three sees what the others miss.
    Drifted {
        /// A value that we own is different.
        hash: bool,
        /// We own other fields than before: someone took, gave back or rewrote ownership (rules 7 and 8).
        entry: bool,
        /// Another object of the same name.
        replaced: bool,
    },
    /// The object was read in another version than it was applied in, where its fields may have other names: read it as the baseline's
    /// `api_version` and compare that (rule 10).
    OtherVersion,
    /// The baseline left out other places than are ignored now: it takes another response of the server to say more.
    OtherRules,
}

// === impl Baseline ===

impl Baseline {
    /// From the response of our apply; `manifest`, as sent, only tells which leaves are soft.
    pub fn of_response(response: &Value, manifest: &Value) -> Result<Self, ProjectionError> {
        Self::of_response_ignoring(response, manifest, &Ignored::default())
    }

    /// The same without the ignored places of the response.
    pub fn of_response_ignoring(
        response: &Value,
        manifest: &Value,
        ignored: &Ignored,
    ) -> Result<Self, ProjectionError> {
        let fields = FieldSet::of_entry(response, MANAGER)?.map(|fields| owned(fields, response, ignored));
        let mut tree = tree_of(fields.as_ref());
        let seen = ignored.without(response);
        let soft = SoftLeaf::find_all(&tree, manifest, &seen);
        soften(&mut tree, &soft);
        Ok(Self {
            uid: required(response, "/metadata/uid", "metadata.uid")?,
            api_version: required(response, "/apiVersion", "apiVersion")?,
            resource_version: required(response, "/metadata/resourceVersion", "metadata.resourceVersion")?,
            hash: project(&tree, &seen).fingerprint(),
            fields,
            soft,
            ignoring: ignored.rules(),
        })
    }

    /// Compares a live object, read in [`api_version`](Self::api_version), as an apiserver returned it: with `managedFields`.
    pub fn compare(&self, live: &Value) -> Comparison {
        self.compare_ignoring(live, &Ignored::default())
    }

    /// The same without the ignored places of the live object.
    pub fn compare_ignoring(&self, live: &Value, ignored: &Ignored) -> Comparison {
        if text(live, "/apiVersion") != self.api_version {
            return Comparison::OtherVersion;
        }
        if self.ignoring != ignored.rules() {
            return Comparison::OtherRules;
        }
        let replaced = text(live, "/metadata/uid") != self.uid;
        let (hash, entry) = (self.value_differs(&ignored.without(live)), self.entry_differs(live, ignored));
        if hash || entry || replaced { Comparison::Drifted { hash, entry, replaced } } else { Comparison::Same }
    }

    /// Whether `live` is certainly older than this baseline, and must not be compared: an event that was on its way during the apply.
    /// Resource versions that are not numbers, or of another object, are never older.
    pub fn is_newer_than(&self, live: &Value) -> bool {
        let number = |text: &str| text.parse::<u128>().ok();
        let versions = (number(&self.resource_version), number(text(live, "/metadata/resourceVersion")));
        text(live, "/metadata/uid") == self.uid && matches!(versions, (Some(ours), Some(theirs)) if theirs < ours)
    }

    /// Up to `max` paths that we own and that differ between what is `expected` and `live`; soft leaves that are not ours are left out.
    /// For messages: exact when `expected` came from the apiserver (a response, a dry run), and a good guess when it is the manifest,
    /// whose quantities and defaults may be spelt differently.
    pub fn differing_paths(&self, expected: &Value, live: &Value, max: usize) -> Vec<String> {
        let mut tree = tree_of(self.fields.as_ref());
        soften(&mut tree, &self.soft);
        let mut paths = walk_paths(&tree, expected, live, max);
        let full = tree_of(self.fields.as_ref());
        for leaf in self.soft.iter().filter(|leaf| leaf.is_changed(&full, live)) {
            let path = leaf.display_path();
            if paths.len() < max && !paths.iter().any(|above| is_below(&path, above)) {
                paths.push(path);
            }
        }
        paths
    }

    /// The object's uid.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The version to read the object in.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// The response's resource version.
    pub fn resource_version(&self) -> &str {
        &self.resource_version
    }

    /// The fields that we own; `None` when the server kept no entry for us.
    pub fn fields(&self) -> Option<&FieldSet> {
        self.fields.as_ref()
    }

    /// The leaves that are judged apart.
    pub fn soft(&self) -> &[SoftLeaf] {
        &self.soft
    }

    /// Rule 7: by the stored set, whatever we own now.
    fn value_differs(&self, live: &Value) -> bool {
        let mut tree = tree_of(self.fields.as_ref());
        if self.soft.iter().any(|leaf| leaf.is_changed(&tree, live)) {
            return true;
        }
        soften(&mut tree, &self.soft);
        project(&tree, live).fingerprint() != self.hash
    }

    /// Rule 9: a lost entry is a difference, except where there never was one.
    fn entry_differs(&self, live: &Value, ignored: &Ignored) -> bool {
        match (&self.fields, entry(live, MANAGER)) {
            (Some(fields), Some(entry)) if self.ignoring.is_none() => !fields.is(entry.fields),
            // What no set of fields is owns nothing that we know of.
            (Some(fields), Some(entry)) => {
                FieldSet::parse(entry.fields).map_or(true, |found| reduced(&found, live, ignored) != *fields)
            }
            (None, None) => false,
            _ => true,
        }
    }
}

/// Nothing of the object but what everyone may see: a hash of a Secret lets a guess be checked.
impl fmt::Debug for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Baseline")
            .field("uid", &self.uid)
            .field("api_version", &self.api_version)
            .field("resource_version", &self.resource_version)
            .field("has_entry", &self.fields.is_some())
            .field("soft", &self.soft.len())
            .finish_non_exhaustive()
    }
}

/// With rules, whether they named a place of this object or not, a set is kept in one form.
fn owned(fields: FieldSet, object: &Value, ignored: &Ignored) -> FieldSet {
    if ignored.rules().is_some() { reduced(&fields, object, ignored) } else { fields }
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with(['.', '[']))
}

fn tree_of(fields: Option<&FieldSet>) -> Tree {
    fields.map(FieldSet::tree).unwrap_or_default()
}

fn soften(tree: &mut Tree, soft: &[SoftLeaf]) {
    for leaf in soft {
        tree.soften(&leaf.path);
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn required(object: &Value, pointer: &str, field: &'static str) -> Result<String, ProjectionError> {
    match text(object, pointer) {
        "" => Err(ProjectionError::Field { field }),
        found => Ok(found.to_owned()),
    }
}

// === impl Comparison ===

impl Comparison {
    /// Whether there is something to apply.
    pub fn is_drift(self) -> bool {
        matches!(self, Self::Drifted { .. })
    }
}
