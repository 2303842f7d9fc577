//! Contents by address. What came is staged in memory; it becomes durable in the same write that makes its bundle the desired one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use windlass_domain::bundle::Bundle;
use windlass_domain::customization::Customizations;
use windlass_domain::digest::Digest;
use windlass_domain::ignore::Rules;
use windlass_domain::target::{TargetSettings, TargetSpec};
use windlass_domain::traits::TraitsMap;

use super::target::Complete;
use crate::desired::Durable;

/// The most bytes that may wait in memory for the rest of their bundle.
const MAX_STAGED: usize = 64 << 20;

/// What a manifest has in it that says something of how it is handled.
const SPEAKING: [&str; 3] = ["argocd.argoproj.io/", "helm.sh/", "generateName"];

/// Staged and durable contents.
pub struct Contents {
    durable: Durable,
    staged: BTreeMap<Digest, Bytes>,
    staged_bytes: usize,
    /// On their way out of the durable copy: they count as not there.
    doomed: BTreeSet<String>,
    /// Asked for, not answered.
    pub fetching: BTreeSet<Digest>,
    /// Settings that some target has, by their address: most targets have the same.
    shared: Mutex<BTreeMap<Digest, Shared>>,
}

/// Settings and what follows from them, for as long as some target has them.
struct Shared {
    settings: Weak<TargetSettings>,
    customizations: Weak<Customizations>,
    rules: Weak<Rules>,
}

/// The same, held.
type Held = (Arc<TargetSettings>, Arc<Customizations>, Arc<Rules>);

/// Whether a row's bundle has everything it names.
pub enum Completion {
    /// It has; and the contents that must become durable with it.
    Complete(Complete, Vec<(String, Option<Bytes>)>),
    /// It lacks these.
    Missing(Vec<Digest>),
    /// What came under an address cannot be read: a newer hub, or a fault.
    Unreadable(String),
}

// === impl Contents ===

impl Contents {
    /// Over a durable copy.
    pub fn new(durable: Durable) -> Self {
        Self {
            durable,
            staged: BTreeMap::new(),
            staged_bytes: 0,
            doomed: BTreeSet::new(),
            fetching: BTreeSet::new(),
            shared: Mutex::default(),
        }
    }

    /// Keeps a verified content until its bundle is complete; `false` when there is no room for it.
    pub fn stage(&mut self, digest: Digest, bytes: Bytes) -> bool {
        if self.has(&digest) {
            return true;
        }
        let fits = self.staged_bytes + bytes.len() <= MAX_STAGED;
        if fits {
            self.staged_bytes += bytes.len();
            self.staged.insert(digest, bytes);
        }
        fits
    }

    /// Drops staged contents that `keep` does not name.
    pub fn retain(&mut self, keep: &BTreeSet<Digest>) {
        self.staged.retain(|digest, _| keep.contains(digest));
        self.staged_bytes = self.staged.values().map(Bytes::len).sum();
    }

    /// A content's canonical bytes.
    pub fn get(&self, digest: &Digest) -> Option<Bytes> {
        if let Some(staged) = self.staged.get(digest) {
            return Some(staged.clone());
        }
        let name = name(digest);
        if self.doomed.contains(&name) { None } else { self.durable.read(&name) }
    }

    fn has(&self, digest: &Digest) -> bool {
        if self.staged.contains_key(digest) {
            return true;
        }
        let name = name(digest);
        !self.doomed.contains(&name) && self.durable.contains(&name)
    }

    /// Looks whether everything that a row's bundle names is at hand.
    pub fn complete(&self, spec: &TargetSpec) -> Completion {
        self.assemble(spec.bundle, spec.settings, &spec.revision)
    }

    /// The same for any bundle, settings and commit.
    pub fn assemble(&self, bundle_digest: Digest, settings_digest: Digest, revision: &str) -> Completion {
        let (bundle_bytes, settings_bytes) = match (self.get(&bundle_digest), self.get(&settings_digest)) {
            (Some(bundle), Some(settings)) => (bundle, settings),
            (bundle, settings) => {
                let missing = [(bundle_digest, bundle), (settings_digest, settings)];
                return Completion::Missing(missing.into_iter().filter(|(_, b)| b.is_none()).map(|(d, _)| d).collect());
            }
        };
        let bundle = match Bundle::from_bytes(&bundle_bytes) {
            Ok(bundle) => bundle,
            Err(error) => return Completion::Unreadable(error.to_string()),
        };
        let settings = match TargetSettings::from_bytes(&settings_bytes) {
            Ok(settings) => settings,
            Err(error) => return Completion::Unreadable(format!("settings: {error}")),
        };
        let members = bundle.entries.iter().map(|e| e.digest).chain(settings.customizations);
        let missing: Vec<Digest> = members.filter(|d| !self.has(d)).collect();
        if !missing.is_empty() {
            return Completion::Missing(missing);
        }
        let (settings, customizations, rules) = match self.share(settings_digest, settings) {
            Ok(shared) => shared,
            Err(error) => return Completion::Unreadable(format!("customizations: {error}")),
        };
        let traits = self.traits_of(&bundle);
        let complete = Complete {
            digest: bundle_digest,
            bundle: Arc::new(bundle),
            settings_digest,
            settings,
            traits: Arc::new(traits),
            revision: revision.to_owned(),
            customizations,
            rules,
        };
        let writes = self.staged_of(&complete);
        Completion::Complete(complete, writes)
    }

    fn share(&self, digest: Digest, settings: TargetSettings) -> Result<Held, serde_json::Error> {
        if let Some(held) = self.shared.lock().get(&digest).and_then(Shared::hold) {
            return Ok(held);
        }
        let customizations = Arc::new(self.customizations_of(&settings)?);
        let rules = Arc::new(Rules::of(&settings.ignore_differences, &customizations));
        let held = (Arc::new(settings), customizations, rules);
        let mut shared = self.shared.lock();
        shared.retain(|_, one| one.settings.strong_count() > 0);
        shared.insert(digest, Shared::of(&held));
        Ok(held)
    }

    fn customizations_of(&self, settings: &TargetSettings) -> Result<Customizations, serde_json::Error> {
        let bytes = settings.customizations.and_then(|digest| self.get(&digest));
        bytes.map_or_else(|| Ok(Customizations::default()), |bytes| Customizations::from_bytes(&bytes))
    }

    /// The content that settings name, where they name one.
    pub fn named_by(&self, settings: &Digest) -> Option<Digest> {
        TargetSettings::from_bytes(&self.get(settings)?).ok()?.customizations
    }

    /// What the manifests of a bundle say of themselves. Most say nothing, and are not parsed for it.
    fn traits_of(&self, bundle: &Bundle) -> TraitsMap {
        let mut traits = TraitsMap::default();
        for entry in &bundle.entries {
            let Some(bytes) = self.get(&entry.digest) else { continue };
            let speaks = entry.key.kind == "CustomResourceDefinition"
                || std::str::from_utf8(&bytes).is_ok_and(|text| SPEAKING.iter().any(|word| text.contains(word)));
            if speaks && let Ok(manifest) = windlass_domain::canonical::read(&bytes) {
                traits.insert(entry.digest, windlass_domain::traits::of(&manifest.value));
            }
        }
        traits
    }

    /// Forgets staged contents that are durable now.
    pub fn unstage(&mut self, complete: &Complete) {
        for digest in complete.members() {
            if let Some(bytes) = self.staged.remove(&digest) {
                self.staged_bytes -= bytes.len();
            }
        }
    }

    /// What is staged of a bundle, as changes.
    pub fn staged_of(&self, complete: &Complete) -> Vec<(String, Option<Bytes>)> {
        complete.members().filter_map(|d| self.staged.get(&d).map(|bytes| (name(&d), Some(bytes.clone())))).collect()
    }

    /// These removals are on their way: what comes to be wanted again meanwhile is fetched again.
    pub fn doom(&mut self, removals: &[(String, Option<Bytes>)]) {
        self.doomed = removals.iter().map(|(name, _)| name.clone()).collect();
    }

    /// They are over, one way or the other.
    pub fn undoom(&mut self) {
        self.doomed.clear();
    }

    /// The durable contents that `keep` does not name, as removals.
    pub fn garbage(&self, keep: &BTreeSet<Digest>) -> Vec<(String, Option<Bytes>)> {
        let kept: BTreeSet<String> = keep.iter().map(name).collect();
        let all = self.durable.names("content/").into_iter();
        all.filter(|name| !kept.contains(name)).map(|name| (name, None)).collect()
    }
}

// === impl Shared ===

impl Shared {
    fn of((settings, customizations, rules): &Held) -> Self {
        let (settings, customizations) = (Arc::downgrade(settings), Arc::downgrade(customizations));
        Self { settings, customizations, rules: Arc::downgrade(rules) }
    }

    fn hold(&self) -> Option<Held> {
        Some((self.settings.upgrade()?, self.customizations.upgrade()?, self.rules.upgrade()?))
    }
}

fn name(digest: &Digest) -> String {
    format!("content/{digest}")
}
