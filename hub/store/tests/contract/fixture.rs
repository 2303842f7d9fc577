//! Things to put into a store.

use serde_json::json;
use uuid::Uuid;
use windlass_domain::application::{Application, ApplicationManifest, Cascade, Origin};
use windlass_domain::bundle::{Bundle, BundleEntry};
use windlass_domain::cluster::{Cluster, ClusterFacts};
use windlass_domain::desired_state::{DesiredState, Position};
use windlass_domain::digest::Digest;
use windlass_domain::exchange::Hello;
use windlass_domain::health::{Health, HealthStatus};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::name::ApplicationName;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{OperationState, ResourceStatus, SyncStatus, TargetReport, TargetSummary};
use windlass_domain::target::{OperationRequest, TargetSettings, TargetSpec};
use windlass_domain::time::{Timestamp, from_millis};
use windlass_store::{DesiredCommit, NewCluster, Session, SourceState, Store};

pub(crate) const HOUR: i64 = 3_600_000;

/// Milliseconds after some moment.
pub(crate) fn at(millis: i64) -> Timestamp {
    from_millis(1_700_000_000_000 + millis)
}

pub(crate) fn name(text: &str) -> ApplicationName {
    ApplicationName::parse(text).expect("a name")
}

pub(crate) fn manifest(text: &str) -> ApplicationManifest {
    let ApplicationName { namespace, name } = name(text);
    let value = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "source": {"repoURL": "https://git.example/shop/web.git", "path": "app"},
            "destination": {"name": "eu-1", "namespace": "shop"},
        },
    });
    ApplicationManifest::parse(&value).expect("an application")
}

pub(crate) async fn application(store: &dyn Store, text: &str) -> Application {
    store.put_application(&manifest(text), Origin::Api, None, at(0)).await.expect("stored").value
}

pub(crate) async fn cluster(store: &dyn Store, name: &str) -> Cluster {
    let new = NewCluster {
        uid: Uuid::new_v4(),
        name: name.into(),
        labels: [("env".into(), "test".into())].into(),
        server_aliases: vec![],
    };
    store.create_cluster(new, at(0)).await.expect("created")
}

pub(crate) fn key(name: &str) -> ResourceKey {
    ResourceKey { group: "apps".into(), kind: "Deployment".into(), namespace: "shop".into(), name: name.into() }
}

/// What a render of one commit gives.
pub(crate) struct Rendered {
    pub(crate) revision: String,
    pub(crate) bundle: Digest,
    pub(crate) contents: Vec<(Digest, Vec<u8>)>,
    pub(crate) members: Vec<Digest>,
}

/// A bundle of one object with this text in it.
pub(crate) fn rendered(text: &str) -> Rendered {
    let manifest = json!({"text": text}).to_string().into_bytes();
    bundle_of(text, vec![(Digest::of(&manifest), manifest)])
}

pub(crate) fn bundle_of(revision: &str, manifests: Vec<(Digest, Vec<u8>)>) -> Rendered {
    let entry = |(index, (digest, _)): (usize, &(Digest, Vec<u8>))| BundleEntry {
        key: key(&format!("web-{index}")),
        api_version: "apps/v1".into(),
        digest: *digest,
    };
    let bundle = Bundle::new(manifests.iter().enumerate().map(entry).collect(), true);
    let members = manifests.iter().map(|(digest, _)| *digest).collect();
    let settings = TargetSettings::default();
    let mut contents = manifests;
    contents.push((bundle.digest(), bundle.to_bytes()));
    contents.push((settings.digest(), settings.to_bytes()));
    Rendered { revision: revision.into(), bundle: bundle.digest(), contents, members }
}

pub(crate) fn spec(application: &Application, rendered: &Rendered) -> TargetSpec {
    TargetSpec {
        revision: rendered.revision.clone(),
        default_namespace: "shop".into(),
        ..TargetSpec::of(application.uid, application.name.clone(), rendered.bundle, TargetSettings::default().digest())
    }
}

/// The commit that puts a render onto clusters.
pub(crate) fn commit(application: &Application, rendered: &Rendered, clusters: &[Uuid]) -> DesiredCommit {
    DesiredCommit {
        application: application.uid,
        application_revision: application.revision,
        source: SourceState {
            revision: Some(rendered.revision.clone()),
            bundle: Some(rendered.bundle),
            ..SourceState::default()
        },
        compiled: None,
        contents: rendered.contents.clone(),
        bundle_members: vec![(rendered.bundle, rendered.members.clone())],
        targets: Some(clusters.iter().map(|cluster| (*cluster, spec(application, rendered))).collect()),
        leaving: Cascade::Foreground,
    }
}

/// An application with one commit on one cluster.
pub(crate) async fn deployed(store: &dyn Store, application_name: &str, cluster: &Cluster) -> (Application, Rendered) {
    let application = application(store, application_name).await;
    let rendered = rendered(application_name);
    store.commit_desired(commit(&application, &rendered, &[cluster.uid]), at(1)).await.expect("committed");
    (application, rendered)
}

pub(crate) fn hello(position: Option<Position>) -> Hello {
    Hello {
        instance: Uuid::nil(),
        protocol: 1,
        facts: ClusterFacts { kubernetes_version: "v1.36.0".into(), ..ClusterFacts::default() },
        discovery: Digest::of(b"discovery"),
        position,
        rows: DesiredState::default().digest(),
        reported: windlass_domain::status::reported_digest([]),
    }
}

pub(crate) async fn session(store: &dyn Store, cluster: &Cluster) -> Session {
    let opened = store.open_session(cluster.uid, &hello(None), at(2)).await.expect("opened");
    Session { cluster: cluster.uid, epoch: opened.epoch }
}

pub(crate) fn summary(sync: SyncStatus, health: HealthStatus) -> TargetSummary {
    TargetSummary { revision: "a".into(), ..TargetSummary::of(sync, health) }
}

/// A report of the bundle that [`deployed`] gives, unless the summary says another.
pub(crate) fn report(application: &Application, mut summary: TargetSummary, objects: &[&str]) -> TargetReport {
    let name = application.name.to_string();
    summary.bundle = summary.bundle.or_else(|| Some(rendered(name.strip_prefix("argocd/").unwrap_or(&name)).bundle));
    let resource = |name: &&str| {
        let status = ResourceStatus {
            key: key(name),
            version: "v1".into(),
            sync: SyncStatus::Synced,
            health: Some(Health { status: HealthStatus::Healthy, message: String::new() }),
            requires_pruning: false,
            message: String::new(),
        };
        (key(name).to_string(), status)
    };
    TargetReport { application: application.uid, summary, resources: objects.iter().map(resource).collect() }
}

/// A report of a target that is well.
pub(crate) fn healthy(application: &Application) -> TargetReport {
    report(application, summary(SyncStatus::Synced, HealthStatus::Healthy), &["web"])
}

/// The last word of a removal.
pub(crate) fn removed(application: &Application) -> TargetReport {
    let summary = TargetSummary { removed: true, ..summary(SyncStatus::Unknown, HealthStatus::Missing) };
    report(application, summary, &[])
}

pub(crate) fn operation(rendered: &Rendered) -> OperationRequest {
    OperationRequest {
        id: Uuid::now_v7(),
        bundle: rendered.bundle,
        prune: false,
        by: "ann".into(),
        requested_at: at(3),
        deadline: at(HOUR),
        terminate: false,
        options: Default::default(),
    }
}

pub(crate) fn state(id: Uuid, phase: OperationPhase) -> OperationState {
    OperationState {
        id,
        by: "ann".into(),
        phase,
        message: String::new(),
        revision: "a".into(),
        started_at: at(4),
        finished_at: None,
        results: vec![],
    }
}
