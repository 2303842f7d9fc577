//! What an older version has left, opened by this one: `versions/*.sql` are rows as the named version wrote them.

use uuid::Uuid;
use windlass_domain::desired_state::{DesiredState, Position};
use windlass_domain::health::HealthStatus;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{ConditionKind, SyncStatus};
use windlass_store::{ApplicationQuery, ListQuery, SqlStore, Store};

use crate::contract;
use crate::fixture::{at, commit, hello, name, rendered};

/// The migrations up to each version, and the rows that it left.
const VERSIONS: [(&str, &str); 3] = [
    (include_str!("../../migrations/0001_initial.sql"), include_str!("versions/0001.sql")),
    (include_str!("../../migrations/0002_wider.sql"), include_str!("versions/0002.sql")),
    (include_str!("../../migrations/0003_identity_and_live.sql"), include_str!("versions/0003.sql")),
];

/// What the first version's hub had told its agents of the rows of `eu-1` and `us-1`.
const DIGESTS: [(&str, &str); 2] = [
    ("eu-1", "1:0b0c488c5073cdb6500559da1a9b543ebea0273d4d5da8bda8d9378b16d1a685"),
    ("us-1", "1:c6d0f0a9833dba41473f436f7cc058d9b8a9f7d62907e261cfeceab5b2788441"),
];

async fn from_first(bed: &crate::bed::Bed) -> SqlStore {
    from_version(bed, 1).await
}

/// The store of an installation that stopped at a version, opened by this build.
async fn from_version(bed: &crate::bed::Bed, version: usize) -> SqlStore {
    let mut script = "CREATE TABLE schema_version (version BIGINT PRIMARY KEY);".to_owned();
    for (number, (migration, _)) in (1..).zip(&VERSIONS[..version]) {
        script.push_str(&format!(" INSERT INTO schema_version (version) VALUES ({number});\n{migration}\n;"));
    }
    bed.become_older(&script, VERSIONS[version - 1].1).await;
    bed.again().await
}

async fn uid(store: &SqlStore, cluster: &str) -> Uuid {
    store.cluster_view(cluster).await.expect("read").expect("there").cluster.uid
}

/// What the second version has, and all later ones.
async fn of_the_second(store: &SqlStore) {
    assert_eq!(store.secret("ca-key").await.expect("read").expect("there").expose(), b"key");
    assert_eq!(store.list_clusters(&ListQuery::default()).await.expect("a page").total, 2);
    let page = store.list_applications(&ApplicationQuery::default()).await.expect("a page");
    assert_eq!(page.items.len(), 3);
    assert!(store.project("default").await.expect("read").is_some());
    let web = store.application_view(&name("web")).await.expect("read").expect("there");
    let uid = web.application.uid;
    let history = store.history(uid, None, &ListQuery::default()).await.expect("a page");
    assert_eq!(history.items.iter().map(|entry| entry.revision.as_str()).collect::<Vec<_>>(), ["one"]);
    assert_eq!(store.freezes().await.expect("read").len(), 1);
    let events = store.events(Some(&name("web")), &ListQuery::default()).await.expect("a page");
    assert_eq!(events.items.first().map(|event| event.message.as_str()), Some("held at one"));
    assert_eq!(store.contents(web.targets[0].cluster, &[]).await.expect("contents").len(), 0);
    for (cluster, digest) in DIGESTS {
        let delta = store.delta(self::uid(store, cluster).await, None).await.expect("a delta");
        assert_eq!(delta.digest.to_string(), digest, "{cluster}: agents hold these rows");
        DesiredState::default().advanced(None, &delta).expect("what an agent makes of the rows has this digest");
    }
}

contract! {
    async fn the_first_versions_rows_are_all_readable(bed: Bed) {
        let store = from_first(&bed).await;
        assert_eq!(SqlStore::schema_version(), 4, "a newer schema needs rows of the fourth version here");
        assert_eq!(store.secret("ca-key").await.expect("read").expect("there").expose(), b"key");
        assert!(store.principal_by_token(Uuid::from_u128(11), [5; 32], at(1)).await.expect("read").is_some());
        let repository = store.repository("https://git.example/shop/web").await.expect("read").expect("there");
        assert_eq!(repository.credentials.expect("some").expose(), b"user:word");
        assert_eq!(store.list_repositories(&ListQuery::default()).await.expect("a page").total, 1);
        assert_eq!(store.list_clusters(&ListQuery::default()).await.expect("a page").total, 2);
        let eu = store.cluster_view("eu-1").await.expect("read").expect("there");
        assert_eq!((eu.verified_at, eu.acked, eu.certificate_not_after.is_some()), (Some(at(7)), 3, true));
        assert!(store.discovery(eu.cluster.uid).await.expect("read").is_some());
        assert!(store.certificate("0a0b").await.expect("read").is_some());
        assert!(store.cluster_view("us-1").await.expect("read").expect("there").join_token_expires_at.is_some());

        let page = store.list_applications(&ApplicationQuery::default()).await.expect("a page");
        let names: Vec<_> = page.items.iter().map(|view| view.application.name.name.clone()).collect();
        assert_eq!(names, ["leaving", "shop", "web"]);
        let web = store.application_view(&name("web")).await.expect("read").expect("there");
        assert_eq!(web.application.metadata.labels.get("team").map(String::as_str), Some("shop's"));
        assert_eq!(web.source.conditions[0].kind, ConditionKind::RenderWarning);
        assert!(store.compiled(web.application.uid).await.expect("read").is_some());
        let (on_eu, on_us) = (&web.targets[0], &web.targets[1]);
        let spec = on_eu.spec.as_ref().expect("a row");
        let operation = spec.operation.as_ref().expect("an operation");
        assert!(spec.approval.is_some() && on_us.spec.as_ref().is_some_and(|spec| spec.adoption.is_some()));
        let summary = on_eu.summary.as_ref().expect("a report");
        assert_eq!((summary.health, on_eu.held), (HealthStatus::Progressing, summary.bundle));
        assert_eq!(web.groups.iter().map(|group| (group.sync, group.count)).collect::<Vec<_>>(), [(SyncStatus::Unknown, 1), (SyncStatus::OutOfSync, 1)]);
        let record = store.operation(operation.id).await.expect("read").expect("there").state.expect("reported");
        assert_eq!((record.phase, record.results.len()), (OperationPhase::Running, 1));
        assert_eq!(store.list_resources(web.application.uid, None, &ListQuery::default()).await.expect("a page").total, 2);
        let contents = store.contents(eu.cluster.uid, &[spec.bundle]).await.expect("contents");
        assert_eq!(contents.len(), 1);
        let changes = store.changes(0, 100).await.expect("the feed");
        assert!(changes.iter().any(|change| change.deleted) && changes.len() > 5);
        let leaving = store.application_view(&name("leaving")).await.expect("read").expect("there");
        assert!(leaving.application.deletion.is_some() && leaving.targets[0].removing.is_some());
    }

    async fn the_second_versions_rows_are_all_readable(bed: Bed) {
        let store = from_version(&bed, 2).await;
        of_the_second(&store).await;
        let eu = store.cluster_view("eu-1").await.expect("read").expect("there");
        assert_eq!((eu.removal, eu.agents_address), (None, None));
        let identity = store.identity(eu.cluster.uid).await.expect("read");
        assert_eq!(identity.next.as_deref(), Some("0a0b"), "what its certificates say");
        assert_eq!(store.certificate("0a0b").await.expect("read").expect("there").authority, 0);
        assert_eq!(store.settings().await.expect("settings").revision, 0);
    }

    async fn the_third_versions_rows_are_all_readable(bed: Bed) {
        let store = from_version(&bed, 3).await;
        of_the_second(&store).await;
        let identity = store.identity(uid(&store, "eu-1").await).await.expect("read");
        assert_eq!((identity.current.as_deref(), identity.alerts.len()), (Some("0a0b"), 1));
        assert!(identity.forgotten.is_empty());
        assert_eq!(store.authorities().await.expect("read").len(), 1);
        assert_eq!(store.agents_address(uid(&store, "us-1").await).await.expect("read").as_deref(), Some("other.example:8444"));
        assert_eq!(store.settings().await.expect("settings").revision, 30);
        assert!(store.upgrades(10).await.expect("read").is_empty());
    }

    async fn agents_of_the_first_version_go_on_where_they_were(bed: Bed) {
        let store = from_first(&bed).await;
        for (cluster, digest) in DIGESTS {
            let delta = store.delta(uid(&store, cluster).await, None).await.expect("a delta");
            assert_eq!(delta.digest.to_string(), digest, "{cluster}");
            DesiredState::default().advanced(None, &delta).expect("what an agent makes of the rows has this digest");
        }
        let eu = uid(&store, "eu-1").await;
        let held: Position = store.position(eu).await.expect("a position");
        let state = DesiredState::default().advanced(None, &store.delta(eu, None).await.expect("a delta")).expect("taken");
        let greeting = windlass_domain::exchange::Hello { rows: state.digest(), ..hello(Some(held)) };
        let opened = store.open_session(eu, &greeting, at(10)).await.expect("opened");
        assert!(opened.knows_position && opened.rows == greeting.rows && opened.position == held);

        let web = store.application(&name("web")).await.expect("read").expect("there");
        store.commit_desired(commit(&web, &rendered("three"), &[eu]), at(11)).await.expect("committed");
        let step = store.delta(eu, Some(held.generation)).await.expect("a delta");
        assert_eq!((step.from, step.to.generation, step.rows.len(), step.full), (held.generation, held.generation + 1, 1, false));
        state.advanced(Some(&held), &step).expect("the step fits");
    }
}
