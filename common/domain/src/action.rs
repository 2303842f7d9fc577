//! Actions: what a person may do with one live object beside syncing it, such as restarting a Deployment or running a CronJob now.
//!
//! Everything here is a decision about data: which actions an object offers and why some are not possible now ([`offered`]), what one of them writes
//! ([`run`]), what a user's script made of the object ([`patch::between`]), what a created object must not carry along ([`created`]), and which fields git says
//! otherwise ([`contested`]). Names are those of Argo CD's built-in actions where it documents them; what they write follows from each API's documentation.
//! Nothing is deleted by an action.

mod argo;
mod asked;
mod builtin;
mod certificates;
mod cluster_api;
mod compute;
mod contested;
mod created;
mod databases;
mod flux;
mod messaging;
mod operators;
pub mod patch;
mod pipelines;
mod scaling;
mod script;
mod secrets;
mod subject;
#[cfg(test)]
mod tests;
mod workloads;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use asked::{Done, ObjectActions, Offered, Ran, RunAction};
pub use contested::{Contested, contested, warning};
pub use created::created;
pub use script::{Operation, merged, scripted};

use crate::manifest::group_of;
use crate::time::Timestamp;
use builtin::{Builtin, Entry};
use subject::Subject;

/// The field manager of what actions write: never git's, so that its fields are not differences.
pub const MANAGER: &str = "windlass-action";
/// The most changes that one run makes.
pub const MOST_CHANGES: usize = 16;
/// The longest value of a parameter, in bytes.
pub const LONGEST_PARAMETER: usize = 1024;

/// Values of parameters by their names.
pub type Parameters = BTreeMap<String, String>;

/// An action of an object, as Argo CD's API tells it, and why it is not possible now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// What may be said with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Parameter>,
    /// Whether it is not possible now.
    #[serde(default)]
    pub disabled: bool,
    /// Why not; empty when it is, and when a script did not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What people are shown instead of the name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// A class of Argo CD's icons.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub icon_class: String,
}

/// A value that an action takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is when it is not given; needed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// One write.
#[derive(Clone, PartialEq)]
pub enum Change {
    /// A JSON merge patch of the object itself. Fields of `status` go to the subresource where the kind has one.
    Patch(Value),
    /// A new object, with a name; its namespace is that of the object where it has none and its kind is namespaced.
    Create(Value),
}

/// What an action comes to.
#[derive(Clone, PartialEq)]
pub struct Effect {
    /// In this order.
    pub changes: Vec<Change>,
    /// What a person should know of it.
    pub note: Option<String>,
}

/// Why an action is not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none of that name.
    #[error("{kind} has no action {name:?}; it has {offered}")]
    Unknown {
        /// The object's kind.
        kind: String,
        /// What was asked for.
        name: String,
        /// What there is.
        offered: String,
    },
    /// It is not possible now.
    #[error("{name} is not possible now: {why}")]
    Disabled {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// A parameter is missing, unknown or none that the action takes.
    #[error("parameter {name:?}: {why}")]
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The object lacks what the action needs of it.
    #[error("{0}")]
    Object(String),
}

/// The built-in actions of a live object, in their order; none for kinds that have none.
pub fn offered(object: &Value) -> Vec<Offer> {
    let subject = Subject::of(object);
    builtins(object).map(|action| action.offer(&subject)).collect()
}

/// What a built-in action writes, at `now`.
///
/// # Errors
/// When the object has no such action, it is not possible now, or a parameter is wrong. Nothing about that changes by itself.
pub fn run(object: &Value, name: &str, given: &Parameters, now: Timestamp) -> Result<Effect, Error> {
    let subject = Subject::of(object);
    let action =
        builtins(object).find(|action| action.name == name).ok_or_else(|| unknown(object, name, &offered(object)))?;
    if let Some(why) = action.disabled(&subject) {
        return Err(Error::Disabled { name: name.to_owned(), why });
    }
    let given = accept(&action.parameters(&subject), given)?;
    let mut effect = action.effect(&builtin::Run { subject: &subject, given: &given, now })?;
    for change in &mut effect.changes {
        match change {
            Change::Patch(patch) => patch::guard(patch, object),
            Change::Create(new) => created(new, object)?,
        }
    }
    Ok(effect)
}

/// The values that an action gets: those given, with defaults for the rest.
///
/// # Errors
/// When a value has no parameter, a parameter without default has no value, or a value is longer than [`LONGEST_PARAMETER`].
pub fn accept(parameters: &[Parameter], given: &Parameters) -> Result<Parameters, Error> {
    let known = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    if let Some(name) = given.keys().find(|name| !known(name)) {
        let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let takes = if names.is_empty() { "no parameters".to_owned() } else { names.join(", ") };
        return Err(Error::Parameter { name: name.clone(), why: format!("the action takes {takes}") });
    }
    if let Some((name, _)) = given.iter().find(|(_, value)| value.len() > LONGEST_PARAMETER) {
        let why = format!("it has more than {LONGEST_PARAMETER} bytes");
        return Err(Error::Parameter { name: name.clone(), why });
    }
    let value = |parameter: &Parameter| {
        let value = given.get(&parameter.name).cloned().or_else(|| parameter.default.clone());
        value.map(|value| (parameter.name.clone(), value)).ok_or_else(|| Error::Parameter {
            name: parameter.name.clone(),
            why: format!("is needed; `--param {}=VALUE` gives it", parameter.name),
        })
    };
    parameters.iter().map(value).collect()
}

/// An action that a script defines and none discovers: it is always possible.
pub fn plain(name: &str) -> Offer {
    Offer {
        name: name.to_owned(),
        params: Vec::new(),
        disabled: false,
        reason: String::new(),
        display_name: String::new(),
        icon_class: String::new(),
    }
}

/// What a script's action gets, when it is possible now. One that tells of no parameters takes any: Argo CD's scripts need not tell.
///
/// # Errors
/// When it is not possible now, or [`accept`] says so.
pub fn allowed(offer: &Offer, given: &Parameters) -> Result<Parameters, Error> {
    if offer.disabled {
        return Err(Error::Disabled { name: offer.name.clone(), why: offer.reason.clone() });
    }
    let undeclared = |name: &String| Parameter { name: name.clone(), default: None };
    match offer.params.is_empty() {
        true => accept(&given.keys().map(undeclared).collect::<Vec<_>>(), given),
        false => accept(&offer.params, given),
    }
}

/// That there is no such action among those of an object.
pub fn unknown(object: &Value, name: &str, offers: &[Offer]) -> Error {
    let names: Vec<&str> = offers.iter().map(|offer| offer.name.as_str()).collect();
    let offered = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or("the object").to_owned();
    Error::Unknown { kind, name: name.to_owned(), offered }
}

/// Every built-in action: group, kind (`*` for every kind of a family of groups), name.
pub fn builtin_actions() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let of = |entry: &'static Entry| entry.actions().map(|action| (entry.group, entry.kind, action.name));
    ALL.iter().copied().flatten().flat_map(of)
}

fn builtins(object: &Value) -> impl Iterator<Item = &'static Builtin> {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let (group, kind) = (group_of(text("apiVersion")), text("kind"));
    let entry = ALL.iter().copied().flatten().find(|entry| entry.covers(group, kind));
    entry.into_iter().flat_map(Entry::actions)
}

/// In the order in which they are listed; families after what is exact.
const ALL: &[&[Entry]] = &[
    workloads::KINDS,
    argo::KINDS,
    flux::KINDS,
    secrets::KINDS,
    scaling::KINDS,
    certificates::KINDS,
    databases::KINDS,
    messaging::KINDS,
    pipelines::KINDS,
    compute::KINDS,
    operators::KINDS,
    cluster_api::KINDS,
    operators::FAMILIES,
];

// === impl Effect ===

impl Effect {
    /// One patch.
    pub fn patch(patch: Value) -> Self {
        Self { changes: vec![Change::Patch(patch)], note: None }
    }

    /// One new object.
    pub fn create(object: Value) -> Self {
        Self { changes: vec![Change::Create(object)], note: None }
    }

    fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// Says nothing of the objects: one may be a Secret.
impl std::fmt::Debug for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = self.changes.iter().map(|change| match change {
            Change::Patch(_) => "patch",
            Change::Create(_) => "create",
        });
        f.debug_struct("Effect").field("changes", &kinds.collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

// === impl Error ===

impl Error {
    /// Never: the same call is refused again until somebody changes the object.
    pub fn is_retryable(&self) -> bool {
        false
    }
}
