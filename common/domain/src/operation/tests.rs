use super::*;
use crate::application::Cascade;
use crate::digest::Digest;
use crate::hook::DeletePolicy;
use crate::manifest::ResourceKey;
use crate::status::ResultCode;
use crate::sync::{HookTask, SyncAction, WriteOptions};
use crate::target::Retry;
use crate::time::from_millis;

mod hooks;
mod kills;

fn key(name: &str) -> ResourceKey {
    ResourceKey { group: String::new(), kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into() }
}

fn action(group: u32, (phase, wave): (Phase, i32), name: &str, verb: Verb) -> SyncAction {
    SyncAction {
        group,
        phase,
        wave,
        verb,
        key: key(name),
        api_version: "v1".into(),
        reason: "missing".into(),
        options: WriteOptions::default(),
        hook: None,
        confirm: false,
    }
}

fn apply(group: u32, wave: i32, name: &str) -> SyncAction {
    action(group, (Phase::Sync, wave), name, Verb::Apply { digest: Digest::of(b"x"), adopt: false })
}

fn delete(group: u32, wave: i32, name: &str) -> SyncAction {
    action(group, (Phase::Sync, wave), name, Verb::Delete { uid: "u".into(), propagation: Cascade::Foreground })
}

fn hook(group: u32, phase: Phase, name: &str, policy: DeletePolicy) -> SyncAction {
    let mut action = action(group, (phase, 0), name, Verb::RunHook { digest: Digest::of(b"h") });
    action.hook = Some(HookTask { mark: format!("op-{name}"), delete: vec![policy] });
    action
}

fn operation(actions: Vec<SyncAction>) -> SyncOperation {
    SyncOperation::new(SyncPlan { actions, ..SyncPlan::default() }, from_millis(600_000))
}

/// An operation and everything it asked for since the last look.
struct Run {
    op: SyncOperation,
    now: i64,
    asked: Vec<Action>,
}

impl Run {
    fn of(actions: Vec<SyncAction>) -> Self {
        Self::start(operation(actions))
    }

    fn start(op: SyncOperation) -> Self {
        let mut run = Self { op, now: 0, asked: vec![] };
        run.say(Event::Start);
        run
    }

    fn say(&mut self, event: Event) -> &mut Self {
        let (op, actions) = step(self.op.clone(), event, from_millis(self.now));
        self.op = op;
        self.asked.extend(actions);
        self
    }

    fn at(&mut self, seconds: i64) -> &mut Self {
        self.now = seconds * 1_000;
        self.say(Event::Tick)
    }

    fn ok(&mut self, action: usize) -> &mut Self {
        self.say(Event::Outcome { action, result: Ok("applied".into()) })
    }

    fn fails(&mut self, action: usize, why: &str) -> &mut Self {
        self.say(Event::Outcome { action, result: Err(why.into()) })
    }

    fn seen(&mut self, action: usize, seen: Seen) -> &mut Self {
        self.say(Event::Observed { action, seen })
    }

    fn cleaned(&mut self, action: usize) -> &mut Self {
        self.say(Event::Cleaned { action, result: Ok(()) })
    }

    /// Everything but times, since the last look.
    fn look(&mut self) -> Vec<Action> {
        let asked = std::mem::take(&mut self.asked);
        asked.into_iter().filter(|action| !matches!(action, Action::WakeAt(_))).collect()
    }

    fn runs(&mut self) -> Vec<usize> {
        self.look().iter().filter_map(|a| if let Action::Run(i) = a { Some(*i) } else { None }).collect()
    }

    fn ended(&mut self) -> Option<OperationPhase> {
        self.look().contains(&Action::Finish).then(|| self.op.phase())
    }
}

#[test]
fn groups_run_one_after_the_other() {
    let mut run = Run::of(vec![apply(1, 0, "a"), apply(1, 0, "b"), apply(2, 0, "c"), delete(9, 0, "d")]);
    assert_eq!(
        run.look(),
        [Action::Run(0), Action::Run(1)],
        "a plain plan is planned anew after a restart: nothing is kept"
    );
    assert!(run.ok(1).runs().is_empty());
    assert_eq!(run.ok(0).runs(), [2]);
    assert_eq!(run.ok(2).runs(), [3]);
    assert!(run.op.awaited().is_empty());
    assert_eq!(run.ok(3).ended(), Some(OperationPhase::Succeeded), "one step: health is not waited for");
    assert_eq!(run.op.results()[3].status, ResultCode::Pruned);
}

#[test]
fn a_failed_object_does_not_stop_the_others_but_nothing_is_deleted() {
    let mut run = Run::of(vec![apply(1, 0, "a"), apply(1, 0, "b"), apply(2, 0, "c"), delete(9, 0, "d")]);
    run.look();
    assert_eq!(run.fails(0, "denied").ok(1).runs(), [2]);
    assert_eq!(run.ok(2).ended(), Some(OperationPhase::Failed));
    assert!(run.op.message().contains("denied"), "{}", run.op.message());
}

#[test]
fn an_empty_plan_succeeds_at_once() {
    assert_eq!(Run::of(vec![]).ended(), Some(OperationPhase::Succeeded));
}

#[test]
fn what_was_begun_is_finished_and_nothing_else_is_begun() {
    let mut run = Run::of(vec![apply(1, 0, "a"), apply(1, 0, "b"), apply(2, 0, "c")]);
    run.look();
    assert!(run.say(Event::Terminate { by: "ann".into() }).look().is_empty(), "two are still running");
    assert_eq!(run.op.phase(), OperationPhase::Terminating);
    assert_eq!(run.ok(0).ok(1).look(), [Action::Finish]);
    assert!(run.op.message().starts_with("terminated by ann"), "{}", run.op.message());
}

#[test]
fn the_deadline_ends_it() {
    let mut run = Run::of(vec![apply(1, 0, "a"), apply(2, 0, "b")]);
    assert_eq!(run.at(600).ok(0).ended(), Some(OperationPhase::Failed));
    assert!(run.op.message().contains("deadline"), "{}", run.op.message());
}

#[test]
fn a_wave_waits_for_the_health_of_the_one_before_and_the_last_one_does_not_wait() {
    let mut run = Run::of(vec![apply(0, 0, "a"), apply(1, 1, "b")]);
    assert_eq!(run.look(), [Action::Persist, Action::Run(0)]);
    assert!(run.ok(0).runs().is_empty());
    assert_eq!(run.op.awaited(), [0]);
    assert!(run.seen(0, Seen::Progressing("1 of 3".into())).runs().is_empty());
    assert_eq!(run.op.message(), "waiting for the health of ConfigMap shop/a: 1 of 3");
    assert_eq!(run.seen(0, Seen::Healthy).runs(), [1]);
    assert_eq!(run.ok(1).ended(), Some(OperationPhase::Succeeded));
}

#[test]
fn a_degraded_or_vanished_object_fails_its_wave_and_later_ones_do_not_begin() {
    for seen in [Seen::Degraded("crash loop".into()), Seen::Gone] {
        let mut run = Run::of(vec![apply(0, 0, "a"), apply(1, 1, "b")]);
        run.ok(0).look();
        assert_eq!(run.seen(0, seen).look(), [Action::Persist, Action::Persist, Action::Finish]);
        assert_eq!(run.op.phase(), OperationPhase::Failed);
    }
}

#[test]
fn what_is_as_git_says_in_an_earlier_wave_is_only_looked_at() {
    let mut run = Run::of(vec![action(0, (Phase::Sync, 0), "a", Verb::Await), apply(1, 0, "b"), apply(2, 1, "c")]);
    assert_eq!(run.runs(), [1], "it does not hold up its own wave");
    assert_eq!(run.op.awaited(), [0]);
    assert!(run.ok(1).seen(1, Seen::Healthy).runs().is_empty());
    assert_eq!(run.seen(0, Seen::Healthy).runs(), [2]);
    run.ok(2);
    assert_eq!(run.op.results().len(), 2, "it was not written");
}

#[test]
fn a_later_wave_waits_until_what_was_pruned_is_gone() {
    let mut run = Run::of(vec![delete(0, 0, "a"), apply(1, 1, "b")]);
    assert_eq!(run.runs(), [0]);
    assert!(run.ok(0).seen(0, Seen::Progressing(String::new())).runs().is_empty());
    assert_eq!(run.seen(0, Seen::Gone).runs(), [1]);
}

#[test]
fn what_was_left_alone_stops_later_waves_and_fails_the_operation() {
    let mut op = operation(vec![apply(0, 0, "a"), apply(1, 1, "b"), apply(2, 2, "c")]);
    op.plan.skipped = vec![(key("theirs"), "belongs to somebody else".into())];
    op.plan.skipped_wave = 1;
    let mut run = Run::start(op);
    run.ok(0).seen(0, Seen::Healthy).look();
    assert_eq!(run.ok(1).seen(1, Seen::Healthy).ended(), Some(OperationPhase::Failed));
    assert!(run.op.message().contains("belongs to somebody else"), "{}", run.op.message());
}

#[test]
fn the_server_is_asked_first_and_a_refusal_writes_nothing() {
    let plan = |dry_run| SyncPlan { actions: vec![apply(0, 0, "a"), apply(0, 0, "b")], dry_run, ..SyncPlan::default() };
    let checks = |run: &mut Run, second: Checked| {
        assert_eq!(run.look(), [Action::Persist, Action::Check(0), Action::Check(1)]);
        run.say(Event::Checked { action: 0, answer: Checked::Unchecked("its namespace is missing".into()) });
        run.say(Event::Checked { action: 1, answer: second });
    };
    let mut run = Run::start(SyncOperation::new(plan(DryRunStage::First), from_millis(600_000)));
    checks(&mut run, Checked::Fine);
    assert_eq!(run.runs(), [0, 1], "unchecked is not failed");

    let mut run = Run::start(SyncOperation::new(plan(DryRunStage::First), from_millis(600_000)));
    checks(&mut run, Checked::Refused("denied by policy".into()));
    assert_eq!(run.ended(), Some(OperationPhase::Failed));
    let message = run.op.message();
    assert!(message.starts_with("nothing was written") && message.contains("denied by policy"), "{message}");

    let mut run = Run::start(SyncOperation::new(plan(DryRunStage::Only), from_millis(600_000)));
    checks(&mut run, Checked::Fine);
    assert_eq!(run.ended(), Some(OperationPhase::Succeeded));
    let results: Vec<String> = run.op.results().into_iter().map(|r| r.message).collect();
    assert_eq!(results, ["not checked (dry run): its namespace is missing", "missing (dry run)"]);
}

#[test]
fn a_newer_commit_takes_over_from_a_failing_operation() {
    let mut run = Run::of(vec![apply(0, 0, "a"), apply(1, 0, "b"), apply(2, 1, "c")]);
    run.fails(0, "denied").look();
    run.say(Event::Superseded { revision: "fix".into() });
    assert!(run.look().is_empty(), "what was begun is finished");
    assert_eq!(run.ok(1).ended(), Some(OperationPhase::Failed));

    let mut run = Run::of(vec![apply(0, 0, "a"), apply(0, 0, "b"), apply(1, 0, "c")]);
    run.say(Event::Superseded { revision: "fix".into() }).fails(0, "denied").look();
    assert_eq!(run.ok(1).ended(), Some(OperationPhase::Failed), "the rest of the wave is left to the newer one");
}

#[test]
fn a_newer_commit_takes_over_from_an_operation_that_stands_still() {
    let mut run = Run::of(vec![apply(0, 0, "a"), apply(1, 1, "b")]);
    run.at(10).ok(0).say(Event::Superseded { revision: "newer".into() }).look();
    assert_eq!(run.at(69).ended(), None, "one that gets on is let finish");
    assert_eq!(run.at(70).ended(), Some(OperationPhase::Failed));
    assert!(run.op.message().starts_with("superseded by newer"), "{}", run.op.message());

    let mut run = Run::of(vec![apply(0, 0, "a"), apply(1, 1, "b")]);
    run.ok(0).say(Event::Superseded { revision: "newer".into() }).at(50);
    run.seen(0, Seen::Progressing("2 of 3".into())).at(100).look();
    assert_eq!(run.seen(0, Seen::Healthy).runs(), [1], "it did change in the last minute");
}

#[test]
fn nothing_is_begun_while_it_is_blocked() {
    let mut run = Run::of(vec![apply(0, 0, "a"), apply(1, 0, "b")]);
    run.say(Event::Blocked(Some("the window closed".into()))).look();
    assert!(run.ok(0).runs().is_empty());
    assert_eq!(run.op.message(), "paused: the window closed");
    assert_eq!(run.say(Event::Blocked(None)).runs(), [1]);
}

#[test]
fn a_deletion_that_needs_a_confirmation_waits_for_it() {
    let confirmed = SyncAction { confirm: true, ..delete(1, 0, "b") };
    let mut run = Run::of(vec![apply(0, 0, "a"), confirmed, delete(1, 0, "c")]);
    run.look();
    assert_eq!(run.ok(0).runs(), [2], "others do not wait with it");
    assert!(run.ok(2).look().is_empty());
    assert_eq!(run.op.message(), "waiting for a confirmation of the deletion of ConfigMap shop/b");
    assert_eq!(run.say(Event::Confirmed).runs(), [1]);
    assert_eq!(run.ok(1).ended(), Some(OperationPhase::Succeeded));
}

#[test]
fn retries_slow_down_and_an_automated_target_never_gives_up() {
    let seconds = |failures| retry_after(failures).as_secs();
    assert_eq!([1, 2, 3, 5, 7, 99].map(seconds), [5, 10, 20, 80, 180, 180]);
    let retry = Retry { limit: 1, duration_ms: 1_000, factor: 3, max_ms: 600_000, refresh: false };
    assert_eq!(next_attempt(&retry, 1, false).map(|wait| wait.as_secs()), Some(1));
    assert_eq!(next_attempt(&retry, 2, false), None);
    assert_eq!(next_attempt(&retry, 2, true).map(|wait| wait.as_secs()), Some(600));
    assert!(next_attempt(&Retry { limit: -1, ..retry }, 1_000, false).is_some());
}
