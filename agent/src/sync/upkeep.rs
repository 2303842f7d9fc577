//! What follows from all targets together: which kinds are watched, and which contents and records nobody names any more.

use std::collections::BTreeSet;

use bytes::Bytes;
use windlass_domain::bundle::{Bundle, BundleEntry};
use windlass_domain::digest::Digest;
use windlass_domain::discovery::ApiResource;
use windlass_domain::target::TargetRow;

use super::engine::Engine;
use super::target::{inventory_name, record_name};

/// Operations between two collections of contents that nobody names any more, or as many as there are targets: a collection looks at all of them.
const COLLECT_EVERY: usize = 32;

impl Engine {
    /// What is watched is decided anew: a target came, went or was rebuilt.
    pub(super) fn rewatch(&mut self) {
        self.watched_kinds = None;
    }

    /// A bundle became some target's desired one: where it names a kind that none named before, what is watched is decided anew.
    pub(super) fn rewatch_for(&mut self, bundle: &Bundle) {
        let Some(kinds) = &self.watched_kinds else { return };
        let is_known = |entry: &BundleEntry| kinds.contains(&(entry.api_version.clone(), entry.key.kind.clone()));
        if !bundle.entries.iter().all(is_known) {
            self.watched_kinds = None;
        }
    }

    /// Watches every kind that some target names or owns and that is served, where that is not done already.
    pub(super) fn ensure_watches(&mut self) {
        if self.watched_kinds.is_some() {
            return;
        }
        let mut kinds: BTreeSet<(&str, &str)> = BTreeSet::new();
        for target in self.targets.values() {
            let running = target.running.as_ref().and_then(|running| running.to.as_ref());
            let bundles = target.desired.iter().chain(running);
            let named = bundles.flat_map(|d| d.bundle.entries.iter().map(|e| (&e.api_version, &e.key)));
            let owned = target.inventory.entries.iter().map(|(key, entry)| (&entry.api_version, key));
            kinds.extend(named.chain(owned).map(|(api_version, key)| (api_version.as_str(), key.kind.as_str())));
        }
        let find = |(version, kind): &(&str, &str)| self.parts.discovery.find(version, kind).cloned();
        let resources: BTreeSet<ApiResource> = kinds.iter().filter_map(find).collect();
        self.parts.watches.ensure(&resources);
        self.watched_kinds =
            Some(kinds.into_iter().map(|(version, kind)| (version.to_owned(), kind.to_owned())).collect());
    }

    /// Every content that some target's row, desired or synced bundle names.
    pub(super) fn referenced(&self) -> BTreeSet<Digest> {
        let (mut keep, mut bundles) = (BTreeSet::new(), BTreeSet::new());
        for target in self.targets.values() {
            if let TargetRow::Present(spec) = &target.row {
                bundles.insert(spec.bundle);
                keep.insert(spec.settings);
            }
            let running = target.record.running.iter().filter_map(|running| running.to());
            for (bundle, settings, _) in target.record.kept_bundles().chain(running) {
                bundles.insert(*bundle);
                keep.insert(*settings);
            }
        }
        let named: Vec<Digest> = keep.iter().filter_map(|settings| self.contents.named_by(settings)).collect();
        keep.extend(named);
        keep.extend(bundles.iter().flat_map(|bundle| self.members(*bundle)));
        keep.extend(bundles);
        keep
    }

    /// Now and then, and after the first operation of a process: contents of earlier bundles go.
    pub(super) fn collect(&mut self) {
        self.operations = self.operations.saturating_add(1);
        if self.operations >= COLLECT_EVERY.max(self.targets.len()) {
            self.operations = 0;
            self.keeper.collect();
            self.rewatch();
        }
    }

    /// Records of targets whose row is gone: what a crash in the middle of a removal left.
    pub(super) fn orphans(&self) -> impl Iterator<Item = (String, Option<Bytes>)> {
        let known: BTreeSet<String> =
            self.targets.keys().flat_map(|uid| [record_name(*uid), inventory_name(*uid)]).collect();
        let durable = &self.parts.durable;
        let records = durable.names("target/").into_iter().chain(durable.names("inventory/"));
        records.filter(move |name| !known.contains(name)).map(|name| (name, None))
    }

    /// What a bundle lists; nothing where its own content is lost: the hub is asked for all of it.
    fn members(&self, bundle: Digest) -> Vec<Digest> {
        let bundle = self.contents.get(&bundle).and_then(|bytes| Bundle::from_bytes(&bytes).ok());
        bundle.map(|bundle| bundle.entries.iter().map(|e| e.digest).collect()).unwrap_or_default()
    }
}
