//! Tables of upgrades.

use super::*;
use crate::time::from_millis;

fn cluster(id: u128) -> Uuid {
    Uuid::from_u128(id)
}

fn upgrade(count: u128, max_parallel: u32) -> Upgrade {
    let clusters = (1..=count).map(|id| (cluster(id), Stage::Waiting)).collect();
    Upgrade { id: cluster(99), image: "new".into(), max_parallel, by: "ann".into(), clusters, stopped: None }
}

fn all_run(count: u128, image: &str) -> BTreeMap<Uuid, String> {
    (1..=count).map(|id| (cluster(id), image.to_owned())).collect()
}

fn asked(actions: &[Action]) -> Vec<u128> {
    let asked =
        actions.iter().filter_map(|action| if let Action::Ask(id) = action { Some(id.as_u128()) } else { None });
    asked.collect()
}

fn running(id: u128, image: &str, reverted: Option<&str>) -> Event {
    Event::Running { cluster: cluster(id), image: image.into(), reverted: reverted.map(str::to_owned) }
}

#[test]
fn the_first_goes_alone_and_then_so_many_at_a_time() {
    let (now, connected) = (from_millis(0), all_run(5, "old"));
    let (state, actions) = step(upgrade(5, 2), &Event::Tick, &connected, now);
    assert_eq!(asked(&actions), [1]);
    let (state, actions) = step(state, &running(1, "new", None), &connected, now);
    assert_eq!(asked(&actions), [2, 3]);
    let (state, actions) = step(state, &Event::Tick, &connected, now);
    assert!(asked(&actions).is_empty());
    let (state, actions) = step(state, &running(3, "new", None), &connected, now);
    assert_eq!(asked(&actions), [4]);
    assert!(!state.is_over());
    let (mut state, mut last) = (state, vec![]);
    for id in [2, 4, 5] {
        (state, last) = step(state, &running(id, "new", None), &connected, now);
    }
    assert!(state.is_over() && last.is_empty() && state.stopped.is_none());
}

#[test]
fn nobody_else_is_begun_after_one_that_failed() {
    let (now, connected) = (from_millis(0), all_run(3, "old"));
    let (state, _) = step(upgrade(3, 3), &Event::Tick, &connected, now);
    let (state, actions) = step(state, &running(1, "old", Some("no session")), &connected, now);
    assert!(asked(&actions).is_empty() && state.is_over());
    assert!(state.stopped.as_deref().is_some_and(|why| why.contains("no session")));
    assert_eq!(state.clusters[&cluster(2)], Stage::Waiting);

    let (state, actions) = step(upgrade(3, 3), &Event::Tick, &connected, now);
    assert_eq!(actions.last(), Some(&Action::WakeAt(now + PATIENCE)));
    let (state, actions) = step(state, &Event::Tick, &connected, now + PATIENCE);
    assert!(actions.is_empty() && state.is_over() && state.clusters[&cluster(1)] == Stage::Lost);
    let (state, _) = step(state, &running(1, "old", Some("too late")), &connected, now + PATIENCE);
    assert_eq!(state.clusters[&cluster(1)], Stage::Reverted { reason: "too late".into() }, "heard of at last");
}

#[test]
fn who_is_away_waits_and_who_has_it_is_done() {
    let now = from_millis(0);
    let connected = BTreeMap::from([(cluster(2), "new".to_owned()), (cluster(3), "old".to_owned())]);
    let (state, actions) = step(upgrade(3, 1), &Event::Tick, &connected, now);
    assert_eq!(asked(&actions), [3]);
    assert_eq!((&state.clusters[&cluster(1)], &state.clusters[&cluster(2)]), (&Stage::Waiting, &Stage::Done));
    let (state, actions) = step(state, &Event::Stop { by: "bob".into() }, &all_run(3, "old"), now);
    assert!(asked(&actions).is_empty() && !state.is_over(), "what was begun is finished");
    let (state, _) = step(state, &Event::Removed(cluster(3)), &connected, now);
    assert!(state.is_over());
    let stored = serde_json::to_string(&state).expect("JSON");
    assert_eq!(serde_json::from_str::<Upgrade>(&stored).ok(), Some(state));
}

#[test]
fn an_agent_changes_its_image_and_whoever_runs_takes_it_back() {
    use own::{Action, PATIENCE, Record, Seen, Wanted, decide};
    let now = from_millis(0);
    let wanted = Some(Wanted { id: cluster(9), image: "new".into() });
    let record = Record { id: cluster(9), from: "old".into(), to: "new".into(), at: now, reverted: None };
    let seen = |image: &str, record: Option<&Record>, wanted: &Option<Wanted>, proven| Seen {
        image: image.into(),
        record: record.cloned(),
        wanted: wanted.clone(),
        proven,
    };
    let change = |image: &str, record: Option<Record>| Action::Change { image: image.into(), record };
    let late = now + PATIENCE;
    let back = match decide(&seen("new", Some(&record), &None, false), late) {
        Action::Change { image, record: Some(record) } if image == "old" => record,
        other => panic!("{other:?}"),
    };
    assert!(back.reverted.is_some());
    for (what, seen, at, want) in [
        ("nothing is wanted", seen("old", None, &None, false), now, Action::Wait(None)),
        ("it is there already", seen("new", None, &wanted, true), now, Action::Wait(None)),
        ("it is asked", seen("old", None, &wanted, false), now, change("new", Some(record.clone()))),
        ("the old one watches", seen("new", Some(&record), &wanted, false), now, Action::Wait(Some(late))),
        ("the new one is in session", seen("new", Some(&record), &wanted, true), late, change("new", None)),
        ("somebody else changed it", seen("third", Some(&record), &None, false), now, change("third", None)),
        ("it is not tried again", seen("old", Some(&back), &wanted, false), late, Action::Wait(None)),
    ] {
        assert_eq!(decide(&seen, at), want, "{what}");
    }
    let another = Some(Wanted { id: cluster(10), image: "newer".into() });
    assert!(
        matches!(decide(&seen("old", Some(&back), &another, false), late), Action::Change { image, .. } if image == "newer")
    );
}
