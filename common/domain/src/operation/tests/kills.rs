//! Killed at any point: an operation goes on from what it last kept, no hook runs twice and none is left out.

use std::collections::BTreeMap;

use super::*;
use crate::operation::task::Progress;

/// A cluster as far as hooks go: a hook is under our finalizer from its creation until it is released or deleted.
#[derive(Default)]
struct Cluster {
    /// By index of the action: how often it was made, and whether it is there.
    hooks: BTreeMap<usize, (u32, bool)>,
    applied: BTreeMap<usize, u32>,
}

fn plan() -> Vec<SyncAction> {
    let policy = DeletePolicy::HookSucceeded;
    vec![
        hook(0, Phase::PreSync, "pre", policy),
        apply(1, 0, "a"),
        apply(2, 1, "b"),
        hook(3, Phase::PostSync, "post", policy),
    ]
}

impl Cluster {
    /// Carries out one action; what the agent is told of it.
    fn perform(&mut self, action: &Action) -> Vec<Event> {
        match action {
            Action::Run(index) if [0, 3].contains(index) => {
                let hook = self.hooks.entry(*index).or_default();
                if !hook.1 {
                    *hook = (hook.0 + 1, true);
                }
                vec![Event::Outcome { action: *index, result: Ok("made".into()) }]
            }
            Action::Run(index) => {
                *self.applied.entry(*index).or_default() += 1;
                vec![Event::Outcome { action: *index, result: Ok("applied".into()) }]
            }
            Action::Release(index) => vec![Event::Cleaned { action: *index, result: Ok(()) }],
            Action::DeleteHook(index) => {
                self.hooks.entry(*index).or_default().1 = false;
                vec![Event::Cleaned { action: *index, result: Ok(()) }]
            }
            _ => vec![],
        }
    }
}

/// Runs the operation and kills the agent before its `at`-th action or event; how it ended, and whether it was killed.
fn killed_at(at: usize) -> (OperationPhase, Cluster, bool) {
    let (mut cluster, mut count, mut killed) = (Cluster::default(), 0, false);
    let mut op = operation(plan());
    let mut durable = serde_json::to_vec(&op).expect("a record");
    let mut events = vec![Event::Start];
    for _ in 0..200 {
        let event = match events.pop() {
            Some(event) => event,
            None => match op.awaited().first() {
                Some(index) => Event::Observed { action: *index, seen: Seen::Healthy },
                None => break,
            },
        };
        let (next, actions) = step(op, event, from_millis(0));
        op = next;
        let wanted =
            op.tasks.iter().filter_map(|task| task.cleaning).any(|cleaning| cleaning.progress == Progress::Wanted);
        assert!(!wanted, "a clean-up that is wanted is asked for in the same step: nobody can be killed in between");
        for action in actions {
            count += 1;
            if count == at {
                // Everything that was not kept is lost; what was done in the cluster is done.
                killed = true;
                op = serde_json::from_slice(&durable).expect("a record");
                events = vec![Event::Resume];
                break;
            }
            match action {
                Action::Persist => durable = serde_json::to_vec(&op).expect("a record"),
                Action::Finish => return (op.phase(), cluster, killed),
                other => events.extend(cluster.perform(&other)),
            }
        }
    }
    (op.phase(), cluster, killed)
}

#[test]
fn killed_before_any_action_no_hook_runs_twice_and_none_is_left_out() {
    let mut points = 0;
    for at in 1.. {
        let (phase, cluster, killed) = killed_at(at);
        assert_eq!(phase, OperationPhase::Succeeded, "killed at {at}");
        for index in [0, 3] {
            assert_eq!(cluster.hooks.get(&index), Some(&(1, false)), "hook {index}, killed at {at}");
        }
        assert!([1, 2].iter().all(|index| cluster.applied.contains_key(index)), "killed at {at}");
        if !killed {
            break;
        }
        points += 1;
    }
    assert!(points > 10, "{points} points");
}

#[test]
fn what_was_under_way_is_asked_for_again() {
    let mut run = Run::of(plan());
    run.ok(0).look();
    let kept = serde_json::to_vec(&run.op).expect("a record");
    let mut after = Run { op: serde_json::from_slice(&kept).expect("a record"), now: 0, asked: vec![] };
    assert!(after.say(Event::Resume).look().is_empty());
    assert_eq!(after.op.awaited(), [0], "the hook is looked at, not made");
    after.seen(0, Seen::Healthy).look();
    let kept = serde_json::to_vec(&after.op).expect("a record");
    let mut after = Run { op: serde_json::from_slice(&kept).expect("a record"), now: 0, asked: vec![] };
    assert_eq!(after.say(Event::Resume).look(), [Action::Run(1), Action::Persist, Action::Release(0)]);
}
