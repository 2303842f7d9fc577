//! What a hub asks the agent of one cluster, and how the agent refuses: a [`Question`] is about one target, bounded in time and size, and is no state.
//!
//! On the wire a question and its answer are JSON (`docs/protocol.md`, "Requests"): fields that a build does not know are passed over, and a kind of question
//! that an agent does not know is refused as [`RefusalCode::Unsupported`].

mod diff;
mod live;

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::action::RunAction;
use crate::manifest::ResourceKey;

pub use diff::{DiffQuestion, DiffVerdict, Diffs, ObjectDiff};
pub use live::{EventLine, Events, LogLine, LogQuestion, TreeQuestion};

/// The most bytes that an encoded question may have.
pub const MAX_QUESTION_BYTES: usize = 8 * 1024 * 1024;

/// A question about one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// The application's uid: nothing is answered of any other target's objects.
    pub application: Uuid,
    /// What is asked.
    pub what: What,
}

/// Kinds of questions. The answer's type stands beside each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Objects as they are in the cluster, values of Secrets masked: [`Objects`].
    GetResource(ObjectSelector),
    /// Everything that the target's objects own: [`Tree`](crate::tree::Tree).
    GetTree(TreeQuestion),
    /// Kubernetes' own events about the target's objects and what they own: [`Events`].
    GetEvents(ObjectSelector),
    /// What containers wrote: one [`LogLine`] a line.
    GetLogs(Box<LogQuestion>),
    /// How objects differ from what git says, or others: [`Diffs`].
    Diff(Box<DiffQuestion>),
    /// Which actions objects have: [`Offered`](crate::action::Offered).
    ListActions(ObjectSelector),
    /// One run of one action, the only question that writes: [`Ran`](crate::action::Ran). It is carried out once, or not at all, and to its end even when
    /// nobody waits for the answer any more.
    RunAction(RunAction),
    /// To change the image of the agent's own Deployment, and how far that is: [`Answer`](crate::upgrade::own::Answer). Of no target: `application` is nil.
    /// The same request may come as often as it likes.
    Upgrade(crate::upgrade::own::Request),
}

/// Which of a target's objects. A part that is `None` fits any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectSelector {
    /// API group; `Some("")` is the core group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Namespace; `Some("")` is a cluster-scoped object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Live objects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Objects {
    /// The objects, values of Secrets masked.
    pub items: Vec<serde_json::Value>,
    /// There are more than an answer may hold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Why an agent does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// For programs.
    pub code: RefusalCode,
    /// For people: the thing, the cause, the next step. Never a value of a Secret.
    pub message: String,
}

/// Kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusalCode {
    /// There is no such target or object here.
    NotFound,
    /// The project's fence, or the cluster's own rights, forbid it.
    Forbidden,
    /// The question makes no sense.
    Invalid,
    /// This agent's version does not know the question.
    Unsupported,
    /// Too many questions at once.
    Busy,
    /// It took longer than its deadline.
    Deadline,
    /// The answer would be longer than what is allowed.
    TooLarge,
    /// The apiserver does not answer, or answers in error.
    Unavailable,
    /// Anything else: the agent's log has it.
    Internal,
}

// === impl ObjectSelector ===

impl ObjectSelector {
    /// Exactly this object.
    pub fn exactly(key: &ResourceKey) -> Self {
        let ResourceKey { group, kind, namespace, name } = key.clone();
        Self { group: Some(group), kind: Some(kind), namespace: Some(namespace), name: Some(name) }
    }

    /// Whether it fits an object. Kinds are compared as people type them, whatever the case.
    pub fn fits(&self, key: &ResourceKey) -> bool {
        let same = |wanted: &Option<String>, have: &str| wanted.as_deref().is_none_or(|wanted| wanted == have);
        self.kind.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case(&key.kind))
            && same(&self.group, &key.group)
            && same(&self.namespace, &key.namespace)
            && same(&self.name, &key.name)
    }
}

/// As people read it in errors: `Pod shop/web-1`, `every Pod`.
impl fmt::Display for ObjectSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(group) = part(&self.group) {
            write!(f, "{group}/")?;
        }
        f.write_str(self.kind.as_deref().unwrap_or("any kind"))?;
        match (part(&self.namespace), part(&self.name)) {
            (Some(namespace), Some(name)) => write!(f, " {namespace}/{name}"),
            (Some(namespace), None) => write!(f, " of namespace {namespace}"),
            (None, Some(name)) => write!(f, " {name}"),
            (None, None) => Ok(()),
        }
    }
}

// === impl Refused ===

impl Refused {
    /// A refusal.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Whether the same question may be answered later.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.code,
            RefusalCode::Busy | RefusalCode::Deadline | RefusalCode::Unavailable | RefusalCode::Internal
        )
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: &str, namespace: &str, name: &str) -> ResourceKey {
        ResourceKey { group: String::new(), kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    #[test]
    fn a_selector_fits_what_it_names_and_anything_where_it_names_nothing() {
        let pod = key("Pod", "shop", "web-1");
        let of = |kind: Option<&str>, namespace: Option<&str>, name: Option<&str>| ObjectSelector {
            group: None,
            kind: kind.map(Into::into),
            namespace: namespace.map(Into::into),
            name: name.map(Into::into),
        };
        assert!(of(None, None, None).fits(&pod) && of(Some("pod"), None, None).fits(&pod));
        assert!(of(Some("Pod"), Some("shop"), Some("web-1")).fits(&pod));
        assert!(!of(Some("Pod"), Some(""), None).fits(&pod) && !of(None, None, Some("web")).fits(&pod));
        assert!(!ObjectSelector { group: Some("apps".into()), ..ObjectSelector::default() }.fits(&pod));
        assert_eq!(ObjectSelector::exactly(&pod).to_string(), "Pod shop/web-1");
        assert_eq!(of(Some("Pod"), None, None).to_string(), "Pod");
    }

    #[test]
    fn a_question_of_a_later_build_is_no_question_of_this_one() {
        let application = Uuid::nil();
        let asked = Question { application, what: What::GetResource(ObjectSelector::exactly(&key("Pod", "a", "b"))) };
        let text = serde_json::to_string(&asked).expect("JSON");
        assert_eq!(serde_json::from_str::<Question>(&text).expect("a question"), asked);
        let later = text.replace("getResource", "sendFlowers");
        assert!(serde_json::from_str::<Question>(&later).is_err());
    }
}
