//! What a manifest says of how it wants to be handled: its hooks, wave and options. Read once, when its bundle becomes complete; decisions then need no manifest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::hook::{self, DeletePolicy, Phase, Role};
use crate::manifest::annotation;
use crate::options::{self, ObjectOptions};

/// Argo CD's annotation.
pub const WAVE: &str = "argocd.argoproj.io/sync-wave";
/// The end of a shown name that the server completes (`generateName`).
pub const GENERATED: &str = "*";

/// What one manifest says of itself. Most objects are at the default, which costs nothing to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Traits {
    /// Phases of a hook; empty for an object that is kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Phase>,
    /// Neither applied nor compared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// Its wave.
    #[serde(skip_serializing_if = "is_zero")]
    pub wave: i32,
    /// When a hook is deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<DeletePolicy>,
    /// Its own sync options.
    #[serde(skip_serializing_if = "ObjectOptions::is_default")]
    pub options: ObjectOptions,
    /// `metadata.generateName`, where there is no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_name: Option<String>,
    /// Of a CustomResourceDefinition: what it defines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defines: Option<Defines>,
}

/// What a CustomResourceDefinition defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defines {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
}

/// Traits by the manifest's address; what is at its default is not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraitsMap(BTreeMap<Digest, Traits>);

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(wave: &i32) -> bool {
    *wave == 0
}

/// What a manifest says of itself.
pub fn of(object: &Value) -> Traits {
    let (hooks, ignored) = match hook::role(object) {
        Role::Object => (vec![], false),
        Role::Hook(phases) => (phases, false),
        Role::Ignored => (vec![], true),
    };
    let named = object.pointer("/metadata/name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    let prefix = object.pointer("/metadata/generateName").and_then(Value::as_str).filter(|_| !named);
    Traits {
        delete: if hooks.is_empty() { vec![] } else { hook::delete_policies(object) },
        hooks,
        ignored,
        wave: wave(object),
        options: options::of_object(object),
        generate_name: prefix.map(str::to_owned),
        defines: defines(object),
    }
}

/// Argo CD's annotation, else Helm's weight, else 0; what is no number is passed over.
pub fn wave(object: &Value) -> i32 {
    let number = |name: &str| annotation(object, name).and_then(|wave| wave.trim().parse().ok());
    number(WAVE).or_else(|| number(hook::HELM_WEIGHT)).unwrap_or(0)
}

fn defines(object: &Value) -> Option<Defines> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    if text("/kind") != Some("CustomResourceDefinition") {
        return None;
    }
    Some(Defines {
        group: text("/spec/group")?.to_owned(),
        kind: text("/spec/names/kind")?.to_owned(),
        namespaced: text("/spec/scope") != Some("Cluster"),
    })
}

// === impl Traits ===

impl Traits {
    /// Whether there is nothing to say.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it is a hook, of whatever phase.
    pub fn is_hook(&self) -> bool {
        !self.hooks.is_empty()
    }

    /// Whether the server completes its name.
    pub fn is_generated(&self) -> bool {
        self.generate_name.is_some()
    }

    /// Whether it is an object that is kept: compared, healed, pruned.
    pub fn is_kept(&self) -> bool {
        !self.is_hook() && !self.ignored && !self.is_generated()
    }
}

// === impl TraitsMap ===

impl TraitsMap {
    /// What is known of a manifest; the default where nothing is.
    pub fn get(&self, digest: &Digest) -> &Traits {
        static PLAIN: std::sync::LazyLock<Traits> = std::sync::LazyLock::new(Traits::default);
        self.0.get(digest).unwrap_or(&PLAIN)
    }

    /// Keeps a manifest's traits.
    pub fn insert(&mut self, digest: Digest, traits: Traits) {
        if !traits.is_default() {
            self.0.insert(digest, traits);
        }
    }

    /// Every one that is not plain.
    pub fn iter(&self) -> impl Iterator<Item = (&Digest, &Traits)> {
        self.0.iter()
    }

    /// Whether every manifest is plain.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Digest, Traits)> for TraitsMap {
    fn from_iter<T: IntoIterator<Item = (Digest, Traits)>>(traits: T) -> Self {
        Self(traits.into_iter().filter(|(_, traits)| !traits.is_default()).collect())
    }
}
