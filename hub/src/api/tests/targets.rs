//! What a person's word does to targets: sync, terminate, approve, adopt.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;
use windlass_domain::application::Cascade;
use windlass_domain::bundle::Bundle;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::desired_state::{DesiredState, Position};
use windlass_domain::digest::Digest;
use windlass_domain::exchange::Hello;
use windlass_domain::health::HealthStatus;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::name::ApplicationName;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{
    Hold, OperationState, ResourceStatus, StatusDelta, SyncStatus, TargetSummary, reported_digest,
};
use windlass_domain::target::{TargetRow, TargetSettings, TargetSpec};
use windlass_store::{DesiredCommit, Session, SourceState};

use super::harness::{Answer, Api};

const WEB: &str = "/api/v1/applications/argocd/web";

/// An application with a bundle on two clusters, one of which has an agent.
struct Deployed {
    api: Api,
    application: Uuid,
    bundle: Digest,
    session: Session,
}

impl Deployed {
    async fn start() -> Self {
        let api = Api::start_without_compiler().await;
        let mut clusters = Vec::new();
        for name in ["eu-1", "us-1"] {
            let created = api.post("/api/v1/clusters", json!({"name": name})).await;
            clusters.push(
                created.body["cluster"]["uid"].as_str().and_then(|uid| Uuid::parse_str(uid).ok()).expect("a uid"),
            );
        }
        api.apply("shop", "web").await;
        let name = ApplicationName::parse("web").expect("a name");
        let application = api.store.application(&name).await.expect("read").expect("there");
        let bundle = Bundle::new(vec![], true);
        let settings = TargetSettings::default();
        let spec = TargetSpec {
            revision: "c0ffee".into(),
            default_namespace: "shop".into(),
            ..TargetSpec::of(application.uid, name, bundle.digest(), settings.digest())
        };
        let commit = DesiredCommit {
            application: application.uid,
            application_revision: application.revision,
            source: SourceState {
                revision: Some("c0ffee".into()),
                bundle: Some(bundle.digest()),
                ..SourceState::default()
            },
            compiled: None,
            contents: vec![(bundle.digest(), bundle.to_bytes()), (settings.digest(), settings.to_bytes())],
            bundle_members: vec![(bundle.digest(), vec![])],
            targets: Some(clusters.iter().map(|cluster| (*cluster, spec.clone())).collect()),
            leaving: Cascade::Orphan,
        };
        api.store.commit_desired(commit, api.clock.now()).await.expect("committed");
        let opened = api.store.open_session(clusters[0], &hello(), api.clock.now()).await.expect("opened");
        let session = Session { cluster: clusters[0], epoch: opened.epoch };
        Self { api, application: application.uid, bundle: bundle.digest(), session }
    }

    /// The agent of `eu-1` reports.
    async fn report(&self, bundle: Digest, hold: Option<Hold>, resources: Vec<ResourceStatus>) {
        self.report_with(bundle, hold, resources, None).await;
    }

    async fn report_with(
        &self,
        bundle: Digest,
        hold: Option<Hold>,
        resources: Vec<ResourceStatus>,
        operation: Option<OperationState>,
    ) {
        let summary = TargetSummary {
            revision: "c0ffee".into(),
            bundle: Some(bundle),
            hold,
            operation,
            ..TargetSummary::of(SyncStatus::Synced, HealthStatus::Healthy)
        };
        let digest = Digest::of(format!("{summary:?}{resources:?}").as_bytes());
        let delta = StatusDelta {
            application: self.application,
            summary,
            changed: resources,
            removed: vec![],
            full: true,
            digest,
        };
        self.api.store.apply_status(self.session, &[delta], self.api.clock.now()).await.expect("stored");
    }

    async fn post(&self, below: &str, body: Value) -> Answer {
        self.api.post(&format!("{WEB}/{below}"), body).await
    }

    /// The row of `eu-1`.
    async fn spec(&self) -> TargetSpec {
        let delta = self.api.store.delta(self.session.cluster, None).await.expect("rows");
        let spec = delta.rows.into_iter().find_map(|row| match row {
            TargetRow::Present(spec) => Some(spec),
            TargetRow::Removing(_) => None,
        });
        spec.expect("a row")
    }
}

fn hello() -> Hello {
    let none: Option<Position> = None;
    Hello {
        instance: Uuid::nil(),
        protocol: 1,
        facts: ClusterFacts::default(),
        discovery: Digest::of(b"discovery"),
        position: none,
        rows: DesiredState::default().digest(),
        reported: reported_digest([]),
    }
}

fn key(name: &str) -> ResourceKey {
    ResourceKey { group: String::new(), kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into() }
}

fn hold(name: &str) -> Hold {
    Hold { reason: "too many".into(), set: Digest::of(name.as_bytes()), count: 1, keys: vec![key(name)] }
}

#[tokio::test]
async fn a_sync_is_a_record_in_each_targets_row() {
    let web = Deployed::start().await;
    let started = web.post("sync", json!({"prune": true})).await;
    assert_eq!(started.status, StatusCode::OK, "{}", started.body);
    assert_eq!(started.body["operations"].as_array().map(Vec::len), Some(2));
    let operation = web.spec().await.operation.expect("an operation");
    assert_eq!((operation.bundle, operation.prune, operation.by.as_str()), (web.bundle, true, "admin"));
    assert_eq!(operation.deadline.duration_since(operation.requested_at).as_mins(), 10);
    let listed = web.api.get(&format!("/api/v1/operations/{}", operation.id)).await;
    assert_eq!((listed.status, &listed.body["application"]), (StatusCode::OK, &json!("argocd/web")));
    assert_eq!(web.api.get("/api/v1/operations?application=argocd%2Fweb").await.body["total"], 2);

    assert_eq!(web.post("sync", json!({})).await.status, StatusCode::CONFLICT, "one at a time");
    let stopped = web.post("terminate", json!({"cluster": "eu-1"})).await;
    assert_eq!(stopped.status, StatusCode::OK, "{}", stopped.body);
    assert!(web.spec().await.operation.is_some_and(|operation| operation.terminate));
    assert_eq!(web.post("sync", json!({"clusters": ["nope"]})).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_an_agent_began_by_itself_is_stopped_as_well() {
    let web = Deployed::start().await;
    let own = |phase| OperationState {
        id: Uuid::from_u128(7),
        by: "automated sync".into(),
        phase,
        message: "waiting for a hook".into(),
        revision: "c0ffee".into(),
        started_at: web.api.clock.now(),
        finished_at: None,
        results: vec![],
    };
    web.report_with(web.bundle, None, vec![], Some(own(OperationPhase::Succeeded))).await;
    let nothing = web.post("terminate", json!({})).await;
    assert_eq!(nothing.status, StatusCode::CONFLICT, "{}", nothing.body);
    assert!(nothing.message().contains("no operation that could be stopped"), "{}", nothing.message());

    let running = OperationState { id: Uuid::from_u128(8), ..own(OperationPhase::Running) };
    web.report_with(web.bundle, None, vec![], Some(running.clone())).await;
    let stopped = web.post("terminate", json!({})).await;
    assert_eq!((stopped.status, &stopped.body["operations"][0]["id"]), (StatusCode::OK, &json!(running.id)));
    let asked = web.spec().await.operation.expect("an operation");
    assert_eq!((asked.id, asked.terminate, asked.by.as_str()), (running.id, true, "admin"));
    let refused = web.post("sync", json!({"clusters": ["eu-1"]})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "one at a time: {}", refused.body);
    let ended = OperationState { phase: OperationPhase::Failed, ..running };
    web.report_with(web.bundle, None, vec![], Some(ended)).await;
    assert_eq!(web.spec().await.operation, None);
}

#[tokio::test]
async fn an_approval_is_for_the_set_that_was_shown() {
    let web = Deployed::start().await;
    web.report(web.bundle, Some(hold("a")), vec![]).await;
    let shown = web.api.get(WEB).await;
    let target =
        shown.body["targets"].as_array().and_then(|targets| targets.iter().find(|t| t["cluster"] == "eu-1")).cloned();
    let set = target.expect("a target")["hold"]["set"].clone();
    web.report(web.bundle, Some(hold("b")), vec![]).await;
    let late = web.post("approve", json!({"cluster": "eu-1", "set": set})).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.body);
    assert_eq!(web.spec().await.approval, None);

    let approved = web.post("approve", json!({"cluster": "eu-1"})).await;
    assert_eq!(approved.status, StatusCode::OK, "{}", approved.body);
    assert_eq!(approved.body["approved"][0]["keys"][0]["name"], "b");
    let approval = web.spec().await.approval.expect("an approval");
    assert_eq!((approval.bundle, approval.set), (web.bundle, Digest::of(b"b")));
}

#[tokio::test]
async fn a_hold_of_an_older_commit_is_not_approved() {
    let web = Deployed::start().await;
    web.report(Digest::of(b"older"), Some(hold("a")), vec![]).await;
    let answer = web.post("approve", json!({})).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.message().contains("newer commit"), "{}", answer.message());
}

#[tokio::test]
async fn what_was_reported_of_an_older_commit_is_not_in_sync() {
    let web = Deployed::start().await;
    let sync_of = async || web.api.get(WEB).await.body["targets"].clone();
    let eu = |targets: Value| {
        targets.as_array().and_then(|all| all.iter().find(|t| t["cluster"] == "eu-1")).cloned().expect("eu-1")
    };
    web.report(Digest::of(b"older"), None, vec![]).await;
    let target = eu(sync_of().await);
    assert_eq!((&target["sync"], &target["current"]), (&json!("OutOfSync"), &json!(false)));
    web.report(web.bundle, None, vec![]).await;
    let target = eu(sync_of().await);
    assert_eq!((&target["sync"], &target["current"]), (&json!("Synced"), &json!(true)));
}

#[tokio::test]
async fn what_agents_refused_is_adopted_and_nothing_else() {
    let web = Deployed::start().await;
    let resource = |name: &str, message: &str| ResourceStatus {
        key: key(name),
        version: "v1".into(),
        sync: SyncStatus::OutOfSync,
        health: None,
        requires_pruning: false,
        message: message.into(),
    };
    let refused = resource("theirs", "belongs to Argo CD; `windlass app adopt` takes it over");
    web.report(web.bundle, None, vec![resource("ours", "differs"), refused]).await;
    let adopted = web.post("adopt", json!({})).await;
    assert_eq!(adopted.status, StatusCode::OK, "{}", adopted.body);
    let adoption = web.spec().await.adoption.expect("an adoption");
    assert_eq!((adoption.keys, adoption.by.as_str()), (vec![key("theirs")], "admin"));
    let page = web.api.get(&format!("{WEB}/resources?cluster=eu-1&search=ours")).await;
    assert_eq!((&page.body["total"], &page.body["items"][0]["cluster"]), (&json!(1), &json!("eu-1")), "{}", page.body);
}

#[tokio::test]
async fn an_application_on_its_way_out_is_not_kept_by_the_same_manifest() {
    let web = Deployed::start().await;
    assert_eq!(web.api.call(axum::http::Method::DELETE, WEB, None).await.status, StatusCode::ACCEPTED);
    let again = web.api.apply("shop", "web").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.message().contains("being deleted"), "{}", again.message());
}
