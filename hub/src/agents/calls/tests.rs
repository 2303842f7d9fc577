use std::time::Duration;

use tokio::sync::watch as watched;
use windlass_domain::question::{ObjectSelector, RefusalCode, What};

use super::*;

fn question() -> Question {
    Question { application: Uuid::nil(), what: What::GetResource(ObjectSelector::default()) }
}

fn bed() -> (Registry, Calls, Clock) {
    let clock = Clock::manual(Timestamp::from_second(1_000).expect("a time"));
    let registry = Registry::default();
    (registry.clone(), Calls::new(registry, clock.clone()), clock)
}

const CLUSTER: Uuid = Uuid::from_u128(1);
const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_cluster_without_a_session_is_offline() {
    let (_, calls, _) = bed();
    assert_eq!(calls.ask(CLUSTER, &question(), LIMIT).await.err(), Some(CallError::Offline));
}

#[tokio::test]
async fn an_answer_comes_piece_by_piece_and_its_end_is_told_from_a_break() {
    let (registry, calls, _) = bed();
    let mut place = registry.enter(CLUSTER, watched::channel(None).0);
    for (last, want) in [
        (Piece::End, Ok(Bytes::from_static(b"ab"))),
        (Piece::Failed(CallError::Broken("x".into())), Err(CallError::Broken("x".into()))),
        (
            Piece::Failed(CallError::Refused(Refused::new(RefusalCode::Busy, "b"))),
            Err(CallError::Refused(Refused::new(RefusalCode::Busy, "b"))),
        ),
    ] {
        let answer = calls.ask(CLUSTER, &question(), LIMIT).await.expect("a session");
        let (id, _) = place.questions.recv().await.expect("told");
        let waits = registry.pending.take(id, CLUSTER).expect("it waits");
        for piece in [Piece::Opened, Piece::Data("a".into()), Piece::Data("b".into()), last] {
            assert!(waits.pieces.try_send(piece).is_ok());
        }
        assert_eq!(answer.whole(10).await, want);
    }
    let answer = calls.ask(CLUSTER, &question(), LIMIT).await.expect("a session");
    let (id, _) = place.questions.recv().await.expect("told");
    let waits = registry.pending.take(id, CLUSTER).expect("it waits");
    assert!(waits.pieces.try_send(Piece::Data("abc".into())).is_ok());
    drop(waits);
    assert!(matches!(answer.whole(10).await, Err(CallError::Broken(_))), "the stream was cut");
}

#[tokio::test]
async fn a_question_is_taken_by_its_own_cluster_once() {
    let (registry, calls, _) = bed();
    let mut place = registry.enter(CLUSTER, watched::channel(None).0);
    let answer = calls.ask(CLUSTER, &question(), LIMIT).await.expect("a session");
    let (id, _) = place.questions.recv().await.expect("told");
    assert!(registry.pending.take(id, Uuid::from_u128(2)).is_none(), "another cluster");
    assert!(registry.pending.take(Uuid::from_u128(9), CLUSTER).is_none(), "another question");
    assert!(registry.pending.take(id, CLUSTER).is_some() && registry.pending.take(id, CLUSTER).is_none());
    drop(answer);
}

#[tokio::test]
async fn who_lets_the_answer_go_cancels_the_question() {
    let (registry, calls, _) = bed();
    let mut place = registry.enter(CLUSTER, watched::channel(None).0);
    let answer = calls.ask(CLUSTER, &question(), LIMIT).await.expect("a session");
    let (id, _) = place.questions.recv().await.expect("told");
    drop(answer);
    assert!(registry.pending.take(id, CLUSTER).is_none(), "before the stream was opened");

    let answer = calls.ask(CLUSTER, &question(), LIMIT).await.expect("a session");
    let (id, _) = place.questions.recv().await.expect("told");
    let mut waits = registry.pending.take(id, CLUSTER).expect("it waits");
    drop(answer);
    assert!(waits.read.changed().await.is_err(), "and while it is answered");
}

#[tokio::test]
async fn a_flood_for_one_cluster_leaves_the_others_alone() {
    let (registry, calls, _) = bed();
    let mut place = registry.enter(CLUSTER, watched::channel(None).0);
    let _other = registry.enter(Uuid::from_u128(2), watched::channel(None).0);
    let mut answers = Vec::new();
    for _ in 0..PER_CLUSTER {
        answers.push(calls.ask(CLUSTER, &question(), LIMIT).await.expect("a place"));
        place.questions.recv().await.expect("told");
    }
    assert_eq!(calls.ask(CLUSTER, &question(), LIMIT).await.err(), Some(CallError::Busy(PER_CLUSTER)));
    assert!(calls.ask(Uuid::from_u128(2), &question(), LIMIT).await.is_ok());
    answers.pop();
    assert!(calls.ask(CLUSTER, &question(), LIMIT).await.is_ok(), "a place is given back");
}

#[tokio::test]
async fn a_question_ends_with_its_session_and_with_its_time() {
    let (registry, calls, clock) = bed();
    let place = registry.enter(CLUSTER, watched::channel(None).0);
    let mut answer = calls.ask(CLUSTER, &question(), LIMIT).await.expect("a session");
    drop(place);
    assert_eq!(answer.next().await, Err(CallError::SessionEnded));

    let mut place = registry.enter(CLUSTER, watched::channel(None).0);
    let mut untaken = calls.ask(CLUSTER, &question(), LIMIT).await.expect("a session");
    let mut slow = calls.ask(CLUSTER, &question(), LIMIT).await.expect("a session");
    place.questions.recv().await.expect("told");
    let (id, _) = place.questions.recv().await.expect("told");
    let waits = registry.pending.take(id, CLUSTER).expect("it waits");
    for piece in [Piece::Opened, Piece::Data("a".into())] {
        assert!(waits.pieces.try_send(piece).is_ok());
    }
    assert_eq!(slow.next().await, Ok(Some(Bytes::from_static(b"a"))));
    clock.advance(OPEN_LIMIT);
    assert_eq!(untaken.next().await, Err(CallError::NotTaken));
    clock.advance(LIMIT);
    assert_eq!(slow.next().await, Err(CallError::Deadline(LIMIT)));
}
