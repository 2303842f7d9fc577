//! What a hub asks an agent about actions, and the answers.

use serde::{Deserialize, Serialize};

use super::{Offer, Parameters};
use crate::manifest::ResourceKey;

/// Actions of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Offered {
    /// Objects that have actions, and those whose scripts failed.
    pub items: Vec<ObjectActions>,
    /// There are more than an answer may hold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Actions of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectActions {
    /// The object.
    pub key: ResourceKey,
    /// `group/version` that it was read in.
    pub api_version: String,
    /// Its actions.
    #[serde(default)]
    pub actions: Vec<Offer>,
    /// Why its actions are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One run of one action on one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAction {
    /// The object.
    pub object: ResourceKey,
    /// The action's name.
    pub action: String,
    /// Its parameters.
    #[serde(default)]
    pub parameters: Parameters,
    /// Who asks, for the agent's log.
    #[serde(default)]
    pub by: String,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ran {
    /// Each write that was made, in order.
    pub done: Vec<Done>,
    /// What a person should know: what the action leaves to others, and what git will put back.
    pub notes: Vec<String>,
    /// Why the rest was not done, when something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// What was written.
    pub key: ResourceKey,
    /// Whether it is a new object.
    #[serde(default)]
    pub created: bool,
}

// === impl Ran ===

impl Ran {
    /// One sentence, such as `patched apps/Deployment shop/web`.
    pub fn words(&self) -> String {
        let done = self.done.iter().map(|done| {
            let verb = if done.created { "created" } else { "patched" };
            format!("{verb} {}", done.key)
        });
        let mut words = done.collect::<Vec<_>>().join(", ");
        for more in self.failed.iter().map(|why| format!("then failed: {why}")).chain(self.notes.iter().cloned()) {
            words.push_str("; ");
            words.push_str(&more);
        }
        words
    }
}
