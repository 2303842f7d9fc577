//! From a commit to rows in the store, over the real store and a real repository.
// A test that cannot be set up fails where it stands.
#![allow(clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use windlass_domain::application::{ApplicationManifest, ApplicationSpec, Origin};
use windlass_domain::name::ApplicationName;
use windlass_domain::project::ProjectManifest;
use windlass_domain::status::ConditionKind;
use windlass_domain::time::from_millis;
use windlass_git::GitCache;
use windlass_hub::agents::Registry;
use windlass_hub::desired::{Error, Handle, Refreshed, Service, Settings};
use windlass_runtime::clock::Clock;
use windlass_store::{Expected, Labels, NewCluster, SealKey, SqlStore, Store, StoreUrl};

#[path = "repository/work_tree.rs"]
mod work_tree;

use work_tree::{WorkTree, config_map};

struct Bed {
    store: Arc<dyn Store>,
    handle: Handle,
    stop: CancellationToken,
    repository: WorkTree,
    clock: Clock,
    _folder: TempDir,
}

impl Bed {
    async fn new() -> Self {
        windlass_runtime::tls::install_crypto_provider();
        let folder = tempfile::tempdir().expect("a folder");
        let url = StoreUrl::sqlite(folder.path().join("store.db"));
        let store = SqlStore::open(&url, SealKey::from_bytes([7; 32]).expect("a key")).await.expect("a store");
        let store: Arc<dyn Store> = Arc::new(store);
        let repository = WorkTree::init(folder.path().join("repository"));
        let clock = Clock::manual(from_millis(1_800_000_000_000));
        let options = windlass_git::Options { allow_local: true, ..Default::default() };
        let cache = GitCache::open(folder.path().join("git"), options).expect("a cache");
        let service = Service::new(Arc::clone(&store), cache, Registry::default(), clock.clone(), Settings::default());
        let (service, handle) = service.await.expect("a service");
        let stop = CancellationToken::new();
        tokio::spawn(service.run(stop.clone()));
        Self { store, handle, stop, repository, clock, _folder: folder }
    }

    async fn cluster(&self, name: &str, env: &str) -> Uuid {
        let labels: Labels = [("env".to_owned(), env.to_owned())].into();
        let new = NewCluster { uid: Uuid::new_v4(), name: name.into(), labels, server_aliases: vec![] };
        self.store.create_cluster(new, self.clock.now()).await.expect("a cluster").uid
    }

    async fn application(&self, name: &str, destination: serde_json::Value) -> ApplicationName {
        let manifest = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name},
            "spec": {
                "source": {"repoURL": self.repository.path().to_string_lossy(), "path": "app", "targetRevision": "main"},
                "destination": destination,
                "syncPolicy": {"automated": {}},
            },
        });
        let manifest = ApplicationManifest::parse(&manifest).expect("an application");
        self.store.put_application(&manifest, Origin::Api, None, self.clock.now()).await.expect("stored");
        manifest.name
    }

    fn commit(&self, file: &str, text: &str) -> String {
        self.repository.commit(&[(file, text)], "change it\n\nwith a body")
    }

    async fn refresh(&self, name: &ApplicationName) -> Refreshed {
        self.handle.refresh(name).await.expect("refreshed")
    }

    async fn rows(&self, cluster: Uuid) -> usize {
        self.store.delta(cluster, None).await.expect("a delta").rows.len()
    }

    /// Lets time pass, less than leads to a poll of an application that the service does not know, until the store says so.
    async fn settles<F: Future<Output = bool>>(&self, holds: impl Fn() -> F) {
        let mut newest = self.store.newest();
        for _ in 0..100 {
            if holds().await {
                return;
            }
            self.clock.advance(Duration::from_secs(1));
            let _ = tokio::time::timeout(Duration::from_millis(100), newest.changed()).await;
        }
        panic!("it never came to it");
    }

    fn revision(&self) -> u64 {
        *self.store.newest().borrow()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_becomes_rows_and_contents() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1", "prod").await;
    let commit = bed.commit("app/a.yaml", &config_map("a", "1"));
    let name = bed.application("web", json!({"name": "eu-1", "namespace": "shop"})).await;

    let refreshed = bed.refresh(&name).await;
    assert_eq!(
        (refreshed.revision.as_deref(), refreshed.changed, refreshed.conditions),
        (Some(commit.as_str()), true, vec![])
    );

    let delta = bed.store.delta(cluster, None).await.expect("a delta");
    let [windlass_domain::target::TargetRow::Present(row)] = delta.rows.as_slice() else { panic!("{delta:?}") };
    assert_eq!((row.revision.as_str(), row.default_namespace.as_str()), (commit.as_str(), "shop"));
    let bundle = bed.store.contents(cluster, &[row.bundle, row.settings]).await.expect("contents");
    assert_eq!(bundle.len(), 2);
    let view = bed.store.application_view(&name).await.expect("a view").expect("the application");
    assert_eq!(view.source.subject, "change it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_without_a_change_writes_nothing() {
    let bed = Bed::new().await;
    bed.cluster("eu-1", "prod").await;
    bed.commit("app/a.yaml", &config_map("a", "1"));
    let name = bed.application("web", json!({"name": "eu-1"})).await;
    assert!(bed.refresh(&name).await.changed);
    let revision = bed.revision();
    bed.clock.advance(Duration::from_secs(5));
    assert!(!bed.refresh(&name).await.changed);
    assert_eq!(bed.revision(), revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_elsewhere_keeps_the_bundle_and_moves_the_revision() {
    let bed = Bed::new().await;
    bed.cluster("eu-1", "prod").await;
    bed.commit("app/a.yaml", &config_map("a", "1"));
    let name = bed.application("web", json!({"name": "eu-1"})).await;
    bed.refresh(&name).await;
    let uid = bed.store.application(&name).await.expect("read").expect("there").uid;
    let before = bed.store.compiled(uid).await.expect("read").expect("compiled");
    let commit = bed.commit("README", "hello");
    assert_eq!(bed.refresh(&name).await.revision, Some(commit.clone()));
    let after = bed.store.compiled(uid).await.expect("read").expect("compiled");
    assert_eq!((after.bundle, after.revision), (before.bundle, commit));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_a_condition_and_the_last_good_bundle_stays() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1", "prod").await;
    let good = bed.commit("app/a.yaml", &config_map("a", "1"));
    let name = bed.application("web", json!({"name": "eu-1"})).await;
    bed.refresh(&name).await;
    let position = bed.store.position(cluster).await.expect("a position");

    bed.commit("app/a.yaml", "a: [");
    let refreshed = bed.refresh(&name).await;
    assert_eq!(refreshed.revision.as_ref(), Some(&good));
    let [condition] = refreshed.conditions.as_slice() else { panic!("{refreshed:?}") };
    assert_eq!(condition.kind, ConditionKind::ComparisonError);
    assert!(condition.message.contains("app/a.yaml"), "{}", condition.message);
    assert_eq!(bed.store.position(cluster).await.expect("a position"), position);

    bed.clock.advance(Duration::from_secs(5));
    let revision = bed.revision();
    assert_eq!(bed.refresh(&name).await.conditions, refreshed.conditions, "`since` stays while the message does");
    assert_eq!(bed.revision(), revision);

    let fixed = bed.commit("app/a.yaml", &config_map("a", "2"));
    let refreshed = bed.refresh(&name).await;
    assert_eq!((refreshed.revision, refreshed.conditions), (Some(fixed), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_found_is_a_condition() {
    let bed = Bed::new().await;
    bed.commit("app/a.yaml", &config_map("a", "1"));
    let name = bed.application("web", json!({"name": "nowhere"})).await;
    let refreshed = bed.refresh(&name).await;
    assert_eq!(refreshed.conditions.iter().map(|c| c.kind).collect::<Vec<_>>(), [ConditionKind::InvalidSpecError]);

    // The cluster appears: its application is compiled without anybody asking for it.
    let cluster = bed.cluster("nowhere", "prod").await;
    let mut newest = bed.store.newest();
    bed.handle.clusters_changed();
    while bed.store.delta(cluster, None).await.expect("a delta").rows.is_empty() {
        newest.changed().await.expect("the store is open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_application_goes_to_every_matching_cluster_and_leaves_those_that_stop_matching() {
    let bed = Bed::new().await;
    let clusters = [bed.cluster("a", "prod").await, bed.cluster("b", "prod").await];
    let other = bed.cluster("c", "dev").await;
    bed.commit("app/a.yaml", &config_map("a", "1"));
    let name = bed.application("web", json!({"clusterSelector": {"matchLabels": {"env": "prod"}}})).await;
    bed.refresh(&name).await;
    for cluster in clusters {
        assert_eq!(bed.store.delta(cluster, None).await.expect("a delta").rows.len(), 1);
    }
    assert!(bed.store.delta(other, None).await.expect("a delta").rows.is_empty());

    bed.store.update_cluster("b", Labels::new(), vec![], bed.clock.now()).await.expect("updated");
    bed.refresh(&name).await;
    let rows = bed.store.delta(clusters[1], None).await.expect("a delta").rows;
    assert!(matches!(rows.as_slice(), [windlass_domain::target::TargetRow::Removing(_)]), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_poll_finds_a_commit_that_nobody_told_of() {
    let bed = Bed::new().await;
    bed.cluster("eu-1", "prod").await;
    bed.commit("app/a.yaml", &config_map("a", "1"));
    let name = bed.application("web", json!({"name": "eu-1"})).await;
    bed.refresh(&name).await;
    let commit = bed.commit("app/a.yaml", &config_map("a", "2"));
    let mut newest = bed.store.newest();
    bed.clock.advance(Duration::from_secs(11));
    loop {
        let view = bed.store.application_view(&name).await.expect("a view").expect("there");
        if view.source.revision.as_ref() == Some(&commit) {
            return;
        }
        newest.changed().await.expect("the store is open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_moves_many_applications_is_a_few_transactions() {
    const MANY: usize = 300;
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1", "prod").await;
    bed.commit("app/a.yaml", &config_map("a", "1"));
    for number in 0..MANY {
        bed.application(&format!("web-{number}"), json!({"name": "eu-1", "namespace": format!("n{number}")})).await;
    }
    bed.settles(|| async { bed.rows(cluster).await == MANY }).await;
    let before = bed.store.position(cluster).await.expect("a position").generation;
    let commit = bed.commit("app/a.yaml", &config_map("a", "2"));
    let moved = || async {
        let rows = bed.store.delta(cluster, None).await.expect("a delta").rows;
        rows.iter().all(|row| match row {
            windlass_domain::target::TargetRow::Present(row) => row.revision == commit,
            windlass_domain::target::TargetRow::Removing(_) => false,
        })
    };
    bed.settles(moved).await;
    // Two, and one more whenever the test's clock jumps; each of those that are compiled at the same time alone would make 75.
    let transactions = bed.store.position(cluster).await.expect("a position").generation - before;
    assert!((1..=15).contains(&transactions), "{transactions} transactions for {MANY} applications");
}

/// Another hub's write and one whose answer was lost look the same: it is in the store, and nobody told the service.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_hub_wrote_is_compiled_without_being_told() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("a", "prod").await;
    bed.commit("app/a.yaml", &config_map("a", "1"));
    let looked = bed.application("first", json!({"name": "a"})).await;
    bed.refresh(&looked).await;
    bed.application("second", json!({"clusterSelector": {"matchLabels": {"env": "prod"}}})).await;
    bed.settles(|| async { bed.rows(cluster).await == 2 }).await;

    let other = bed.cluster("b", "prod").await;
    bed.settles(|| async { bed.rows(other).await == 1 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_cannot_be_refreshed() {
    let bed = Bed::new().await;
    let name = ApplicationName::new("", "nobody").expect("a name");
    assert!(matches!(bed.handle.refresh(&name).await, Err(Error::NotFound(_))));
    bed.stop.cancel();
    assert!(matches!(bed.handle.refresh(&name).await, Err(Error::Stopped | Error::NotFound(_))));
}

async fn project(bed: &Bed, spec: serde_json::Value) {
    let manifest = ProjectManifest::parse(&json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "default"}, "spec": spec,
    }));
    let manifest = manifest.expect("a project");
    bed.store.put_project(&manifest, Expected::Anything, bed.clock.now()).await.expect("stored");
}

/// What another hub wrote is found in the feed; what this one wrote, it is told of.
#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_followed_at_once_and_takes_nothing_away() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1", "prod").await;
    bed.commit("app/a.yaml", &config_map("a", "1"));
    let web = bed.application("web", json!({"name": "eu-1", "namespace": "shop"})).await;
    bed.refresh(&web).await;
    let row = async || {
        let uid = bed.store.application(&web).await.expect("read").expect("there").uid;
        bed.store.targets(uid).await.expect("read").remove(0).spec.expect("a row")
    };
    let open = row().await;
    let condition = async |text: &str| {
        let view = bed.store.application_view(&web).await.expect("read").expect("there");
        view.source.conditions.iter().any(|condition| condition.message.contains(text))
    };

    project(&bed, json!({"sourceRepos": ["*"], "destinations": [{"name": "eu-1", "namespace": "shop"}]})).await;
    bed.settles(|| async { row().await.settings != open.settings }).await;
    assert_eq!(row().await.bundle, open.bundle, "a fence of its own, and nothing else");

    project(&bed, json!({"sourceRepos": ["https://elsewhere.example/*"], "destinations": [{"name": "eu-1", "namespace": "shop"}]})).await;
    bed.settles(|| async { condition("spec.source.repoURL: project \"default\" does not permit").await }).await;
    bed.commit("app/a.yaml", &config_map("a", "2"));
    let refused = bed.refresh(&web).await;
    assert_eq!(refused.conditions[0].kind, ConditionKind::InvalidSpecError);
    assert_eq!((row().await.bundle, bed.rows(cluster).await), (open.bundle, 1), "the last good state stays");

    project(&bed, json!({"sourceRepos": ["*"], "destinations": [{"name": "eu-2", "namespace": "*"}]})).await;
    bed.settles(|| async { condition("does not permit namespace \"shop\" of cluster \"eu-1\"").await }).await;
    assert_eq!((row().await.bundle, bed.rows(cluster).await), (open.bundle, 1), "the last good state stays");

    project(&bed, ProjectManifest::permissive_default().to_value()["spec"].clone()).await;
    bed.settles(|| async { row().await.bundle != open.bundle }).await;
    assert_eq!(row().await.settings, open.settings, "a project that refuses nothing adds nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_does_not_exist_is_a_condition_until_it_does() {
    let bed = Bed::new().await;
    let cluster = bed.cluster("eu-1", "prod").await;
    bed.commit("app/a.yaml", &config_map("a", "1"));
    let name = bed.application("web", json!({"name": "eu-1", "namespace": "shop"})).await;
    let stored = bed.store.application(&name).await.expect("read").expect("there");
    let spec = ApplicationSpec { project: "shop".into(), ..stored.spec };
    let manifest = ApplicationManifest { name: name.clone(), metadata: stored.metadata, spec };
    bed.store.put_application(&manifest, Origin::Api, None, bed.clock.now()).await.expect("stored");
    let refused = bed.refresh(&name).await;
    let message = &refused.conditions[0].message;
    assert!(message.contains("\"shop\" does not exist; create it with `windlass proj create shop`"), "{message}");
    assert_eq!(bed.rows(cluster).await, 0);
    let ProjectManifest { metadata, spec, .. } = ProjectManifest::permissive_default();
    let shop = ProjectManifest { name: "shop".into(), metadata, spec };
    bed.store.put_project(&shop, Expected::Nothing, bed.clock.now()).await.expect("stored");
    bed.handle.project_changed("shop");
    bed.settles(|| async { bed.rows(cluster).await == 1 }).await;
}
