//! Tables of upgrades.

use super::*;
use crate::time::from_millis;

fn id(cluster: u128) -> Uuid {
    Uuid::from_u128(cluster)
}

fn upgrade(count: u128, max_unavailable: u32) -> Upgrade {
    let entry = |n| Entry { cluster: id(n), name: format!("c{n}"), stage: Stage::Waiting };
    Upgrade {
        id: id(99),
        to: Wanted::Image("new".into()),
        max_unavailable,
        patience_seconds: 300,
        by: "ann".into(),
        started_at: from_millis(0),
        clusters: (1..=count).map(entry).collect(),
        stopped: None,
    }
}

fn standing(connected: bool, verified: i64) -> Standing {
    Standing { connected, verified_at: Some(from_millis(verified)) }
}

fn fleet(count: u128, verified: i64) -> BTreeMap<Uuid, Standing> {
    (1..=count).map(|n| (id(n), standing(true, verified))).collect()
}

fn busy(upgrade: &Upgrade) -> Vec<u128> {
    let asked = |entry: &&Entry| matches!(entry.stage, Stage::Asked { .. });
    upgrade.clusters.iter().filter(asked).map(|entry| entry.cluster.as_u128()).collect()
}

fn says(cluster: u128, progress: Progress, message: &str) -> Event {
    let answer = Answer { progress, image: "new".into(), before: "old".into(), message: message.into() };
    Event::Answered { cluster: id(cluster), answer }
}

#[test]
fn the_first_goes_alone_and_then_so_many_at_a_time() {
    let (now, all) = (from_millis(1_000), fleet(5, 2_000));
    let state = step(upgrade(5, 2), &Event::Tick, &all, now);
    assert_eq!((busy(&state), state.due(&all)), (vec![1], vec![id(1)]));
    let state = step(state, &says(1, Progress::UnderWay, "on its way"), &all, now);
    assert_eq!(busy(&state), [1]);
    let unverified = fleet(5, 500);
    let state = step(state, &says(1, Progress::There, ""), &unverified, now);
    assert_eq!(busy(&state), [1], "its facts are of before");
    let state = step(state, &says(1, Progress::There, ""), &all, now);
    assert_eq!(busy(&state), [2, 3]);
    let state = step(state, &says(3, Progress::There, ""), &all, now);
    assert_eq!(busy(&state), [2, 4]);
    assert!(!state.is_over() && state.is_under_way());
    let state = [2, 4, 5].into_iter().fold(state, |state, n| step(state, &says(n, Progress::There, ""), &all, now));
    assert!(state.is_over() && state.stopped.is_none());
    let stored = serde_json::to_string(&state).expect("JSON");
    assert_eq!(serde_json::from_str::<Upgrade>(&stored).ok(), Some(state));
}

#[test]
fn nobody_else_is_begun_after_one_that_failed_and_the_sentence_says_it_all() {
    let (now, all) = (from_millis(0), fleet(8, 0));
    let state = step(upgrade(8, 3), &Event::Tick, &all, now);
    let state = step(state, &says(1, Progress::Reverted, "no agent was in sync"), &all, now);
    assert!(busy(&state).is_empty() && state.is_over());
    let why = state.stopped.as_deref().expect("stopped");
    for part in ["cluster c1: ", "no agent was in sync", "not touched: c2, c3, c4, c5, c6 and 2 more"] {
        assert!(why.contains(part), "{why}");
    }
}

#[test]
fn one_that_is_not_heard_of_stops_it_and_may_still_speak_later() {
    let (now, all) = (from_millis(0), fleet(2, 0));
    let late = now + PATIENCE + GRACE;
    let state = step(upgrade(2, 1), &Event::Tick, &all, now);
    let state = step(state, &Event::Tick, &all, late);
    assert!(state.is_over() && matches!(state.stage(id(1)), Some(Stage::Lost { .. })));
    assert!(state.stopped.as_deref().is_some_and(|why| why.contains("not touched: c2")));
    assert_eq!(state.due(&all), [id(1)]);
    let state = step(state, &says(1, Progress::Reverted, "too late"), &all, late);
    assert_eq!(state.stage(id(1)), Some(&Stage::Reverted { reason: "too late".into() }));
}

#[test]
fn who_is_away_waits_and_who_cannot_is_named_and_passed_over() {
    let now = from_millis(0);
    let mut all = fleet(3, 1);
    all.insert(id(1), standing(false, 0));
    let state = step(upgrade(3, 1), &Event::Tick, &all, now);
    assert_eq!(busy(&state), [2]);
    let state = step(state, &says(2, Progress::Impossible, "a process outside"), &all, now);
    assert_eq!(busy(&state), [3], "it proves nothing, and stops nothing");
    let state = step(state, &says(3, Progress::There, "had it"), &all, now);
    assert!(!state.is_over() && !state.is_under_way(), "the first is away");
    let without = BTreeMap::from([(id(3), standing(true, 1))]);
    let state = step(state, &Event::Tick, &without, now);
    assert!(state.is_over() && state.clusters.len() == 1, "what was removed is not waited for");
    let stopped = step(upgrade(2, 1), &Event::Tick, &fleet(2, 0), now);
    let stopped = step(stopped, &Event::Stop { reason: "ann stopped it".into() }, &fleet(2, 0), now);
    assert!(!stopped.is_over() && busy(&stopped) == [1], "what was begun is finished");
    let refused = Event::Refused { cluster: id(1), reason: "too old".into() };
    let stopped = step(stopped, &refused, &fleet(2, 0), now);
    assert!(stopped.is_over() && busy(&stopped).is_empty());
}

#[test]
fn a_version_is_another_tag_of_the_same_image() {
    let wanted = Wanted::Version("2.0".into());
    for (present, want) in [
        ("windlass-agent:1.0", Some("windlass-agent:2.0")),
        ("windlass-agent", Some("windlass-agent:2.0")),
        ("mirror.test:5000/team/agent:1.0", Some("mirror.test:5000/team/agent:2.0")),
        ("mirror.test:5000/team/agent", Some("mirror.test:5000/team/agent:2.0")),
        ("team/agent@sha256:ab", None),
    ] {
        assert_eq!(wanted.image(present).ok().as_deref(), want, "{present}");
    }
    assert_eq!(Wanted::Image("x@sha256:ab".into()).image("y@sha256:cd"), Ok("x@sha256:ab".into()));
}

mod agent {
    use super::super::own::*;
    use super::*;

    const OLD: Option<&str> = Some("before");

    fn request() -> Request {
        Request { id: id(9), to: Wanted::Image("new".into()), patience_seconds: 300 }
    }

    fn idle() -> Seen {
        Seen {
            image: "old".into(),
            marker: OLD.map(Into::into),
            record: None,
            mine: OLD.map(Into::into),
            leads: true,
            in_sync: true,
        }
    }

    /// The Deployment after the change, seen by the old agent.
    fn after(seen: &Seen, change: &Change) -> Seen {
        let mut seen = Seen { record: change.record.clone(), ..seen.clone() };
        if let Some(Template { image, marker }) = change.template.clone() {
            (seen.image, seen.marker) = (image, marker);
        }
        seen
    }

    fn begun() -> Seen {
        after(&idle(), &asked(&idle(), &request(), from_millis(0)).expect("a change"))
    }

    fn the_new_one(seen: &Seen, leads: bool, in_sync: bool) -> Seen {
        Seen { mine: Some(id(9).to_string()), leads, in_sync, ..seen.clone() }
    }

    fn changed(action: Action) -> Change {
        match action {
            Action::Change(change) => change,
            Action::Wait(until) => panic!("it waits until {until:?}"),
        }
    }

    #[test]
    fn a_request_changes_the_deployment_once_and_is_answered_from_then_on() {
        let seen = begun();
        assert_eq!((seen.image.as_str(), seen.marker.as_deref()), ("new", Some(id(9).to_string().as_str())));
        let again = asked(&seen, &request(), from_millis(1)).expect_err("an answer");
        assert_eq!((again.progress, again.before.as_str()), (Progress::UnderWay, "old"));
        let other = Request { id: id(10), ..request() };
        assert_eq!(asked(&seen, &other, from_millis(1)).expect_err("an answer").progress, Progress::UnderWay);
        let same = Request { to: Wanted::Image("old".into()), ..request() };
        assert_eq!(asked(&idle(), &same, from_millis(1)).expect_err("an answer").progress, Progress::There);
        let pinned = Seen { image: "x@sha256:ab".into(), ..idle() };
        let version = Request { to: Wanted::Version("2".into()), ..request() };
        assert_eq!(asked(&pinned, &version, from_millis(1)).expect_err("an answer").progress, Progress::Impossible);
    }

    #[test]
    fn the_new_agent_in_sync_ends_it_and_nobody_else_does() {
        let (seen, now) = (begun(), from_millis(1));
        let until = Action::Wait(Some(now - Duration::from_millis(1) + PATIENCE));
        for (what, seen, want) in [
            ("the old one watches", seen.clone(), &until),
            ("the new one stands by", the_new_one(&seen, false, false), &until),
            ("the new one is not in sync yet", the_new_one(&seen, true, false), &until),
        ] {
            assert_eq!(decide(&seen, now), *want, "{what}");
        }
        let proven = changed(decide(&the_new_one(&seen, true, true), now));
        assert_eq!(proven, Change { template: None, record: None });
        let done = after(&the_new_one(&seen, true, true), &proven);
        assert_eq!(decide(&done, now), Action::Wait(None));
        assert_eq!(asked(&done, &request(), now).expect_err("an answer").progress, Progress::There);
    }

    #[test]
    fn whoever_is_left_takes_it_back_as_it_was() {
        let (seen, late) = (begun(), from_millis(0) + PATIENCE);
        for (what, seen) in [("the old one", seen.clone()), ("the new one", the_new_one(&seen, true, false))] {
            let back = changed(decide(&seen, late));
            assert_eq!(back.template, Some(Template { image: "old".into(), marker: OLD.map(Into::into) }), "{what}");
            let seen = after(&seen, &back);
            let answer = asked(&seen, &request(), late).expect_err("an answer");
            assert_eq!((answer.progress, answer.image.as_str()), (Progress::Reverted, "old"), "{what}");
            assert!(answer.message.contains("within 300 s"), "{}", answer.message);
            assert_eq!(decide(&seen, late), Action::Wait(None), "and is not tried again");
            let another = Request { id: id(10), ..request() };
            assert!(asked(&seen, &another, late).is_ok(), "but another request is");
        }
    }

    #[test]
    fn the_lease_is_given_once_and_comes_back_as_a_failure() {
        let (seen, now) = (begun(), from_millis(1));
        assert_eq!(the_new_one(&seen, true, false).hand_over_to("new-1"), None, "it is the new one itself");
        assert_eq!(Seen { leads: false, ..seen.clone() }.hand_over_to("new-1"), None);
        assert_eq!(idle().hand_over_to("new-1"), None, "nothing is being upgraded");
        let handed = after(&seen, &seen.hand_over_to("new-1").expect("given"));
        assert_eq!(handed.hand_over_to("new-1"), None, "once");
        let standby = Seen { leads: false, ..handed.clone() };
        assert!(matches!(decide(&standby, now), Action::Wait(Some(_))), "the new one has its time");
        let back = changed(decide(&handed, now));
        assert!(back.template.is_some() && back.record.and_then(|record| record.reverted).is_some());
    }

    #[test]
    fn what_somebody_else_changes_meanwhile_is_their_word() {
        let now = from_millis(0) + PATIENCE;
        for seen in [Seen { image: "third".into(), ..begun() }, Seen { marker: None, ..begun() }] {
            assert_eq!(decide(&seen, now), Action::Change(Change { template: None, record: None }));
        }
        let written = serde_json::to_string(&begun().record).expect("JSON");
        assert_eq!(serde_json::from_str::<Option<Record>>(&written).ok(), Some(begun().record));
    }
}
