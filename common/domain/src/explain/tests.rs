//! One case a rule, and the order among them.

mod case;

use case::*;

use super::{Verdict as V, *};
use crate::status::{ConditionKind, SyncStatus};

/// Circumstances, the rule that answers, and a part of its sentence and of the next command.
static CASES: &[(&[Change], V, &str, &str)] = &[
    (&[], V::InSync, "in sync with commit c0ffee0 and healthy on cluster eu-1, proven 12s ago", ""),
    (
        &[deleted, leaving, differs],
        V::Removing,
        "the application is being deleted with its objects, as admin asked 3m ago; left are ConfigMap shop/a (changed in the cluster: data.x)",
        "windlass app resources web --cluster eu-1",
    ),
    (
        &[leaving, offline],
        V::Removing,
        "the application no longer goes to cluster eu-1, and is being removed from it; that waits for the agent of cluster eu-1, which is not connected",
        "windlass cluster get eu-1",
    ),
    (&[leaving, sync_failed], V::Removing, "ConfigMap shop/bad: data is immutable", "resources web"),
    (&[no_cluster], V::NoCluster, "no cluster is named \"nope\"", "windlass cluster list -o wide"),
    (&[no_match], V::NoCluster, "asks for (env=dev, tier in (a,b))", "windlass cluster list -o wide"),
    (&[bad_spec], V::InvalidSpec, "and commit c0ffee0 stays: project \"shop\" does not allow it", ""),
    (&[bad_source], V::SourceFailed, "and commit c0ffee0 stays: app/a.yaml: line 3", "windlass app refresh web"),
    (&[leavers_held], V::Held, "4 of 8 clusters would leave", "windlass cluster list"),
    (
        &[frozen_by_ann, differs],
        V::WritesFrozen,
        "nothing is written on cluster eu-1, as ann froze it 3m ago (cluster eu-1 is frozen: incident 7); it is OutOfSync and Healthy",
        "windlass thaw --cluster eu-1",
    ),
    (&[annotated], V::WritesFrozen, "nothing is written on cluster eu-1: paused in the cluster: namespace shop", ""),
    (
        &[waits_for_db, new_commit],
        V::DependencyWait,
        "waits for argocd/db: it is Synced and Progressing on eu-1 and 1 more",
        "windlass explain argocd/db",
    ),
    (&[window_closed, differs], V::OutsideWindow, "a deny window of project shop is open", "windlass proj get default"),
    (&[window_closed], V::InSync, "in sync", ""),
    (
        &[rolled_back],
        V::HeldAtRevision,
        "in sync and healthy on cluster eu-1 at commit c0ffee0, where ann holds it; git is at commit beef012",
        "windlass app resume web",
    ),
    (&[fenced], V::InvalidSpec, "the agent of cluster eu-1 refuses it: kind Node is not allowed", ""),
    (
        &[held],
        V::Held,
        "3 deletions wait for an approval: 3 of 4 objects would be deleted",
        "windlass app approve web --cluster eu-1",
    ),
    (
        &[not_joined],
        V::NotJoined,
        "no agent has joined cluster eu-1 yet; commit c0ffee0 waits for it",
        "windlass cluster token eu-1 -o join.json",
    ),
    (
        &[offline],
        V::Offline,
        "the agent of cluster eu-1 is not connected: what it reported was last proven 5m ago, Synced and Healthy then",
        "windlass cluster get eu-1",
    ),
    (&[offline, new_commit], V::Offline, "last proven 5m ago, and commit beef012 waits for it", ""),
    (&[stale], V::Stale, "is connected, but what it reported was last proven 4m ago", "windlass cluster get eu-1"),
    (&[unverified], V::NotVerified, "its first report is not proven yet", "windlass cluster get eu-1"),
    (&[disk_full], V::StorageError, "cannot keep its own copy: no space left on device", "windlass cluster get"),
    (&[frozen], V::Frozen, "it is frozen on cluster eu-1: the hub no longer lists it", ""),
    (
        &[new_commit],
        V::OnItsWay,
        "commit beef012 is on its way to the agent of cluster eu-1; it still works on commit c0ffee0",
        "windlass app wait web --cluster eu-1",
    ),
    (&[arrived], V::OnItsWay, "commit beef012 has arrived at the agent of cluster eu-1, which has not reported", ""),
    (&[sync_asked], V::SyncRequested, "the sync that admin asked for 3s ago has not begun", "operation get 0000"),
    (
        &[syncing],
        V::Syncing,
        "a sync to commit c0ffee0 has been running for 30s on cluster eu-1: 1 of 2 actions carried out",
        "windlass app wait web --cluster eu-1",
    ),
    (
        &[sync_failed],
        V::SyncFailed,
        "the sync to commit c0ffee0 failed 30s ago on cluster eu-1: ConfigMap shop/bad: data is immutable",
        "windlass app sync web --cluster eu-1",
    ),
    (
        &[not_ours],
        V::NotOurs,
        "ConfigMap shop/a belongs to argocd:shop, and was left alone",
        "windlass app adopt web --cluster eu-1",
    ),
    (
        &[manual, differs],
        V::WaitsForSync,
        "synced by hand, and not as commit c0ffee0 says: ConfigMap shop/a (changed in the cluster: data.x)",
        "windlass app sync web --cluster eu-1",
    ),
    (&[manual, extra], V::WaitsForSync, "ConfigMap shop/old", "windlass app sync web --cluster eu-1 --prune"),
    (&[without_prune, extra], V::PruneOff, "does not prune: ConfigMap shop/old (no longer in git)", "--prune"),
    (&[without_heal, differs], V::HealOff, "does not heal: ConfigMap shop/a", "windlass app sync web"),
    (&[differs, extra], V::OutOfSync, "ConfigMap shop/a (changed in the cluster: data.x) and 1 more", "resources"),
    (&[not_compared], V::Unknown, "is not known: ConfigMap shop/a (being compared by a dry run)", "resources"),
    (&[degraded], V::Degraded, "and degraded: ConfigMap shop/pod (CrashLoopBackOff)", "windlass app resources web"),
    (&[progressing], V::Progressing, "and progressing: ConfigMap shop/pod (1 of 3", "windlass app wait web"),
    (&[git_away], V::SourceStale, "healthy on cluster eu-1, but git could not be asked for a newer one: git", ""),
];

#[test]
fn every_rule_names_the_thing_the_cause_and_the_next_step() {
    for (changes, verdict, sentence, next) in CASES {
        let explanation = Case::new(changes).why();
        assert_eq!(explanation.verdict, *verdict, "{explanation:?}");
        assert!(explanation.sentence.contains(sentence), "{sentence:?} is not in {explanation:?}");
        assert!(explanation.next.unwrap_or_default().contains(next), "{:?}", Case::new(changes).why());
        assert!(!explanation.sentence.ends_with('.') && !explanation.sentence.contains('\n'));
    }
}

#[test]
fn what_blocks_first_is_said_first() {
    // Everything at once: each is said once everything before it is settled.
    let all: &[(Change, V)] = &[
        (leaving, V::Removing),
        (no_cluster, V::NoCluster),
        (bad_spec, V::InvalidSpec),
        (bad_source, V::SourceFailed),
        (leavers_held, V::Held),
        (fenced, V::InvalidSpec),
        (held, V::Held),
        (offline, V::Offline),
        (stale, V::Stale),
        (disk_full, V::StorageError),
        (frozen, V::Frozen),
        (new_commit, V::OnItsWay),
        (sync_asked, V::SyncRequested),
        (syncing, V::Syncing),
        (sync_failed, V::SyncFailed),
        (not_ours, V::NotOurs),
        (differs, V::OutOfSync),
        (not_compared, V::Unknown),
        (degraded, V::Degraded),
        (git_away, V::SourceStale),
    ];
    for pair in all.windows(2) {
        let [(first, verdict), (second, _)] = pair else { continue };
        if matches!(verdict, V::Held | V::Offline | V::Syncing | V::OutOfSync) {
            continue; // they exclude what follows, or are told below
        }
        // The later one is set first, so that the earlier one has the last word over shared facts.
        assert_eq!(Case::new(&[*second, *first]).why().verdict, *verdict);
    }
    for (changes, verdict) in [
        (&[held, bad_source] as &[Change], V::SourceFailed),
        (&[held, offline], V::Held),
        (&[held, sync_failed], V::Held),
        (&[offline, new_commit], V::Offline),
        (&[offline, sync_failed], V::Offline),
        (&[sync_asked, syncing], V::SyncRequested),
        (&[sync_failed, syncing], V::Syncing),
        (&[differs, degraded], V::OutOfSync),
        (&[degraded, git_away], V::Degraded),
        // A hold of the older bundle is no hold of the newer one.
        (&[held, new_commit], V::OnItsWay),
        // What failed and came right since is no matter.
        (&[sync_failed, |case| case.summary().sync = SyncStatus::Synced], V::InSync),
    ] {
        assert_eq!(Case::new(changes).why().verdict, verdict, "{:?}", Case::new(changes).why());
    }
}

#[test]
fn a_hold_counts_where_something_would_prune() {
    let unheld: Change = |case| case.summary().conditions.clear();
    assert_eq!(Case::new(&[held, unheld, manual, differs, extra]).why().verdict, V::WaitsForSync);
    assert_eq!(Case::new(&[held, unheld, manual, extra]).why().verdict, V::Held);
}

#[test]
fn an_application_without_a_target_says_why() {
    let verdict = |changes: &[Change]| why(&Case::new(changes).facts(), None).verdict;
    assert_eq!(verdict(&[]), V::NotCompiled);
    assert_eq!(verdict(&[bad_source]), V::SourceFailed);
    assert_eq!(verdict(&[no_match, bad_source]), V::NoCluster);
    assert_eq!(verdict(&[deleted, no_match]), V::Removing);
    let case = Case::new(&[git_away]);
    assert!(why(&case.facts(), None).sentence.contains("connection refused"));
}

#[test]
fn a_cluster_that_is_no_target_is_told_from_one_that_waits() {
    let mut case = Case::new(&[]);
    let other = cluster("us-east");
    case.clusters.push(other.clone());
    let explanation = why_not_on(&case.facts(), "us-east", Some(&other));
    assert_eq!(explanation.verdict, V::NotATarget);
    assert_eq!(explanation.sentence, "it does not go to cluster \"us-east\": its destination is cluster \"eu-1\"");
    assert_eq!(why_not_on(&case.facts(), "nope", None).verdict, V::NotATarget);
    assert_eq!(why_not_on(&case.facts(), "eu-1", Some(&cluster("eu-1"))).verdict, V::NotCompiled);
    assert_eq!(why_not_on(&case.facts(), "eu-1", None).verdict, V::NotCompiled, "it is named, seen or not");
    bad_source(&mut case);
    assert_eq!(why_not_on(&case.facts(), "eu-1", Some(&cluster("eu-1"))).verdict, V::SourceFailed);
}

#[test]
fn a_sentence_is_one_line_of_limited_length_whatever_it_is_made_of() {
    let noisy: Change = |case| {
        case.conditions
            .push(condition(ConditionKind::ComparisonError, &format!("a\n\u{1b}[31m b{}", "x".repeat(5_000))));
    };
    let sentence = Case::new(&[noisy]).why().sentence;
    assert!(sentence.contains("a [31m b") && sentence.chars().count() <= 601, "{sentence}");
}
