//! An inventory that was lost with the state directory is rebuilt from the cluster: what carries our label, our installation and a target's name is that target's.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::inventory::InventoryEntry;
use windlass_domain::live::LiveObject;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::ownership::MANAGED;

use super::engine::Engine;
use crate::observe::client::{Error, METADATA_LIST};
use crate::observe::page::Page;
use crate::observe::{Cluster, path, slim};

/// How long a sweep that failed waits.
const AGAIN: Duration = Duration::from_secs(60);
/// Objects asked for at once.
const PAGE: usize = 500;

/// An object that carries our label.
pub struct Managed {
    key: ResourceKey,
    api_version: String,
    live: LiveObject,
}

/// Every object with our label, whoever's it is: one LIST of metadata for each kind that is served.
///
/// # Errors
/// Any kind that may hold some and was not answered for. One that the agent may not list holds none: it could not have been kept.
pub async fn sweep(cluster: &Cluster, discovery: &Discovery) -> Result<Vec<Managed>, String> {
    if let Some(group) = discovery.failed_groups.first() {
        return Err(format!("the discovery of API group {group} fails"));
    }
    let resources = discovery.resources().iter();
    let kinds: BTreeMap<(&str, &str), &ApiResource> =
        resources.map(|resource| ((resource.group.as_str(), resource.kind.as_str()), resource)).collect();
    let mut found = Vec::new();
    for resource in kinds.into_values() {
        let listed = list(cluster, resource, &mut found).await;
        listed.or_else(|error| {
            if is_not_ours_to_list(&error) { Ok(()) } else { Err(format!("{}: {error}", resource.kind)) }
        })?;
    }
    Ok(found)
}

async fn list(cluster: &Cluster, resource: &ApiResource, found: &mut Vec<Managed>) -> Result<(), Error> {
    let api_version = resource.api_version();
    let mut from = String::new();
    loop {
        let mut at = format!("{}?labelSelector={MANAGED}%3Dtrue&limit={PAGE}", path::collection(resource, None));
        if !from.is_empty() {
            at.push_str("&continue=");
            path::push_segment(&mut at, &from);
        }
        let page: Page<Value> = cluster.get(&at, METADATA_LIST).await?;
        found.extend(page.items().iter().map(|object| Managed {
            key: resource.key_of(object),
            api_version: api_version.clone(),
            live: slim::metadata(object),
        }));
        page.next().clone_into(&mut from);
        if from.is_empty() {
            return Ok(());
        }
    }
}

fn is_not_ours_to_list(error: &Error) -> bool {
    error.refused().is_some_and(|refusal| matches!(refusal.code, 403..=405))
}

impl Engine {
    /// Has the cluster swept when some target's inventory is lost; one sweep serves all of them.
    pub(super) fn recover(&mut self) {
        let now = self.parts.clock.now();
        let lost = |target: &mut super::target::Target, at| target.wake(at);
        match self.recover_at {
            // Under way.
            Some(None) => {}
            Some(Some(at)) if now < at => {
                self.targets.values_mut().filter(|target| target.record.lost).for_each(|target| lost(target, at));
            }
            _ => {
                self.recover_at = Some(None);
                self.parts.executor.sweep(self.parts.discovery.clone());
            }
        }
    }

    /// The answer to a sweep.
    pub(super) fn recovered(&mut self, found: Result<Vec<Managed>, String>) {
        let lost: Vec<_> = self.targets.iter().filter(|(_, t)| t.record.lost).map(|(uid, _)| *uid).collect();
        self.dirty.extend(&lost);
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(error, "the inventory could not be rebuilt; it is tried again");
                self.recover_at = Some(Some(self.parts.clock.now() + AGAIN));
                return;
            }
        };
        self.recover_at = None;
        for application in lost {
            let Some(target) = self.targets.get_mut(&application) else { continue };
            let owner = target.owner(&self.parts.installation);
            let ours = found.iter().filter(|managed| owner.owns(&managed.key, &managed.live, None));
            let before = target.inventory.entries.len();
            for managed in ours {
                let entry = InventoryEntry { api_version: managed.api_version.clone(), ..InventoryEntry::default() };
                target.inventory.entries.entry(managed.key.clone()).or_insert(entry);
            }
            let found = target.inventory.entries.len() - before;
            tracing::info!(application = %target.name(), found, "the inventory was rebuilt from the cluster");
            target.record.lost = false;
            target.unwritten.get_or_insert_default();
            self.update_interest(application);
        }
        self.rewatch();
    }
}
