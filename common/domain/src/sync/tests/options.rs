//! What options change: confirmations, selections, ways of writing, sharing, the project's fence.

use serde_json::json;

use super::order::{git, lines};
use super::*;
use crate::hook::HOOK;
use crate::options::SYNC_OPTIONS;
use crate::prune_limits::PruneLimits;
use crate::target::{NamespaceMetadata, OperationOptions};

fn config(name: &str, options: &str) -> serde_json::Value {
    let annotations = json!({SYNC_OPTIONS: options});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": annotations}})
}

fn manual() -> Intent {
    Intent { manual: true, ..all() }
}

/// `settings` left git.
fn leaving(keep: Option<Keep>) -> World {
    let mut world = World::settled();
    world.bundle.entries.retain(|entry| entry.key.kind == "Deployment");
    let live = LiveObject { kept_on_prune: keep, ..ours("ConfigMap", "settings") };
    world.live.set(key("ConfigMap", "settings"), Observed::Present(live));
    world
}

#[test]
fn a_deletion_to_be_confirmed_waits_and_an_automated_operation_does_not_wait_with_it() {
    for by_application in [true, false] {
        let mut world = leaving((!by_application).then_some(Keep::Confirm));
        world.settings.confirm_prune = by_application;
        assert_eq!(world.state("ConfigMap", "settings"), ObjectState::Unconfirmed("uid".into()));
        let (_, automated) = plan(&world.facts(), &all());
        assert!(automated.actions.is_empty() && automated.kept.len() == 1);
        let (assessment, by_hand) = plan(&world.facts(), &manual());
        assert!(by_hand.actions[0].confirm && by_hand.needs_record());
        assert!(!assessment.is_prunable(false) && assessment.is_prunable(true));
        world.confirmed = true;
        let (_, confirmed) = plan(&world.facts(), &all());
        assert!(!confirmed.actions[0].confirm);
    }
}

#[test]
fn the_objects_own_word_on_pruning_outranks_its_applications() {
    let mut world = leaving(Some(Keep::Deletable));
    world.settings.keep = true;
    assert_eq!(world.verbs(&all()), ["delete settings"]);
    let mut world = leaving(Some(Keep::Kept("Prune=false".into())));
    world.settings.confirm_prune = true;
    assert_eq!(world.state("ConfigMap", "settings"), ObjectState::Kept("Prune=false".into()));
}

#[test]
fn a_selection_touches_what_it_names_and_runs_no_hooks() {
    let hook =
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job", "annotations": {HOOK: "PreSync"}}});
    let world = git(&[config("a", ""), config("b", ""), hook]);
    let only = |selector: &str, apply_only: bool| {
        let resources = if selector.is_empty() { vec![] } else { vec![selector.parse().expect("a selector")] };
        lines(&world, &Intent { options: OperationOptions { resources, apply_only, ..Default::default() }, ..manual() })
    };
    assert_eq!(only(":ConfigMap:a", false), ["Sync 0 apply a"]);
    assert_eq!(only("!:ConfigMap:a", false), ["Sync 0 apply b"]);
    assert_eq!(only("", true), ["Sync 0 apply a", "Sync 0 apply b"]);
    assert_eq!(only("", false)[0], "PreSync 0 run job");
}

#[test]
fn ways_of_writing_come_from_the_operation_the_object_and_the_application() {
    let mut world = git(&[config("a", "Replace=true, Validate=false"), config("b", "Replace=false"), config("c", "")]);
    let options = |world: &World, asked: OperationOptions| -> Vec<WriteOptions> {
        let (_, plan) = plan(&world.facts(), &Intent { options: asked, ..manual() });
        plan.actions.iter().map(|action| action.options).collect()
    };
    let of = options(&world, OperationOptions::default());
    assert_eq!((of[0].replace, of[0].skip_validation, of[1].replace, of[2].is_default()), (true, true, false, true));
    world.settings.replace = true;
    world.settings.force = true;
    let of = options(&world, OperationOptions::default());
    assert_eq!(
        of.iter().map(|o| (o.replace, o.force)).collect::<Vec<_>>(),
        [(true, true), (false, true), (true, true)]
    );
    let asked = OperationOptions { replace: true, ..OperationOptions::default() };
    assert!(options(&world, asked).iter().all(|o| o.replace));
}

#[test]
fn what_is_as_git_says_is_written_anew_only_where_that_is_asked() {
    let world = World::settled();
    let asked = |replace: bool, out_of_sync: bool, manual: bool| {
        let options = OperationOptions { replace, apply_out_of_sync_only: out_of_sync, ..OperationOptions::default() };
        world.verbs(&Intent { manual, options, ..all() }).len()
    };
    assert_eq!(
        [asked(false, false, true), asked(true, false, true), asked(true, true, true), asked(true, false, false)],
        [0, 2, 0, 0]
    );
}

#[test]
fn a_dry_run_comes_first_when_a_sync_is_manual_prunes_or_has_several_steps() {
    let world = git(&[config("a", "")]);
    let stage = |world: &World, intent: &Intent| plan(&world.facts(), intent).1.dry_run;
    assert_eq!(stage(&world, &all()), DryRunStage::No);
    assert_eq!(stage(&world, &manual()), DryRunStage::First);
    let only = OperationOptions { dry_run: true, ..OperationOptions::default() };
    assert_eq!(stage(&world, &Intent { options: only, ..manual() }), DryRunStage::Only);
    let mut prunes = leaving(None);
    assert_eq!(stage(&prunes, &all()), DryRunStage::No, "there is nothing to ask about");
    prunes.live.set(key("Deployment", "web"), Observed::Absent);
    assert_eq!(stage(&prunes, &all()), DryRunStage::First);
    assert_eq!(stage(&prunes, &Intent { heal_only: true, ..all() }), DryRunStage::No);
}

#[test]
fn an_object_that_two_applications_claim_is_refused_or_shared() {
    let mut world = World::new();
    let theirs = LiveObject { tracking_id: Some("api:apps/Deployment:shop/web".into()), ..ours("Deployment", "web") };
    world.live.set(key("Deployment", "web"), Observed::Present(theirs.clone()));
    assert!(matches!(world.state("Deployment", "web"), ObjectState::Refused(_)));
    world.settings.share = true;
    let assessment = assess(&world.facts());
    assert_eq!(assessment.objects[&key("Deployment", "web")].state, ObjectState::Unadopted);
    assert_eq!(assessment.shared.len(), 1);
    let foreign = LiveObject { installation_id: None, ..theirs };
    world.live.set(key("Deployment", "web"), Observed::Present(foreign));
    assert!(matches!(world.state("Deployment", "web"), ObjectState::Refused(_)), "Argo CD was not asked");
}

#[test]
fn objects_without_a_name_are_made_by_full_syncs_only() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}});
    let mut world = git(&[config("a", ""), job]);
    let digest = world.bundle.entries.iter().find(|entry| entry.key.kind == "Job").expect("a Job").digest;
    world.traits.insert(digest, crate::traits::Traits { generate_name: Some("import-".into()), ..Default::default() });
    assert_eq!(lines(&world, &all()), ["Sync 0 apply a", "Sync 0 create import-*"]);
    assert_eq!(lines(&world, &Intent { heal_only: true, ..all() }), ["Sync 0 apply a"]);
    world.bundle.entries.retain(|entry| entry.key.kind == "Job");
    let (assessment, plan) = plan(&world.facts(), &all());
    assert!(plan.is_idle() && assessment.objects.is_empty() && assessment.sync() == SyncStatus::Synced);
}

#[test]
fn a_namespace_with_metadata_is_kept_by_every_full_sync() {
    let mut world = World::settled();
    world.settings.create_namespace = true;
    assert!(world.verbs(&all()).is_empty());
    world.settings.namespace_metadata = Some(NamespaceMetadata::default());
    assert_eq!(world.verbs(&all()), ["ensure shop"]);
    assert!(world.verbs(&Intent { heal_only: true, ..all() }).is_empty());
}

#[test]
fn a_hash_suffixed_replacement_does_not_count_and_limits_are_the_applications() {
    let mut world = World::settled();
    for at in 0..7 {
        let name = format!("left-{at}");
        world.own("ConfigMap", &name, &name);
        world.live.set(key("ConfigMap", &name), present("ConfigMap", &name, Drift::None));
    }
    assert!(assess(&world.facts()).hold.is_some(), "7 of 9");
    world.settings.prune_limits = Some(PruneLimits { percent: 90, ..PruneLimits::default() });
    assert!(assess(&world.facts()).hold.is_none());
    let gone =
        vec![(key("ConfigMap", "env-2g67kc5fbh"), "u".to_owned()), (key("ConfigMap", "env-plain"), "u".to_owned())];
    assert_eq!(prune::replaced(&gone, [key("ConfigMap", "env-7789k4tmfc"), key("ConfigMap", "other")].iter()), 1);
}
