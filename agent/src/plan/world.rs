//! What a decision looks at, made of files.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass_domain::application::{Application, ApplicationSpec, Metadata, Origin, SyncPolicy};
use windlass_domain::bundle::{Bundle, BundleEntry};
use windlass_domain::canonical::canonicalize;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_domain::inventory::{Inventory, InventoryEntry};
use windlass_domain::live::{Drift, LiveState, Observed};
use windlass_domain::manifest::{Manifest, ResourceKey, annotation};
use windlass_domain::name::ApplicationName;
use windlass_domain::ownership::{INSTALLATION_ID, Owner, TRACKING_ID};
use windlass_domain::sync::{Assessment, Facts, Intent, SyncPlan, plan};
use windlass_domain::target::{OperationOptions, TargetSettings};
use windlass_domain::time::Timestamp;
use windlass_domain::traits::{self, TraitsMap};

use super::{Error, Given, PlanArgs, scope};
use crate::observe::slim;

/// One target, its application and its cluster.
pub(super) struct World {
    bundle: Bundle,
    settings: TargetSettings,
    owner: Owner,
    discovery: Discovery,
    live: LiveState,
    inventory: Inventory,
    traits: TraitsMap,
}

// === impl World ===

impl World {
    /// What the files say. The last of several manifests of one object counts, as in a render.
    pub(super) fn of(args: &PlanArgs, desired: &[Given], live: Vec<Given>) -> Result<Self, Error> {
        let mut manifests: BTreeMap<ResourceKey, Manifest> = BTreeMap::new();
        for given in desired {
            let manifest = manifest(given)?;
            manifests.insert(manifest.key.clone(), manifest);
        }
        let discovery = scope::discovery(
            desired.iter().map(|given| &given.object.value),
            live.iter().map(|given| &given.object.value),
        );
        let owner = owner(args, &live)?;
        let mut world = Self {
            bundle: Bundle::new(manifests.values().map(entry).collect(), true),
            settings: settings(args)?,
            owner,
            discovery,
            live: LiveState::default(),
            inventory: Inventory::default(),
            traits: manifests.values().map(|m| (digest(m), traits::of(&m.value))).collect(),
        };
        let mut wanted: BTreeMap<ResourceKey, &Manifest> = BTreeMap::new();
        for manifest in manifests.values() {
            let key = world.scoped(&manifest.api_version, manifest.key.clone());
            world.live.set(key.clone(), Observed::Absent);
            wanted.insert(key, manifest);
        }
        for given in live {
            world.has(&given, &wanted)?;
        }
        Ok(world)
    }

    pub(super) fn plan(&self, args: &PlanArgs) -> (Assessment, SyncPlan) {
        let Self { bundle, settings, owner, discovery, live, inventory, traits } = self;
        let facts = Facts {
            bundle,
            bundle_digest: bundle.digest(),
            settings,
            approval: None,
            adoption: None,
            owner,
            discovery,
            live,
            inventory,
            traits,
            deletion_confirmed: false,
        };
        let options = OperationOptions {
            resources: args.resources.clone(),
            apply_only: args.apply_only,
            ..OperationOptions::default()
        };
        let intent = Intent { prune: args.prune, heal_only: false, manual: true, run: "0".repeat(10), options };
        plan(&facts, &intent)
    }

    fn scoped(&self, api_version: &str, key: ResourceKey) -> ResourceKey {
        let served =
            self.discovery.find(api_version, &key.kind).or_else(|| self.discovery.find_kind(&key.group, &key.kind));
        key.in_namespace(&self.owner.default_namespace, served.is_none_or(|resource| resource.namespaced))
    }

    /// An object that the cluster has.
    fn has(&mut self, given: &Given, wanted: &BTreeMap<ResourceKey, &Manifest>) -> Result<(), Error> {
        let live = manifest(given)?;
        let key = self.scoped(&live.api_version, live.key.clone());
        let mut object = slim::live_object(&given.object.value, None);
        if object.uid.is_empty() {
            object.uid = format!("uid of {key}");
        }
        if object.tracking_id.is_none() {
            // Without marks it is taken for the application's: that is what --live was given for.
            object.tracking_id = Some(self.owner.tracking_id(&key));
            object.installation_id = Some(self.owner.installation.clone());
        }
        let desired = wanted.get(&key);
        let same = desired.is_some_and(|manifest| stands_in(&manifest.value, &live.value));
        object.drift = if same { Drift::None } else { Drift::NoBaseline };
        let applied = if same { desired.map(|manifest| digest(manifest)) } else { Some(digest(&live)) };
        let entry = InventoryEntry { api_version: live.api_version, digest: applied, baseline: None };
        self.inventory.entries.insert(key.clone(), entry);
        self.live.set(key, Observed::Present(object));
        Ok(())
    }
}

fn manifest(given: &Given) -> Result<Manifest, Error> {
    canonicalize(given.object.value.clone()).map_err(|error| Error::Object {
        file: given.file.clone(),
        line: given.object.line,
        problem: error.to_string(),
    })
}

fn digest(manifest: &Manifest) -> Digest {
    Digest::of(&manifest.to_bytes())
}

fn entry(manifest: &Manifest) -> BundleEntry {
    BundleEntry { key: manifest.key.clone(), api_version: manifest.api_version.clone(), digest: digest(manifest) }
}

/// Whether everything that git names stands in the live object. Lists are compared by their elements' places.
fn stands_in(desired: &Value, live: &Value) -> bool {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => {
            desired.iter().all(|(name, value)| live.get(name).is_some_and(|live| stands_in(value, live)))
        }
        (Value::Array(desired), Value::Array(live)) => {
            desired.len() == live.len() && desired.iter().zip(live).all(|(desired, live)| stands_in(desired, live))
        }
        (desired, live) => desired == live,
    }
}

/// Who we are: the application as it was named, or as the first mark names it.
fn owner(args: &PlanArgs, live: &[Given]) -> Result<Owner, Error> {
    let marked = |given: &Given| {
        let value = &given.object.value;
        let application = annotation(value, TRACKING_ID)?.split(':').next()?.to_owned();
        Some((application, annotation(value, INSTALLATION_ID)?.to_owned()))
    };
    let mut marks = live.iter().filter_map(marked);
    let named = args.application.as_deref();
    let found = marks.find(|(application, _)| named.is_none_or(|named| named == application));
    let name = named.map(str::to_owned).or_else(|| found.as_ref().map(|(name, _)| name.clone()));
    let name = name.unwrap_or_else(|| "application".to_owned());
    let application = ApplicationName::new("", &name)
        .map_err(|error| Error::Argument { argument: "--application", problem: error.to_string() })?;
    let installation = found.map_or_else(|| "this installation".to_owned(), |(_, installation)| installation);
    Ok(Owner { installation, application, default_namespace: args.namespace.clone() })
}

fn settings(args: &PlanArgs) -> Result<TargetSettings, Error> {
    if let Some(option) = args.sync_options.iter().find(|option| !option.contains('=')) {
        return Err(Error::Argument { argument: "--sync-option", problem: format!("{option:?} is not NAME=VALUE") });
    }
    let policy = SyncPolicy { sync_options: args.sync_options.clone(), ..SyncPolicy::default() };
    let application = Application {
        uid: uuid::Uuid::nil(),
        name: ApplicationName::new("", "application")
            .map_err(|error| Error::Argument { argument: "--application", problem: error.to_string() })?,
        metadata: Metadata::default(),
        spec: ApplicationSpec { sync_policy: Some(policy), ..ApplicationSpec::default() },
        origin: Origin::Api,
        created_at: Timestamp::UNIX_EPOCH,
        deletion: None,
        revision: 0,
    };
    // An automated target applies what differs without a dry run: here there is nobody who could answer one.
    Ok(TargetSettings { automated: true, prune: args.prune, ..TargetSettings::of(&application) })
}
