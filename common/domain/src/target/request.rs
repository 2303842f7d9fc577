//! What a person asks of a target: an operation, a pause.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::digest::Digest;
use crate::manifest::ResourceKey;
use crate::time::Timestamp;

/// A manual operation, as a record: written in the API call's transaction, kept until its result is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationRequest {
    /// UUID v7; an agent never runs an id twice.
    pub id: Uuid,
    /// The bundle that was desired when it was asked for, or that of the commit that was named.
    pub bundle: Digest,
    /// Whether objects that left git are deleted.
    pub prune: bool,
    /// Who asked.
    pub by: String,
    /// When.
    pub requested_at: Timestamp,
    /// When it is over, finished or not.
    pub deadline: Timestamp,
    /// Whether it was asked to stop.
    pub terminate: bool,
    /// What is done otherwise than the application's settings say.
    #[serde(default, skip_serializing_if = "OperationOptions::is_default")]
    pub options: OperationOptions,
}

/// What one operation does otherwise than the application's settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OperationOptions {
    /// Only these objects, and no hooks; every object when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Selector>,
    /// Nothing is written: the server is asked what it would say.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// No hooks (strategy `apply`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub apply_only: bool,
    /// `Replace=true` for every object.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// `Force=true` for every object.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// `ApplyOutOfSyncOnly=true`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub apply_out_of_sync_only: bool,
    /// `Validate=false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_validation: bool,
    /// Retries; none when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<super::Retry>,
    /// How long it may run, in seconds; the application's timeout when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// Settings of the history entry that is rolled back to; the target's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Digest>,
    /// The person named the commit: it is brought even when a newer one is desired by then. Otherwise an operation brings what is desired when it begins.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Notes of the person, shown with the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub info: Vec<(String, String)>,
}

/// Names objects of one sync, as `argocd app sync --resource [!]group:kind:[namespace/]name` does. Every part may be a glob (`*`).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; any when empty.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Whether these are left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exclude: bool,
}

/// Why nothing is begun on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paused {
    /// What holds it.
    pub kind: PauseKind,
    /// Who, or what.
    pub by: String,
    /// Why, for people.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

/// What a pause leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PauseKind {
    /// Nothing is written. Watching goes on.
    Freeze,
    /// An application that this one depends on is not ready: what is synced is healed, nothing newer is brought.
    DependsOn,
}

/// Why a text is no [`Selector`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not name resources: expected [!]GROUP:KIND:[NAMESPACE/]NAME")]
pub struct NotASelector(pub String);

// === impl OperationOptions ===

impl OperationOptions {
    /// Whether nothing is asked otherwise.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it leaves no history: a selection, or nothing written at all.
    pub fn leaves_no_history(&self) -> bool {
        self.dry_run || !self.resources.is_empty()
    }
}

// === impl Selector ===

impl Selector {
    /// Whether an object is named, exclusion aside. The namespace of the key is filled in.
    pub fn matches(&self, key: &ResourceKey) -> bool {
        let part = |pattern: &str, text: &str| matches(pattern.as_bytes(), text.as_bytes());
        part(&self.group, &key.group)
            && part(&self.kind, &key.kind)
            && (self.namespace.is_empty() || part(&self.namespace, &key.namespace))
            && part(&self.name, &key.name)
    }

    /// Whether an object is chosen: named by one, or by none that includes; and by none that excludes.
    pub fn choose(selectors: &[Self], key: &ResourceKey) -> bool {
        let (excluding, including): (Vec<&Self>, Vec<&Self>) = selectors.iter().partition(|selector| selector.exclude);
        (including.is_empty() || including.iter().any(|selector| selector.matches(key)))
            && !excluding.iter().any(|selector| selector.matches(key))
    }
}

/// `*` is any text; everything else is itself. Linear in the text times the pattern.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, from));
            at += 1;
        } else if pattern.get(at) == text.get(from) {
            (at, from) = (at + 1, from + 1);
        } else if let Some((starred, taken)) = star {
            star = Some((starred, taken + 1));
            (at, from) = (starred + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

impl std::str::FromStr for Selector {
    type Err = NotASelector;
    fn from_str(text: &str) -> Result<Self, NotASelector> {
        let wrong = || NotASelector(text.to_owned());
        let (exclude, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let mut parts = rest.splitn(3, ':');
        let (Some(group), Some(kind), Some(object)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let (namespace, name) = object.split_once('/').unwrap_or(("", object));
        if kind.is_empty() || name.is_empty() || name.contains('/') {
            return Err(wrong());
        }
        let own = str::to_owned;
        Ok(Self { group: own(group), kind: own(kind), namespace: own(namespace), name: own(name), exclude })
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let not = if self.exclude { "!" } else { "" };
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        write!(f, "{not}{}:{}:{}{slash}{}", self.group, self.kind, self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_chosen_as_argo_cd_chooses_them() {
        let key = |kind: &str, namespace: &str, name: &str| ResourceKey {
            group: "apps".into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        for (selectors, chosen, left) in [
            ("apps:Deployment:web", key("Deployment", "shop", "web"), key("Deployment", "shop", "api")),
            ("apps:Deployment:shop/web", key("Deployment", "shop", "web"), key("Deployment", "other", "web")),
            ("*:*:web-*", key("Deployment", "shop", "web-1"), key("Deployment", "shop", "web")),
            ("!apps:Deployment:web", key("Deployment", "shop", "api"), key("Deployment", "shop", "web")),
            ("*:*:* !apps:*:web", key("Deployment", "shop", "api"), key("DaemonSet", "shop", "web")),
        ] {
            let selectors: Vec<Selector> = selectors.split(' ').map(|text| text.parse().expect(text)).collect();
            assert!(Selector::choose(&selectors, &chosen), "{selectors:?} {chosen}");
            assert!(!Selector::choose(&selectors, &left), "{selectors:?} {left}");
        }
        for wrong in ["", "web", "apps:Deployment", "apps::web", "apps:Deployment:a/b/c"] {
            assert!(wrong.parse::<Selector>().is_err(), "{wrong}");
        }
        assert_eq!(
            "!apps:Deployment:shop/web".parse::<Selector>().map(|s| s.to_string()),
            Ok("!apps:Deployment:shop/web".into())
        );
    }
}
