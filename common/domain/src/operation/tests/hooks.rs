//! Hooks: when they run, what waits for them, when they go.

use super::*;
use DeletePolicy::{BeforeHookCreation, HookFailed, HookSucceeded};

/// PreSync, one object, PostSync and SyncFail.
fn full(policy: DeletePolicy) -> Vec<SyncAction> {
    vec![
        hook(0, Phase::PreSync, "pre", policy),
        apply(1, 0, "a"),
        hook(2, Phase::PostSync, "post", policy),
        hook(3, Phase::SyncFail, "fail", policy),
    ]
}

#[test]
fn phases_run_in_order_and_each_waits_for_the_one_before() {
    let mut run = Run::of(full(BeforeHookCreation));
    assert_eq!(run.runs(), [0]);
    assert!(run.ok(0).runs().is_empty(), "made is not completed");
    assert_eq!(run.seen(0, Seen::Healthy).look(), [Action::Run(1), Action::Persist, Action::Release(0)]);
    run.cleaned(0).ok(1);
    assert_eq!(run.op.awaited(), [1], "a PostSync hook waits for health");
    assert_eq!(run.seen(1, Seen::Healthy).runs(), [2]);
    assert!(run.ok(2).look().is_empty());
    assert_eq!(run.seen(2, Seen::Healthy).look(), [Action::Persist, Action::Persist, Action::Release(2)]);
    assert_eq!(run.cleaned(2).ended(), Some(OperationPhase::Succeeded), "kept until the next sync makes them again");
    let hooks: Vec<_> = run.op.results().iter().filter_map(|r| r.hook).map(|h| (h.phase, h.outcome)).collect();
    assert_eq!(hooks, [(Phase::PreSync, OperationPhase::Succeeded), (Phase::PostSync, OperationPhase::Succeeded)]);
}

#[test]
fn a_failed_hook_stops_the_sync_and_the_hooks_after_a_failure_run() {
    let mut run = Run::of(full(BeforeHookCreation));
    run.ok(0).look();
    let asked = run.seen(0, Seen::Degraded("exit 1".into())).look();
    assert_eq!(asked, [Action::Persist, Action::Run(3), Action::Persist, Action::Release(0)]);
    run.cleaned(0).ok(3).seen(3, Seen::Healthy);
    assert_eq!(run.cleaned(3).ended(), Some(OperationPhase::Failed));
    assert!(run.op.message().contains("exit 1"), "{}", run.op.message());
}

#[test]
fn hooks_are_deleted_at_the_end_as_their_policies_say() {
    for (policy, fails, deleted) in [
        (HookSucceeded, false, true),
        (HookSucceeded, true, false),
        (HookFailed, true, true),
        (HookFailed, false, false),
        (BeforeHookCreation, true, false),
    ] {
        let mut run = Run::of(vec![hook(0, Phase::PreSync, "pre", policy), apply(1, 0, "a")]);
        run.ok(0).seen(0, Seen::Healthy).cleaned(0).look();
        let asked = if fails { run.fails(1, "denied").look() } else { run.ok(1).look() };
        let at_end = asked.contains(&Action::DeleteHook(0));
        assert_eq!(at_end, deleted, "{policy:?} {fails}");
        if deleted {
            let (persist, delete) = (
                asked.iter().rposition(|a| *a == Action::Persist),
                asked.iter().position(|a| *a == Action::DeleteHook(0)),
            );
            assert!(persist < delete, "its outcome is durable before it goes");
            assert!(!asked.contains(&Action::Finish));
            run.cleaned(0);
            assert!(run.look().contains(&Action::Finish));
        }
    }
}

#[test]
fn a_deletion_waits_for_the_release_that_is_under_way() {
    let mut run = Run::of(vec![hook(0, Phase::Sync, "one", HookSucceeded)]);
    assert_eq!(
        run.ok(0).seen(0, Seen::Healthy).look().last(),
        Some(&Action::DeleteHook(0)),
        "nothing else is due: deleted at once"
    );
    let mut run = Run::of(vec![hook(0, Phase::PreSync, "pre", HookSucceeded), apply(1, 0, "a")]);
    run.ok(0).seen(0, Seen::Healthy).look();
    assert_eq!(run.ok(1).look(), [Action::Persist], "the release is not answered");
    assert_eq!(run.cleaned(0).look(), [Action::Persist, Action::DeleteHook(0)]);
    assert_eq!(run.cleaned(0).ended(), Some(OperationPhase::Succeeded));
}

#[test]
fn objects_of_a_single_step_with_a_hook_are_not_waited_for() {
    let mut run = Run::of(vec![apply(0, 0, "a"), hook(1, Phase::Sync, "job", BeforeHookCreation)]);
    run.ok(0).ok(1);
    assert_eq!(run.op.awaited(), [1]);
    run.seen(1, Seen::Healthy);
    assert_eq!(run.cleaned(1).ended(), Some(OperationPhase::Succeeded));
}

#[test]
fn a_running_hook_is_let_finish_before_a_newer_commit_takes_over() {
    let mut run = Run::of(full(BeforeHookCreation));
    run.ok(0).say(Event::Superseded { revision: "newer".into() }).look();
    assert!(run.at(100).look().is_empty(), "it stands still, and its hook runs");
    run.seen(0, Seen::Healthy);
    assert_eq!(run.look(), [Action::Persist, Action::Persist, Action::Release(0)], "no object is written any more");
    assert_eq!(run.cleaned(0).ended(), Some(OperationPhase::Failed));
}

#[test]
fn terminated_or_at_the_deadline_running_hooks_are_deleted() {
    for by_hand in [true, false] {
        let mut run = Run::of(full(BeforeHookCreation));
        run.ok(0).look();
        let asked = if by_hand { run.say(Event::Terminate { by: "ann".into() }).look() } else { run.at(600).look() };
        assert!(asked.contains(&Action::DeleteHook(0)) && !asked.contains(&Action::Run(3)), "{asked:?}");
        assert_eq!(run.cleaned(0).ended(), Some(OperationPhase::Failed));
    }
}

#[test]
fn a_clean_up_that_fails_is_asked_for_again_and_does_not_hold_the_operation_for_ever() {
    let mut run = Run::of(vec![hook(0, Phase::Sync, "job", HookSucceeded)]);
    run.ok(0).seen(0, Seen::Healthy).look();
    for round in 1..=5 {
        run.say(Event::Cleaned { action: 0, result: Err("the server is away".into()) });
        assert_eq!(run.op.is_over(), round == 5, "{round}");
        run.at(round * 5);
    }
    assert_eq!(run.op.phase(), OperationPhase::Succeeded);
}

#[test]
fn the_deadline_does_not_turn_a_success_that_is_cleaned_up_after() {
    let mut run = Run::of(vec![hook(0, Phase::Sync, "job", HookSucceeded)]);
    run.ok(0).seen(0, Seen::Healthy).at(601).say(Event::Terminate { by: "ann".into() });
    assert_eq!(run.cleaned(0).ended(), Some(OperationPhase::Succeeded));
}

#[test]
fn a_hook_that_vanished_has_failed() {
    let mut run = Run::of(full(BeforeHookCreation));
    run.ok(0).look();
    assert_eq!(run.seen(0, Seen::Gone).runs(), [3]);
}
