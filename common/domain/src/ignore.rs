//! Differences that are not shown: which rules concern an object, and which places of it they name.
//!
//! Argo CD's `ignoreDifferences`, of an application and of the whole installation: JSON pointers (RFC 6901), jq path expressions, and everything that named
//! field managers own. What is named is taken out of both sides before they are compared, and out of the set of fields that we own: a difference there is none,
//! and neither is its ownership. jq is evaluated by whoever calls ([`Selection::expressions`]), because an expression may never end.

mod check;
mod place;
mod respect;

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;
use windlass_query::Glob;
pub use windlass_query::jq::{self, JqError, Path, Step};

use crate::customization::Customizations;
use crate::manifest::{ResourceKey, canonical_bytes};
use crate::projection::{Fingerprint, places_of_manager};
use crate::target::IgnoreDifference;

pub use check::check;
pub(crate) use check::{check_one, read};
pub use respect::respecting;

/// The rules of a target, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    group: Glob,
    kind: Glob,
    name: Option<Glob>,
    namespace: Option<Glob>,
    ignores: IgnoreDifference,
}

/// What the rules ignore of one object, by whatever names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pointers: Vec<String>,
    expressions: Vec<String>,
    managers: Vec<String>,
}

/// The places of one object that are ignored, and by which rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored {
    rules: Option<Fingerprint>,
    /// Sorted, none below another.
    places: Vec<Path>,
}

// === impl Rules ===

impl Rules {
    /// An application's rules and the installation's. A rule that cannot be read is left out: [`check`] named it when it was given.
    pub fn of(application: &[IgnoreDifference], customizations: &Customizations) -> Self {
        let system = customizations.ignored().map(Cow::Owned);
        Self(application.iter().map(Cow::Borrowed).chain(system).filter_map(|rule| Rule::of(&rule)).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What they ignore of an object, its namespace filled in.
    pub fn for_object(&self, key: &ResourceKey) -> Selection {
        let mut selection = Selection::default();
        for rule in self.0.iter().filter(|rule| rule.concerns(key)) {
            selection.pointers.extend(rule.ignores.json_pointers.iter().cloned());
            selection.expressions.extend(rule.ignores.jq_path_expressions.iter().cloned());
            selection.managers.extend(rule.ignores.managed_fields_managers.iter().cloned());
        }
        for list in [&mut selection.pointers, &mut selection.expressions, &mut selection.managers] {
            list.sort_unstable();
            list.dedup();
        }
        selection
    }
}

// === impl Rule ===

impl Rule {
    fn of(rule: &IgnoreDifference) -> Option<Self> {
        let glob = |pattern: &str| Glob::gobwas(pattern, None).ok();
        let any = |pattern: &str| if pattern.is_empty() { Some(None) } else { glob(pattern).map(Some) };
        Some(Self {
            group: glob(&rule.group)?,
            kind: glob(&rule.kind)?,
            name: any(&rule.name)?,
            namespace: any(&rule.namespace)?,
            ignores: rule.clone(),
        })
    }

    fn concerns(&self, key: &ResourceKey) -> bool {
        let fits = |glob: &Option<Glob>, text: &str| glob.as_ref().is_none_or(|glob| glob.is_match(text));
        self.group.is_match(&key.group)
            && self.kind.is_match(&key.kind)
            && fits(&self.name, &key.name)
            && fits(&self.namespace, &key.namespace)
    }
}

// === impl Selection ===

impl Selection {
    /// Whether nothing is ignored.
    pub fn is_empty(&self) -> bool {
        self.pointers.is_empty() && self.expressions.is_empty() && self.managers.is_empty()
    }

    /// The jq expressions whose places the caller finds ([`jq::paths`]).
    pub fn expressions(&self) -> &[String] {
        &self.expressions
    }

    /// The places of an object that are ignored; `found` are those that the expressions name.
    pub fn places(&self, object: &Value, found: Vec<Path>) -> Ignored {
        self.places_as(object, found, object)
    }

    /// The same, what the managers own being read from `live`: the response of a forced dry run no longer tells what was theirs.
    pub fn places_as(&self, object: &Value, found: Vec<Path>, live: &Value) -> Ignored {
        let mut managed: Vec<Path> = self.managers.iter().flat_map(|name| places_of_manager(live, name)).collect();
        managed.sort_unstable();
        let rules = self.fingerprint(&managed);
        let mut places = found;
        places.extend(self.pointers.iter().filter_map(|pointer| place::of_pointer(pointer, object)));
        places.extend(managed);
        places.retain(|path| !place::is_identity(path));
        places.sort_unstable();
        places.dedup_by(|below, above| below.starts_with(above));
        Ignored { rules, places }
    }

    /// Which rules these are; `None` when nothing is ignored. What a manager owns is part of its rule: it may own more tomorrow.
    fn fingerprint(&self, managed: &[Path]) -> Option<Fingerprint> {
        let managed: Vec<String> = managed.iter().map(|path| format!("{path:?}")).collect();
        let all = serde_json::json!([self.pointers, self.expressions, self.managers, managed]);
        (!self.is_empty()).then(|| Fingerprint::of(&canonical_bytes(&all)))
    }
}

// === impl Ignored ===

impl Ignored {
    /// By which rules.
    pub fn rules(&self) -> Option<Fingerprint> {
        self.rules
    }

    /// Every ignored place.
    pub fn places(&self) -> &[Path] {
        &self.places
    }

    /// Whether no place is ignored.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The object without its ignored places.
    pub fn without<'v>(&self, object: &'v Value) -> Cow<'v, Value> {
        if self.places.is_empty() {
            return Cow::Borrowed(object);
        }
        let mut object = object.clone();
        jq::remove(&mut object, &self.places);
        Cow::Owned(object)
    }

    /// Whether a place, with everything below it, is ignored.
    pub fn covers(&self, path: &[Step]) -> bool {
        let at = self.places.partition_point(|place| place.as_slice() <= path);
        at.checked_sub(1).and_then(|before| self.places.get(before)).is_some_and(|place| path.starts_with(place))
    }
}
