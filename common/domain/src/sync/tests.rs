use super::*;

mod options;
mod order;
mod rules;

use crate::bundle::BundleEntry;
use crate::discovery::ApiResource;
use crate::inventory::InventoryEntry;
use crate::name::ApplicationName;
use crate::sync::plan::{Intent, Verb, plan};
use crate::target::Removing;

fn all() -> Intent {
    Intent { prune: true, ..Intent::default() }
}

/// One target: git has `web` (a Deployment) and `settings` (a ConfigMap).
struct World {
    bundle: Bundle,
    settings: TargetSettings,
    owner: Owner,
    discovery: Discovery,
    live: LiveState,
    inventory: Inventory,
    approval: Option<Approval>,
    adoption: Option<Adoption>,
    traits: TraitsMap,
    confirmed: bool,
}

fn key(kind: &str, name: &str) -> ResourceKey {
    let group = if kind == "Deployment" { "apps" } else { "" };
    ResourceKey { group: group.into(), kind: kind.into(), namespace: "shop".into(), name: name.into() }
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// One of our own.
fn ours(kind: &str, name: &str) -> LiveObject {
    let key = key(kind, name);
    LiveObject {
        uid: "uid".into(),
        tracking_id: Some(format!("web:{}/{kind}:shop/{name}", key.group)),
        installation_id: Some("here".into()),
        ..LiveObject::default()
    }
}

fn removing(cascade: crate::application::Cascade) -> Removing {
    let name = ApplicationName::new("", "web").expect("a name");
    Removing {
        application: uuid::Uuid::nil(),
        name,
        cascade,
        by: "ann".into(),
        unasked: false,
        deletion_confirmed: false,
        confirm: false,
        paused: None,
    }
}

fn removal_plan(world: &World, removing: &Removing) -> SyncPlan {
    let World { inventory, live, owner, discovery, traits, .. } = world;
    plan_removal(&RemovalFacts {
        inventory,
        live,
        owner,
        discovery,
        removing,
        bundle: None,
        traits,
        run: "op-0",
        fence: None,
        passed: None,
    })
}

fn present(kind: &str, name: &str, drift: Drift) -> Observed {
    Observed::Present(LiveObject { drift, ..ours(kind, name) })
}

impl World {
    fn new() -> Self {
        let entry = |kind: &str, name: &str| BundleEntry {
            key: ResourceKey { namespace: String::new(), ..key(kind, name) },
            api_version: if kind == "Deployment" { "apps/v1" } else { "v1" }.into(),
            digest: digest(name),
        };
        let resource = |group: &str, kind: &str, namespaced| ApiResource {
            group: group.into(),
            version: "v1".into(),
            kind: kind.into(),
            plural: format!("{}s", kind.to_lowercase()),
            namespaced,
        };
        let served = vec![
            resource("apps", "Deployment", true),
            resource("", "ConfigMap", true),
            resource("", "Namespace", false),
        ];
        Self {
            bundle: Bundle::new(vec![entry("Deployment", "web"), entry("ConfigMap", "settings")], true),
            settings: TargetSettings { automated: true, prune: true, self_heal: true, ..TargetSettings::default() },
            owner: Owner {
                installation: "here".into(),
                application: ApplicationName::new("", "web").expect("a name"),
                default_namespace: "shop".into(),
            },
            discovery: Discovery::new(served, vec![]),
            live: LiveState::default(),
            inventory: Inventory::default(),
            approval: None,
            adoption: None,
            traits: TraitsMap::default(),
            confirmed: false,
        }
    }

    /// Everything applied, nothing changed since.
    fn settled() -> Self {
        let mut world = Self::new();
        for (kind, name) in [("Deployment", "web"), ("ConfigMap", "settings")] {
            world.own(kind, name, name);
            world.live.set(key(kind, name), present(kind, name, Drift::None));
        }
        world
    }

    fn own(&mut self, kind: &str, name: &str, applied: &str) {
        let api_version = if kind == "Deployment" { "apps/v1" } else { "v1" }.into();
        let entry = InventoryEntry { api_version, digest: Some(digest(applied)), baseline: None };
        self.inventory.entries.insert(key(kind, name), entry);
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            bundle: &self.bundle,
            bundle_digest: self.bundle.digest(),
            settings: &self.settings,
            approval: self.approval.as_ref(),
            adoption: self.adoption.as_ref(),
            owner: &self.owner,
            discovery: &self.discovery,
            live: &self.live,
            inventory: &self.inventory,
            traits: &self.traits,
            deletion_confirmed: self.confirmed,
        }
    }

    fn state(&self, kind: &str, name: &str) -> ObjectState {
        assess(&self.facts()).objects.remove(&key(kind, name)).map(|s| s.state).expect("assessed")
    }

    fn verbs(&self, intent: &Intent) -> Vec<String> {
        let (_, plan) = plan(&self.facts(), intent);
        let verb = |v: &Verb| match v {
            Verb::EnsureNamespace => "ensure",
            Verb::Apply { adopt: true, .. } => "adopt",
            Verb::Apply { .. } => "apply",
            Verb::Create { .. } => "create",
            Verb::Await => "await",
            Verb::RunHook { .. } => "run",
            Verb::Delete { .. } => "delete",
            Verb::Forget => "forget",
        };
        plan.actions.iter().map(|a| format!("{} {}", verb(&a.verb), a.key.name)).collect()
    }
}

#[test]
fn a_settled_target_is_synced_and_plans_nothing() {
    let world = World::settled();
    let assessment = assess(&world.facts());
    assert_eq!(assessment.sync(), SyncStatus::Synced);
    assert!(assessment.needs.is_empty() && assessment.hold.is_none());
    assert!(world.verbs(&all()).is_empty());
}

#[test]
fn a_new_target_looks_first_then_applies_in_the_order_of_kinds() {
    let mut world = World::new();
    assert_eq!(assess(&world.facts()).needs.len(), 2, "nothing is written to what was never looked at");
    assert!(world.verbs(&all()).is_empty());
    world.live.set(key("Deployment", "web"), Observed::Absent);
    world.live.set(key("ConfigMap", "settings"), Observed::Absent);
    assert_eq!(world.verbs(&all()), ["apply settings", "apply web"]);
    world.settings.create_namespace = true;
    assert_eq!(world.verbs(&all()), ["ensure shop", "apply settings", "apply web"]);
}

#[test]
fn drift_is_healed_and_a_commit_is_not_healing() {
    let mut world = World::settled();
    world
        .live
        .set(key("Deployment", "web"), present("Deployment", "web", Drift::Drifted(vec!["spec.replicas".into()])));
    world.own("ConfigMap", "settings", "an older manifest");
    assert_eq!(world.verbs(&Intent { heal_only: true, ..Intent::default() }), ["apply web"]);
    assert_eq!(world.verbs(&all()), ["apply settings", "apply web"]);
    let statuses = assess(&world.facts()).statuses();
    assert!(statuses.iter().any(|s| s.message == "changed in the cluster: spec.replicas"));
}

#[test]
fn a_watch_that_is_not_live_decides_nothing() {
    let mut world = World::settled();
    world.live.set(key("Deployment", "web"), Observed::Unknown("the apiserver does not answer".into()));
    world.own("ConfigMap", "old", "old");
    assert_eq!(assess(&world.facts()).sync(), SyncStatus::Unknown);
    assert!(world.verbs(&all()).is_empty(), "neither applied nor deleted");
}

#[test]
fn what_left_git_is_deleted_once_it_is_known_and_not_held() {
    let mut world = World::settled();
    world.own("ConfigMap", "old", "old");
    assert_eq!(assess(&world.facts()).needs.len(), 1, "never seen: looked at");
    world.live.set(key("ConfigMap", "old"), present("ConfigMap", "old", Drift::None));
    assert_eq!(world.state("ConfigMap", "old"), ObjectState::Extra("uid".into()));
    assert_eq!(world.verbs(&all()), ["delete old"]);
    assert!(world.verbs(&Intent::default()).is_empty());
    world.live.set(key("ConfigMap", "old"), Observed::Absent);
    assert_eq!(world.verbs(&all()), ["forget old"]);
}

#[test]
fn an_empty_render_deletes_nothing_until_exactly_that_set_is_approved() {
    let mut world = World::settled();
    world.bundle = Bundle::new(vec![], true);
    let hold = assess(&world.facts()).hold.expect("held");
    assert!(world.verbs(&all()).is_empty());
    let approval = |set, bundle| Some(Approval { bundle, set, by: "ann".into() });
    world.approval = approval(digest("another set"), world.bundle.digest());
    assert!(world.verbs(&all()).is_empty());
    world.approval = approval(hold.set, digest("another bundle"));
    assert!(world.verbs(&all()).is_empty());
    world.approval = approval(hold.set, world.bundle.digest());
    assert_eq!(world.verbs(&all()), ["delete web", "delete settings"], "last kinds first");
    world.bundle.complete = false;
    world.approval = approval(hold.set, world.bundle.digest());
    assert!(world.verbs(&all()).is_empty(), "an incomplete render is never pruned for");
}

#[test]
fn somebody_elses_object_is_left_alone_until_adopted() {
    let mut world = World::settled();
    world.inventory.entries.remove(&key("Deployment", "web"));
    let argo = LiveObject {
        uid: "uid".into(),
        tracking_id: Some("web:apps/Deployment:shop/web".into()),
        ..LiveObject::default()
    };
    world.live.set(key("Deployment", "web"), Observed::Present(argo));
    assert!(matches!(world.state("Deployment", "web"), ObjectState::Refused(owner) if owner.contains("Argo CD")));
    assert!(world.verbs(&all()).is_empty());
    world.adoption = Some(Adoption { keys: vec![key("Deployment", "web")], by: "ann".into() });
    assert_eq!(world.verbs(&all()), ["adopt web"]);
}

#[test]
fn a_manual_target_is_compared_by_one_dry_run() {
    let mut world = World::settled();
    world.settings = TargetSettings::default();
    world.own("ConfigMap", "settings", "an older manifest");
    let need = Need::DryRun { key: key("ConfigMap", "settings"), digest: digest("settings"), uid: "uid".into() };
    assert_eq!(assess(&world.facts()).needs, [need]);
    let answers = [
        (DryRun::Same, SyncStatus::Synced),
        (DryRun::Differs, SyncStatus::OutOfSync),
        (DryRun::Impossible("no dry run".into()), SyncStatus::Unknown),
    ];
    for (answer, want) in answers {
        world.live.dry_runs.insert((digest("settings"), "uid".into()), answer);
        assert_eq!(assess(&world.facts()).sync(), want);
        assert!(assess(&world.facts()).needs.is_empty());
    }
}

#[test]
fn a_kind_that_is_not_served_is_missing_and_never_pruned() {
    let mut world = World::settled();
    world.discovery =
        Discovery::new(vec![world.discovery.find_kind("", "ConfigMap").cloned().expect("served")], vec!["apps".into()]);
    world.own("Deployment", "old", "old");
    assert_eq!(world.state("Deployment", "web"), ObjectState::NotServed);
    assert!(matches!(world.state("Deployment", "old"), ObjectState::Unknown(_)));
}

#[test]
fn a_removal_takes_what_is_ours_and_waits_for_what_is_not_known() {
    let mut world = World::settled();
    world.own("ConfigMap", "unseen", "x");
    let removal = |cascade| removal_plan(&world, &removing(cascade));
    let plan = removal(crate::application::Cascade::Background);
    let names: Vec<&str> = plan.actions.iter().map(|a| a.key.name.as_str()).collect();
    assert_eq!(names, ["web", "settings"]);
    assert_eq!(plan.skipped.len(), 1);
    let plan = removal(crate::application::Cascade::Orphan);
    assert!(plan.actions.iter().all(|a| a.verb == Verb::Forget) && plan.actions.len() == 3);
}

#[test]
fn what_asks_to_be_kept_is_kept() {
    let mut world = World::settled();
    world.own("ConfigMap", "old", "old");
    let kept = |prune: Option<&str>, delete: Option<&str>| {
        Observed::Present(LiveObject {
            kept_on_prune: prune.map(|option: &str| Keep::Kept(option.into())),
            kept_on_delete: delete.map(|option: &str| Keep::Kept(option.into())),
            ..ours("ConfigMap", "old")
        })
    };
    world.live.set(key("ConfigMap", "old"), kept(Some("Prune=false"), None));
    assert!(world.verbs(&all()).is_empty());
    assert_eq!(assess(&world.facts()).sync(), SyncStatus::OutOfSync);
    world.live.set(key("ConfigMap", "old"), kept(None, None));
    world.settings.keep = true;
    assert!(world.verbs(&all()).is_empty(), "the application asks for all of them");
    world.settings.keep = false;
    world.live.set(key("ConfigMap", "old"), kept(None, Some("Delete=false")));
    assert_eq!(world.verbs(&all()), ["delete old"], "leaving git is not deleting the application");
    let plan = removal_plan(&world, &removing(crate::application::Cascade::Foreground));
    let of_old = plan.actions.iter().find(|a| a.key.name == "old").map(|a| a.verb.clone());
    assert_eq!(of_old, Some(Verb::Forget));
}

#[test]
fn what_was_named_and_never_applied_is_not_ours_to_delete() {
    let mut world = World::settled();
    world
        .inventory
        .entries
        .insert(key("ConfigMap", "theirs"), InventoryEntry { api_version: "v1".into(), ..Default::default() });
    let theirs = LiveObject { uid: "uid".into(), ..LiveObject::default() };
    world.live.set(key("ConfigMap", "theirs"), Observed::Present(theirs));
    assert_eq!(world.verbs(&all()), ["forget theirs"]);
    let plan = removal_plan(&world, &removing(crate::application::Cascade::Foreground));
    let of_theirs = plan.actions.iter().find(|a| a.key.name == "theirs").map(|a| a.verb.clone());
    assert_eq!(of_theirs, Some(Verb::Forget));
}

#[test]
fn a_kind_that_is_gone_does_not_hold_up_a_removal_unless_its_discovery_failed() {
    let mut world = World::settled();
    let config_map = world.discovery.find_kind("", "ConfigMap").cloned().expect("served");
    let verbs = |world: &World| {
        let plan = removal_plan(world, &removing(crate::application::Cascade::Foreground));
        (plan.actions.iter().filter(|a| a.verb == Verb::Forget).count(), plan.skipped.len())
    };
    world.discovery = Discovery::new(vec![config_map.clone()], vec![]);
    assert_eq!(verbs(&world), (1, 0));
    world.discovery = Discovery::new(vec![config_map], vec!["apps".into()]);
    assert_eq!(verbs(&world), (0, 1));
}

#[test]
fn an_object_that_was_taken_over_is_not_fought_for() {
    let mut world = World::settled();
    let taken = LiveObject {
        installation_id: Some("there".into()),
        drift: Drift::Drifted(vec![]),
        ..ours("ConfigMap", "settings")
    };
    world.live.set(key("ConfigMap", "settings"), Observed::Present(taken));
    assert!(matches!(world.state("ConfigMap", "settings"), ObjectState::Refused(_)));
    assert!(world.verbs(&Intent { heal_only: true, ..all() }).is_empty());
}

#[test]
fn an_object_whose_kind_is_not_served_yet_waits_without_an_apply() {
    let mut world = World::new();
    world.discovery = Discovery::default();
    let (_, plan) = plan(&world.facts(), &all());
    assert!(plan.actions.is_empty());
    assert!(plan.skipped.iter().all(|(_, why)| why.contains("CustomResourceDefinition")) && plan.skipped.len() == 2);
}

#[test]
fn a_removal_that_nobody_asked_for_leaves_what_takes_others_along() {
    let mut world = World::settled();
    let namespace =
        ResourceKey { group: String::new(), kind: "Namespace".into(), namespace: String::new(), name: "shop".into() };
    let entry = InventoryEntry { api_version: "v1".into(), digest: Some(digest("ns")), baseline: None };
    world.inventory.entries.insert(namespace.clone(), entry);
    let marks = LiveObject { tracking_id: Some("web:/Namespace:shop/shop".into()), ..ours("Namespace", "shop") };
    world.live.set(namespace, Observed::Present(marks));
    let asked = removing(crate::application::Cascade::Foreground);
    let verb = |removing: &Removing| {
        let plan = removal_plan(&world, removing);
        plan.actions.iter().find(|a| a.key.kind == "Namespace").map(|a| a.verb.clone())
    };
    assert!(matches!(verb(&asked), Some(Verb::Delete { .. })));
    assert_eq!(verb(&Removing { unasked: true, ..asked }), Some(Verb::Forget));
}
