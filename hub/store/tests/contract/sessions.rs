//! Sessions: epochs, and what the agent's statements are compared with.

use windlass_domain::desired_state::{Chain, Position};
use windlass_domain::digest::Digest;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::exchange::{Compare, Hello};
use windlass_domain::status::reported_digest;
use windlass_store::{Comparison, Error, Session, Store};

use crate::bed::Bed;
use crate::contract;
use crate::fixture::{at, cluster, deployed, healthy, hello, rendered, session};

contract! {
    async fn an_older_session_writes_nothing(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, rendered) = deployed(&*bed, "web", &eu).await;
        let old = session(&*bed, &eu).await;
        let new = session(&*bed, &eu).await;
        assert!(new.epoch > old.epoch);
        let before = bed.cluster_view("eu-1").await.expect("read");
        let report = [healthy(&web).delta_from(None)];
        assert!(matches!(bed.ack(old, 1).await, Err(Error::Fenced)));
        assert!(matches!(bed.held(old, web.uid, rendered.bundle).await, Err(Error::Fenced)));
        assert!(matches!(bed.put_discovery(old, &Discovery::default()).await, Err(Error::Fenced)));
        assert!(matches!(bed.verified(old, at(3)).await, Err(Error::Fenced)));
        assert!(matches!(bed.apply_status(old, &report, at(3)).await, Err(Error::Fenced)));
        bed.close_session(old, at(3)).await.expect("an old session's end is nothing");
        assert_eq!(bed.cluster_view("eu-1").await.expect("read"), before);
        bed.apply_status(new, &report, at(3)).await.expect("applied");
        bed.verified(new, at(5)).await.expect("stored");
        bed.close_session(new, at(6)).await.expect("closed");
        let view = bed.cluster_view("eu-1").await.expect("read").expect("there");
        assert_eq!((view.connected, view.verified_at, view.connection_changed_at), (false, Some(at(5)), Some(at(6))));
    }

    async fn a_position_of_another_history_is_not_known(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        deployed(&*bed, "web", &eu).await;
        let current = bed.position(eu.uid).await.expect("a position");
        let knows = async |position: Option<Position>| bed.open_session(eu.uid, &hello(position), at(2)).await.expect("opened").knows_position;
        assert!(knows(None).await);
        assert!(knows(Some(current)).await);
        assert!(knows(Some(Position { generation: 0, chain: Chain::START, ..current })).await);
        assert!(!knows(Some(Position { chain: Chain([9; 32]), ..current })).await);
        assert!(!knows(Some(Position { generation: current.generation + 1, ..current })).await);
        assert!(!knows(Some(Position { incarnation: uuid::Uuid::max(), ..current })).await);
    }

    async fn a_resource_list_is_asked_for_once(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let resource = ApiResource { group: String::new(), version: "v1".into(), kind: "Pod".into(), plural: "pods".into(), namespaced: true };
        let discovery = Discovery::new(vec![resource], vec![]);
        let hello = Hello { discovery: discovery.digest(), ..hello(None) };
        let opened = bed.open_session(eu.uid, &hello, at(1)).await.expect("opened");
        assert!(!opened.knows_discovery);
        assert_eq!(bed.discovery(eu.uid).await.expect("read"), None);
        bed.put_discovery(Session { cluster: eu.uid, epoch: opened.epoch }, &discovery).await.expect("stored");
        assert_eq!(bed.discovery(eu.uid).await.expect("read"), Some(discovery));
        assert!(bed.open_session(eu.uid, &hello, at(2)).await.expect("opened").knows_discovery);
    }

    async fn comparisons_find_what_differs(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        let report = healthy(&web);
        bed.apply_status(session, &[report.delta_from(None)], at(3)).await.expect("applied");
        let delta = bed.delta(eu.uid, None).await.expect("a delta");
        let same = Compare {
            sent_at: at(4),
            generation: delta.to.generation,
            rows: delta.digest,
            reported: reported_digest([(&web.uid, &report.digest())]),
            watches_live: true, frozen: vec![],
        };
        let generation = delta.to.generation;
        let found = |reports_differ, rows_differ| Comparison { generation, reports_differ, rows_differ };
        assert_eq!(bed.compare(eu.uid, &same).await.expect("compared"), found(false, false));
        let other_report = Compare { reported: reported_digest([]), ..same.clone() };
        assert_eq!(bed.compare(eu.uid, &other_report).await.expect("compared"), found(true, false));
        let other_rows = Compare { rows: Digest::of(b"other"), ..same.clone() };
        assert_eq!(bed.compare(eu.uid, &other_rows).await.expect("compared"), found(false, true));
        let on_its_way = Compare { generation: 0, ..other_rows };
        assert_eq!(bed.compare(eu.uid, &on_its_way).await.expect("compared"), found(false, false), "and it says where the store is");
        let greeting = Hello { reported: same.reported, ..hello(None) };
        let opened = bed.open_session(eu.uid, &greeting, at(5)).await.expect("opened");
        assert!(opened.knows_reports && opened.rows == delta.digest);
    }

    async fn connected_clusters_say_where_they_stand(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        deployed(&*bed, "web", &eu).await;
        assert_eq!(bed.generations().await.expect("read"), vec![]);
        let first = session(&*bed, &eu).await;
        assert_eq!(bed.generations().await.expect("read"), vec![(eu.uid, 1)]);
        session(&*bed, &us).await;
        bed.close_session(first, at(3)).await.expect("closed");
        assert_eq!(bed.generations().await.expect("read"), vec![(us.uid, 0)]);
    }

    async fn what_cannot_be_taken_is_shown_until_the_next_session(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let first = session(&*bed, &eu).await;
        let shown = async || bed.cluster_view("eu-1").await.expect("read").expect("there").problem;
        bed.session_problem(first, "a message of 17 MiB").await.expect("stored");
        assert_eq!(shown().await.as_deref(), Some("a message of 17 MiB"));
        let newest = *bed.newest().borrow();
        bed.session_problem(first, "a message of 17 MiB").await.expect("stored");
        assert_eq!(*bed.newest().borrow(), newest);
        session(&*bed, &eu).await;
        assert_eq!(shown().await, None);
        assert!(matches!(bed.session_problem(first, "late").await, Err(Error::Fenced)));
    }

    async fn what_an_agent_holds_is_noted(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        bed.held(session, web.uid, bundle.bundle).await.expect("stored");
        bed.held(session, web.uid, rendered("unknown").bundle).await.expect("of what is not stored nothing is noted");
        bed.held(session, uuid::Uuid::new_v4(), bundle.bundle).await.expect("nor of a target that is gone");
        assert_eq!(bed.targets(web.uid).await.expect("read")[0].held, Some(bundle.bundle));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_a_hub_that_falls_silent_are_over() {
    let Some(bed) = Bed::postgres("silent").await else { return };
    let other = bed.again().await;
    let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
    session(&*bed, &eu).await;
    session(&other, &us).await;
    let connected = async |name: &str| bed.cluster_view(name).await.expect("read").expect("there").connected;
    const SECOND: i64 = 1000;
    for beat in 0..4 {
        bed.beat(at(beat * 15 * SECOND)).await.expect("beaten");
        // Its clock is hours off; only its counting matters.
        other.beat(at((7000 + beat * 15) * SECOND)).await.expect("beaten");
    }
    assert!(connected("eu-1").await && connected("us-1").await);
    assert_eq!(other.beat(at(7089 * SECOND)).await.expect("beaten"), 0, "44 s of silence are not enough");
    assert_eq!(other.beat(at(7091 * SECOND)).await.expect("beaten"), 1);
    assert!(!connected("eu-1").await && connected("us-1").await);
    bed.beat(at(120 * SECOND)).await.expect("it was only slow");
    assert!(connected("eu-1").await, "a hub that lives shows its sessions again");
    bed.store.close().await;
    assert_eq!(
        other.beat(at(7110 * SECOND)).await.expect("beaten"),
        1,
        "a hub that ended in order is no longer waited for"
    );
}

/// PostgreSQL may be shared: there the sessions may be another replica's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_a_process_that_died_are_over() {
    let bed = Bed::sqlite().await;
    let eu = cluster(&*bed, "eu-1").await;
    let before = session(&*bed, &eu).await;
    bed.store.close().await;
    let restarted = bed.again().await;
    assert!(!restarted.cluster_view("eu-1").await.expect("read").expect("there").connected);
    assert!(session(&restarted, &eu).await.epoch > before.epoch);
}
