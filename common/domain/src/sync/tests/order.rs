//! The order of a plan: phases, waves, kinds, names, and what is moved before its dependants.

use serde_json::{Value, json};

use super::*;
use crate::canonical::canonicalize;
use crate::hook::{HELM_HOOK, HELM_WEIGHT, HOOK};
use crate::traits::WAVE;

/// `Kind name`, or `Kind namespace/name`, with annotations.
fn object(what: &str, annotations: &[(&str, &str)]) -> Value {
    let (kind, name) = what.split_once(' ').expect("a kind and a name");
    let api_version = match kind {
        "Deployment" => "apps/v1",
        "Job" => "batch/v1",
        "CustomResourceDefinition" => "apiextensions.k8s.io/v1",
        "Widget" => "example.com/v1",
        _ => "v1",
    };
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {}});
    match name.split_once('/') {
        Some((namespace, name)) => object["metadata"] = json!({"namespace": namespace, "name": name}),
        None => object["metadata"]["name"] = json!(name),
    }
    if kind == "CustomResourceDefinition" {
        object["spec"] = json!({"group": "example.com", "names": {"kind": "Widget"}, "scope": "Cluster"});
    }
    for (annotation, value) in annotations {
        object["metadata"]["annotations"][*annotation] = json!(value);
    }
    object
}

/// A world whose git has these objects and whose cluster has nothing.
pub(super) fn git(objects: &[Value]) -> World {
    let mut world = World::new();
    let manifests: Vec<_> = objects.iter().map(|object| canonicalize(object.clone()).expect("a manifest")).collect();
    let entries = manifests.iter().map(|manifest| BundleEntry {
        key: manifest.key.clone(),
        api_version: manifest.api_version.clone(),
        digest: Digest::of(&manifest.to_bytes()),
    });
    world.bundle = Bundle::new(entries.collect(), true);
    world.traits = manifests.iter().map(|m| (Digest::of(&m.to_bytes()), crate::traits::of(&m.value))).collect();
    let resource = |group: &str, kind: &str, namespaced| ApiResource {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
        plural: kind.to_lowercase(),
        namespaced,
    };
    world.discovery = Discovery::new(
        vec![
            resource("", "Namespace", false),
            resource("", "ConfigMap", true),
            resource("", "Service", true),
            resource("apps", "Deployment", true),
            resource("batch", "Job", true),
            resource("apiextensions.k8s.io", "CustomResourceDefinition", false),
        ],
        vec![],
    );
    for entry in world.bundle.entries.clone() {
        let namespaced = entry.key.kind != "Namespace" && entry.key.kind != "CustomResourceDefinition";
        world.live.set(entry.key.in_namespace("shop", namespaced), Observed::Absent);
    }
    world
}

/// `phase wave group verb name` of each action.
pub(super) fn lines(world: &World, intent: &Intent) -> Vec<String> {
    let (_, plan) = plan(&world.facts(), intent);
    let line = |action: &SyncAction| {
        let verb = match action.verb {
            Verb::Apply { .. } => "apply",
            Verb::RunHook { .. } => "run",
            Verb::Delete { .. } => "delete",
            Verb::Await => "await",
            Verb::EnsureNamespace => "ensure",
            Verb::Create { .. } => "create",
            Verb::Forget => "forget",
        };
        format!("{} {} {verb} {}", action.phase, action.wave, action.key.name)
    };
    plan.actions.iter().map(line).collect()
}

#[test]
fn phase_then_wave_then_kind_then_name() {
    let world = git(&[
        object("Deployment web", &[]),
        object("ConfigMap b", &[]),
        object("ConfigMap a", &[]),
        object("ConfigMap early", &[(WAVE, "-1")]),
        object("Service late", &[(WAVE, "2")]),
        object("ConfigMap odd", &[(WAVE, "many"), (HELM_WEIGHT, "1")]),
        object("Job before", &[(HOOK, "PreSync")]),
        object("Job after", &[(HELM_HOOK, "post-install,post-upgrade"), (HELM_WEIGHT, "5")]),
        object("Job both", &[(HOOK, "PreSync, PostSync")]),
        object("Job unlucky", &[(HOOK, "SyncFail")]),
        object("Job never", &[(HOOK, "Skip")]),
        object("Job test", &[(HELM_HOOK, "test")]),
        object("Job leaving", &[(HOOK, "PreDelete")]),
    ]);
    let run = Intent { run: "0123456789".into(), ..all() };
    assert_eq!(
        lines(&world, &run),
        [
            "PreSync 0 run before",
            "PreSync 0 run both",
            "Sync -1 apply early",
            "Sync 0 apply a",
            "Sync 0 apply b",
            "Sync 0 apply web",
            "Sync 1 apply odd",
            "Sync 2 apply late",
            "PostSync 0 run both",
            "PostSync 5 run after",
            "SyncFail 0 run unlucky",
        ]
    );
    let (assessment, plan) = plan(&world.facts(), &run);
    assert!(assessment.objects.keys().all(|key| key.kind != "Job"), "hooks are nobody's state");
    assert!(plan.is_multi_step() && plan.needs_record() && plan.dry_run == DryRunStage::First);
    let marks: Vec<&str> = plan.actions.iter().filter_map(|a| Some(a.hook.as_ref()?.mark.as_str())).collect();
    assert!(marks[0] != marks[1] && marks.iter().all(|mark| mark.starts_with("0123456789-")), "{marks:?}");
}

#[test]
fn a_namespace_and_a_definition_come_before_what_needs_them_and_take_over_its_phase_and_wave() {
    let world = git(&[
        object("Namespace team", &[(WAVE, "3")]),
        object("ConfigMap team/first", &[(WAVE, "1")]),
        object("ConfigMap a", &[(WAVE, "1")]),
        object("CustomResourceDefinition widgets.example.com", &[(WAVE, "5")]),
        object("Widget one", &[(WAVE, "-2")]),
        object("Job team/before", &[(HOOK, "PreSync")]),
    ]);
    assert_eq!(
        lines(&world, &all()),
        [
            "PreSync 0 apply team",
            "PreSync 0 run before",
            "Sync -2 apply widgets.example.com",
            "Sync -2 apply one",
            "Sync 1 apply a",
            "Sync 1 apply first",
        ]
    );
    let (assessment, _) = plan(&world.facts(), &all());
    let widget = assessment.objects.iter().find(|(key, _)| key.kind == "Widget").expect("assessed");
    assert_eq!(
        (widget.1.state.clone(), widget.0.namespace.as_str()),
        (ObjectState::Awaited, ""),
        "scoped by its definition"
    );
}

fn leaving(world: &mut World, name: &str, wave: i32, pruned_last: bool) {
    world.own("ConfigMap", name, name);
    world
        .live
        .set(key("ConfigMap", name), Observed::Present(LiveObject { wave, pruned_last, ..ours("ConfigMap", name) }));
}

#[test]
fn deletions_come_in_mirrored_waves_after_the_applies_of_their_wave() {
    let mut world = git(&[object("ConfigMap a", &[]), object("ConfigMap z", &[(WAVE, "4")])]);
    for (name, wave) in [("old-0", 0), ("old-2", 2), ("old-4", 4)] {
        leaving(&mut world, name, wave, false);
    }
    assert_eq!(
        lines(&world, &all()),
        ["Sync 0 apply a", "Sync 0 delete old-4", "Sync 2 delete old-2", "Sync 4 apply z", "Sync 4 delete old-0"]
    );
    leaving(&mut world, "last", 0, true);
    assert_eq!(lines(&world, &all()).last().map(String::as_str), Some("Sync 5 delete last"), "PruneLast of the object");
    world.settings.prune_last = true;
    assert_eq!(lines(&world, &all())[2..].len(), 4);
    assert!(lines(&world, &all())[2..].iter().all(|line| line.starts_with("Sync 5 delete")), "and of the application");
}

#[test]
fn what_is_as_git_says_is_looked_at_where_a_later_wave_waits_for_it() {
    let mut world = git(&[object("ConfigMap a", &[]), object("ConfigMap b", &[(WAVE, "1")])]);
    let synced = world.bundle.entries[0].digest;
    let entry = InventoryEntry { api_version: "v1".into(), digest: Some(synced), baseline: None };
    world.inventory.entries.insert(key("ConfigMap", "a"), entry);
    world.live.set(key("ConfigMap", "a"), present("ConfigMap", "a", Drift::None));
    assert_eq!(lines(&world, &all()), ["Sync 0 await a", "Sync 1 apply b"]);
    assert_eq!(
        lines(&world, &Intent { heal_only: true, ..all() }),
        ["Sync 1 apply b"],
        "a heal looks after what it heals"
    );
    world.settings.observe = true;
    assert!(lines(&world, &all()).is_empty(), "observed, never written");
}

#[test]
fn a_removal_runs_its_hooks_and_goes_wave_by_wave_backwards() {
    let world = {
        let mut world = git(&[
            object("Job before", &[(HOOK, "PreDelete")]),
            object("Job after", &[(HELM_HOOK, "post-delete")]),
            object("Job sync", &[(HOOK, "PreSync")]),
        ]);
        for (name, wave) in [("a", 0), ("b", 5), ("c", -1)] {
            leaving(&mut world, name, wave, false);
        }
        world
    };
    let removal = removing(crate::application::Cascade::Foreground);
    let line = |passed: Option<Phase>, removing: &Removing| -> Vec<String> {
        let World { inventory, live, owner, discovery, traits, bundle, .. } = &world;
        let facts = RemovalFacts {
            inventory,
            live,
            owner,
            discovery,
            removing,
            bundle: Some(bundle),
            traits,
            run: "op",
            fence: None,
            passed,
        };
        plan_removal(&facts).actions.iter().map(|a| format!("{} {} {}", a.phase, a.wave, a.key.name)).collect()
    };
    let whole = ["PreDelete 0 before", "Sync -5 b", "Sync 0 a", "Sync 1 c", "PostDelete 0 after"];
    assert_eq!(line(None, &removal), whole);
    assert_eq!(line(Some(Phase::PreDelete), &removal), whole[1..], "a hook that ran does not run again");
    let orphan = removing(crate::application::Cascade::Orphan);
    assert_eq!(line(None, &orphan).len(), 3, "everything is forgotten and nothing runs");
}

use crate::hook::Phase;
