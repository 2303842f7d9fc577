//! What people decide: syncs with options, history and rollback, freezes, dependencies, removals that need a word.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;
use windlass_domain::application::{Application, Cascade};
use windlass_domain::bundle::{Bundle, BundleEntry};
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::desired_state::DesiredState;
use windlass_domain::digest::Digest;
use windlass_domain::exchange::Hello;
use windlass_domain::health::HealthStatus;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::name::ApplicationName;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{
    Hold, OperationState, ResourceStatus, StatusDelta, SyncStatus, TargetSummary, reported_digest,
};
use windlass_domain::target::{TargetSettings, TargetSpec};
use windlass_store::{DesiredCommit, Session, SourceState};

use super::harness::{Answer, Api, application};

const WEB: &str = "/api/v1/applications/argocd/web";

/// An automated application of one labelled object on two clusters, both with an agent.
struct Fleet {
    api: Api,
    application: Application,
    clusters: Vec<Uuid>,
    sessions: Vec<Session>,
}

fn key() -> ResourceKey {
    ResourceKey { group: "apps".into(), kind: "Deployment".into(), namespace: "shop".into(), name: "web".into() }
}

/// A bundle of one object that is other for each text.
fn bundle(text: &str) -> (Bundle, Vec<u8>, Digest) {
    let manifest =
        json!({"metadata": {"labels": {"app": "web"}, "annotations": {"text": text}}}).to_string().into_bytes();
    let digest = Digest::of(&manifest);
    (Bundle::new(vec![BundleEntry { key: key(), api_version: "apps/v1".into(), digest }], true), manifest, digest)
}

impl Fleet {
    async fn start() -> Self {
        let api = Api::start_without_compiler().await;
        let mut clusters = Vec::new();
        for name in ["eu-1", "us-1"] {
            let created = api.post("/api/v1/clusters", json!({"name": name})).await;
            let uid = created.body["cluster"]["uid"].as_str().and_then(|uid| Uuid::parse_str(uid).ok());
            clusters.push(uid.expect("a uid"));
        }
        let mut manifest = application("default", "web");
        manifest["spec"]["syncPolicy"] = json!({"automated": {"prune": true}});
        assert_eq!(api.call(Method::PUT, WEB, Some(manifest)).await.status, StatusCode::CREATED);
        let name = ApplicationName::parse("web").expect("a name");
        let application = api.store.application(&name).await.expect("read").expect("there");
        let mut sessions = Vec::new();
        for cluster in &clusters {
            let opened = api.store.open_session(*cluster, &hello(), api.clock.now()).await.expect("opened");
            sessions.push(Session { cluster: *cluster, epoch: opened.epoch });
        }
        let fleet = Self { api, application, clusters, sessions };
        fleet.commit("one").await;
        fleet
    }

    /// What a commit makes; the record may have changed since the start.
    async fn commit(&self, text: &str) {
        let name = &self.application.name;
        let application = self.api.store.application(name).await.expect("read").expect("there");
        let (bundle, manifest, member) = bundle(text);
        let settings = TargetSettings::of(&application);
        let spec = TargetSpec {
            revision: text.into(),
            default_namespace: "shop".into(),
            ..TargetSpec::of(application.uid, name.clone(), bundle.digest(), settings.digest())
        };
        let contents =
            vec![(member, manifest), (bundle.digest(), bundle.to_bytes()), (settings.digest(), settings.to_bytes())];
        let source =
            SourceState { revision: Some(text.into()), bundle: Some(bundle.digest()), ..SourceState::default() };
        let commit = DesiredCommit {
            application: application.uid,
            application_revision: application.revision,
            source,
            compiled: None,
            contents,
            bundle_members: vec![(bundle.digest(), vec![member])],
            targets: Some(self.clusters.iter().map(|cluster| (*cluster, spec.clone())).collect()),
            leaving: Cascade::Orphan,
        };
        self.api.store.commit_desired(commit, self.api.clock.now()).await.expect("committed");
    }

    /// The agent of one cluster reports that it synced a commit by itself.
    async fn synced(&self, cluster: usize, text: &str, hold: Option<Hold>) {
        let now = self.api.clock.now();
        let digest = bundle(text).0.digest();
        let operation = OperationState {
            id: Uuid::now_v7(),
            by: "automated".into(),
            phase: OperationPhase::Succeeded,
            message: "successfully synced".into(),
            revision: text.into(),
            started_at: now,
            finished_at: Some(now),
            results: vec![],
        };
        let summary = TargetSummary {
            revision: text.into(),
            bundle: Some(digest),
            synced_revision: Some(text.into()),
            synced_bundle: Some(digest),
            hold,
            operation: Some(operation),
            ..TargetSummary::of(SyncStatus::Synced, HealthStatus::Healthy)
        };
        let web = ResourceStatus {
            key: key(),
            version: "v1".into(),
            sync: SyncStatus::Synced,
            health: None,
            requires_pruning: false,
            message: String::new(),
        };
        let application = self.application.uid;
        let of = Digest::of(Uuid::now_v7().as_bytes());
        let delta = StatusDelta { application, summary, changed: vec![web], removed: vec![], full: true, digest: of };
        self.api.store.apply_status(self.sessions[cluster], &[delta], now).await.expect("applied");
    }

    async fn post(&self, below: &str, body: Value) -> Answer {
        self.api.post(&format!("{WEB}/{below}"), body).await
    }

    async fn shown(&self) -> Value {
        self.api.get(WEB).await.body
    }
}

fn hello() -> Hello {
    Hello {
        instance: Uuid::nil(),
        protocol: 1,
        facts: ClusterFacts::default(),
        discovery: Digest::of(b"discovery"),
        position: None,
        rows: DesiredState::default().digest(),
        reported: reported_digest([]),
    }
}

fn has_condition(shown: &Value, kind: &str) -> bool {
    shown["status"]["conditions"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == kind))
}

#[tokio::test]
async fn a_rollback_holds_visibly_until_it_is_resumed() {
    let fleet = Fleet::start().await;
    for cluster in [0, 1] {
        fleet.synced(cluster, "one", None).await;
    }
    fleet.commit("two").await;
    fleet.synced(0, "two", None).await;
    let history = fleet.api.get(&format!("{WEB}/history")).await.body;
    let seen: Vec<_> = history["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|one| (one["id"].as_u64(), one["cluster"].as_str()))
        .collect();
    assert_eq!(seen, [(Some(2), Some("eu-1")), (Some(1), Some("eu-1")), (Some(1), Some("us-1"))]);

    let unknown = fleet.post("rollback", json!({"id": 9})).await;
    assert_eq!((unknown.status, unknown.body["field"].as_str()), (StatusCode::BAD_REQUEST, Some("id")));
    let back = fleet.post("rollback", json!({"id": 1})).await;
    assert_eq!(
        (back.status, back.body["operations"].as_array().map(Vec::len)),
        (StatusCode::OK, Some(2)),
        "{}",
        back.body
    );
    assert!(back.body["held"].as_str().is_some_and(|held| held.contains("windlass app resume")), "{}", back.body);

    let shown = fleet.shown().await;
    assert_eq!(
        (&shown["held"]["revision"], &shown["held"]["entry"], &shown["held"]["by"]),
        (&json!("one"), &json!(1), &json!("admin"))
    );
    assert!(has_condition(&shown, "HeldAtRevision"), "{shown}");
    assert_eq!((&shown["targets"][0]["desiredRevision"], &shown["source"]["revision"]), (&json!("one"), &json!("two")));
    let listed = fleet.api.get("/api/v1/applications").await.body;
    assert_eq!(listed["items"][0]["held"]["revision"], "one");
    let again = fleet.post("rollback", json!({"id": 2})).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "operations are active: {}", again.body);

    let resumed = fleet.post("resume", json!({})).await;
    assert_eq!((resumed.status, &resumed.body["revision"]), (StatusCode::OK, &json!("two")));
    let shown = fleet.shown().await;
    assert!(shown["held"].is_null() && !has_condition(&shown, "HeldAtRevision"));
    assert_eq!(shown["targets"][0]["desiredRevision"], "two");
    assert_eq!(fleet.post("resume", json!({})).await.status, StatusCode::CONFLICT);
    let events = fleet.api.get(&format!("{WEB}/events")).await.body;
    let kinds: Vec<_> = events["items"].as_array().expect("items").iter().map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds, [Some("Resumed"), Some("RolledBack")]);
}

#[tokio::test]
async fn a_whole_sync_ends_a_hold_and_a_part_does_not() {
    let fleet = Fleet::start().await;
    fleet.synced(0, "one", None).await;
    fleet.commit("two").await;
    fleet.post("rollback", json!({"id": 1, "clusters": ["eu-1"]})).await;
    let shown = fleet.shown().await;
    assert_eq!(shown["held"]["clusters"].as_array().map(Vec::len), Some(1), "{shown}");
    let other = fleet.post("sync", json!({"clusters": ["us-1"]})).await;
    assert_eq!(other.status, StatusCode::CONFLICT, "{}", other.body);
    let part = fleet.post("sync", json!({"clusters": ["us-1"], "resources": ["apps:Deployment:web"]})).await;
    assert_eq!(part.status, StatusCode::OK);
    assert!(!fleet.shown().await["held"].is_null(), "a part ends no hold");
    // What is active on a cluster is an error there; the hold ends all the same.
    fleet.post("sync", json!({})).await;
    assert!(fleet.shown().await["held"].is_null());
}

#[tokio::test]
async fn what_a_sync_is_asked_for_is_in_its_record() {
    let fleet = Fleet::start().await;
    let asked = json!({
        "prune": true, "dryRun": true, "strategy": "apply", "replace": true, "force": true, "applyOutOfSyncOnly": true,
        "labelSelector": "app in (web)", "resources": ["!*:Secret:*"], "clusters": ["eu-1"], "timeoutSeconds": 60,
        "retry": {"limit": 3, "duration": "10s", "factor": 3, "maxDuration": "1m"}, "info": [{"name": "why", "value": "é ✓"}],
    });
    let answer = fleet.post("sync", asked).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let id = answer.body["operations"][0]["id"].as_str().expect("an id").to_owned();
    let request = fleet.api.get(&format!("/api/v1/operations/{id}")).await.body["request"].clone();
    let options = &request["options"];
    let chosen: Vec<_> = options["resources"]
        .as_array()
        .expect("selectors")
        .iter()
        .map(|one| (one["kind"].as_str(), one["exclude"].as_bool()))
        .collect();
    assert_eq!(chosen, [(Some("Secret"), Some(true)), (Some("Deployment"), None)]);
    assert_eq!(
        (&options["dryRun"], &options["applyOnly"], &options["retry"]["limit"], &options["retry"]["durationMs"]),
        (&json!(true), &json!(true), &json!(3), &json!(10_000))
    );
    assert_eq!(
        (&request["prune"], &options["timeoutSeconds"], &options["info"][0][1]),
        (&json!(true), &json!(60), &json!("é ✓"))
    );
}

#[tokio::test]
async fn every_input_of_a_sync_has_a_limit() {
    let fleet = Fleet::start().await;
    let long = "x".repeat(2000);
    for (field, body) in [
        ("resources", json!({"resources": ["web"]})),
        ("resources", json!({"resources": vec!["a:b:c"; 1001]})),
        ("resources", json!({"resources": [format!("apps:Deployment:{long}")]})),
        ("clusters", json!({"clusters": vec!["eu-1"; 1001]})),
        ("cluster", json!({"clusters": ["\u{202e}eu-1"]})),
        ("strategy", json!({"strategy": "hope"})),
        ("timeoutSeconds", json!({"timeoutSeconds": 0})),
        ("timeoutSeconds", json!({"timeoutSeconds": u64::MAX})),
        ("retry.limit", json!({"retry": {"limit": -2}})),
        ("retry.duration", json!({"retry": {"duration": "soon"}})),
        ("retry.maxDuration", json!({"retry": {"maxDuration": "9999999h"}})),
        ("retry.factor", json!({"retry": {"factor": 0}})),
        ("labelSelector", json!({"labelSelector": "app=nobody"})),
        ("labelSelector", json!({"labelSelector": "=,="})),
        ("labelSelector", json!({"labelSelector": long})),
        ("labelSelector", json!({"labelSelector": "app=web", "revision": "main"})),
        ("revision", json!({"revision": "main\u{0}--upload-pack=x"})),
        ("revision", json!({"revision": long})),
        ("info", json!({"info": vec![json!({"name": "a"}); 101]})),
        ("info", json!({"info": [{"name": "a", "value": long}]})),
    ] {
        let answer = fleet.post("sync", body.clone()).await;
        let shown: String = body.to_string().chars().take(80).collect();
        assert_eq!(
            (answer.status, answer.body["field"].as_str()),
            (StatusCode::BAD_REQUEST, Some(field)),
            "{shown} {}",
            answer.body
        );
    }
    for (below, body) in [
        ("sync", json!({"dryrun": true})),
        ("sync", json!({"prune": "yes"})),
        ("rollback", json!({})),
        ("rollback", json!({"id": -1})),
        ("rollback", json!({"id": 1, "force": true})),
        ("rollback", json!({"id": 1, "dryRun": true})),
        ("abandon", json!({})),
        ("resume", json!({"now": true})),
    ] {
        assert_eq!(fleet.post(below, body.clone()).await.status, StatusCode::BAD_REQUEST, "{below} {body}");
    }
    assert!(
        fleet.api.get("/api/v1/operations").await.body["items"].as_array().is_some_and(Vec::is_empty),
        "nothing was begun"
    );
}

#[tokio::test]
async fn a_freeze_stops_writes_and_says_so_everywhere() {
    let fleet = Fleet::start().await;
    let put = |body: Value| fleet.api.call(Method::PUT, "/api/v1/freezes", Some(body));
    for (status, body) in [
        (400, json!({"kind": "all", "reason": ""})),
        (400, json!({"kind": "all", "reason": "a\nb"})),
        (400, json!({"kind": "all", "reason": "x".repeat(1001)})),
        (400, json!({"kind": "all", "name": "x", "reason": "x"})),
        (400, json!({"kind": "planet", "name": "x", "reason": "x"})),
        (400, json!({"kind": "cluster", "name": "No Name", "reason": "x"})),
        (404, json!({"kind": "cluster", "name": "nope", "reason": "x"})),
        (404, json!({"kind": "application", "name": "nope", "reason": "x"})),
    ] {
        assert_eq!(put(body.clone()).await.status.as_u16(), status, "{body}");
    }
    let frozen = put(json!({"kind": "cluster", "name": "eu-1", "reason": "incident 7"})).await;
    assert_eq!((frozen.status, &frozen.body["clusters"]), (StatusCode::OK, &json!(1)));

    let shown = fleet.shown().await;
    assert!(has_condition(&shown, "WritesFrozen"), "{shown}");
    let cluster = fleet.api.get("/api/v1/clusters/eu-1").await.body;
    assert!(
        cluster["frozen"].as_str().is_some_and(|text| text.contains("incident 7") && text.contains("admin")),
        "{cluster}"
    );
    let clusters = fleet.api.get("/api/v1/clusters").await.body;
    assert!(clusters["items"][0]["frozen"].is_string() && clusters["items"][1]["frozen"].is_null());
    let why = fleet.api.get(&format!("{WEB}/explain?cluster=eu-1")).await.body;
    assert_eq!(
        (&why["targets"][0]["verdict"], &why["targets"][0]["next"]),
        (&json!("WritesFrozen"), &json!("windlass thaw --cluster eu-1"))
    );
    let sync = fleet.post("sync", json!({})).await.body;
    let refused: Vec<_> = sync["operations"]
        .as_array()
        .expect("two")
        .iter()
        .filter(|one| one["error"].is_string())
        .map(|one| one["cluster"].as_str())
        .collect();
    assert_eq!(refused, [Some("eu-1")], "{sync}");
    let deleting = fleet.api.call(Method::DELETE, WEB, None).await;
    assert!(
        deleting.status == StatusCode::CONFLICT && deleting.message().contains("windlass thaw --cluster eu-1"),
        "{}",
        deleting.body
    );

    let thaw = |query: &'static str| fleet.api.call(Method::DELETE, query, None);
    assert_eq!(thaw("/api/v1/freezes?kind=all").await.status, StatusCode::NOT_FOUND);
    assert_eq!(thaw("/api/v1/freezes?kind=cluster&name=eu-1").await.status, StatusCode::OK);
    assert!(!has_condition(&fleet.shown().await, "WritesFrozen"));
}

#[tokio::test]
async fn who_may_freeze_what_follows_from_the_grants() {
    let fleet = Fleet::start().await;
    for (grants, allowed) in [
        (&[("applications", "sync", "default/*")][..], &["application"][..]),
        (&[("applications", "sync", "*")][..], &["application", "all"][..]),
        (&[("clusters", "update", "eu-1")][..], &["cluster"][..]),
        (&[("projects", "update", "default")][..], &["project"][..]),
        (&[("applications", "get", "*")][..], &[][..]),
    ] {
        let token = fleet.api.token("somebody", grants).await;
        for (kind, name) in [("application", "web"), ("all", ""), ("cluster", "eu-1"), ("project", "default")] {
            let body = json!({"kind": kind, "name": name, "reason": "x"});
            let answer = fleet.api.call_as(&token, Method::PUT, "/api/v1/freezes", Some(body)).await;
            assert_eq!(answer.status == StatusCode::OK, allowed.contains(&kind), "{grants:?} {kind} {}", answer.body);
        }
    }
    let other = fleet.api.token("other", &[("applications", "get", "other/*")]).await;
    let seen = fleet.api.call_as(&other, Method::GET, "/api/v1/freezes", None).await.body;
    let kinds: Vec<_> = seen["items"].as_array().expect("items").iter().map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds, [Some("all")], "names that may not be seen are left out");
}

#[tokio::test]
async fn dependencies_in_a_circle_are_refused_by_name() {
    let api = Api::start_without_compiler().await;
    let put = |name: &'static str, depends_on: Value| {
        let mut manifest = application("default", name);
        manifest["spec"]["dependsOn"] = depends_on;
        api.call(Method::PUT, if name == "web" { WEB } else { "/api/v1/applications/argocd/db" }, Some(manifest))
    };
    assert_eq!(
        put("web", json!(["db", {"selector": {"matchLabels": {"tier": "x"}}}])).await.status,
        StatusCode::CREATED,
        "it may come later"
    );
    let circle = put("db", json!([{"name": "argocd/web"}])).await;
    assert_eq!((circle.status, circle.body["field"].as_str()), (StatusCode::BAD_REQUEST, Some("spec.dependsOn")));
    assert!(circle.message().contains("argocd/db -> argocd/web -> argocd/db"), "{}", circle.message());
    for wrong in [
        json!([{"name": "a", "selector": {}}]),
        json!(["No Name"]),
        json!([{"selector": {}}]),
        json!(vec!["a"; 101]),
        json!("db"),
    ] {
        assert_eq!(put("db", wrong.clone()).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(put("db", json!([])).await.status, StatusCode::CREATED);
    let deleted = api.call(Method::DELETE, "/api/v1/applications/argocd/db", None).await;
    assert_eq!((deleted.status, &deleted.body["dependedOnBy"]), (StatusCode::ACCEPTED, &json!(["argocd/web"])));
}

#[tokio::test]
async fn a_gone_cluster_is_given_up_by_name() {
    let fleet = Fleet::start().await;
    fleet.synced(0, "one", None).await;
    let stays = fleet.post("abandon", json!({"cluster": "eu-1"})).await;
    assert_eq!(stays.status, StatusCode::CONFLICT, "{}", stays.body);
    fleet.api.call(Method::DELETE, &format!("{WEB}?cascade=foreground"), None).await;
    assert_eq!(fleet.post("abandon", json!({"cluster": "nope"})).await.status, StatusCode::BAD_REQUEST);
    let left = fleet.post("abandon", json!({"cluster": "eu-1"})).await.body;
    assert_eq!((&left["count"], &left["keys"][0]["name"], &left["gone"]), (&json!(1), &json!("web"), &json!(false)));
    let confirmed = fleet.post("confirm-deletion", json!({})).await.body;
    assert_eq!(confirmed["clusters"], json!(["us-1"]));
    let left = fleet.post("abandon", json!({"cluster": "us-1"})).await.body;
    assert_eq!(left["gone"], true);
    assert_eq!(fleet.api.get(WEB).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_approval_covers_all_clusters_that_hold_what_was_shown() {
    let fleet = Fleet::start().await;
    let hold =
        |text: &str| Hold { reason: "too many".into(), set: Digest::of(text.as_bytes()), count: 1, keys: vec![key()] };
    fleet.synced(0, "one", Some(hold("a"))).await;
    fleet.synced(1, "one", Some(hold("b"))).await;
    let shown = Digest::of(b"a").to_string();
    let answer = fleet.post("approve", json!({"sets": {"eu-1": shown, "us-1": shown}})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(
        (&answer.body["approved"][0]["cluster"], &answer.body["approved"][0]["from"]),
        (&json!("eu-1"), &json!("one"))
    );
    assert_eq!(answer.body["differing"][0]["cluster"], "us-1", "{}", answer.body);
    let nothing = fleet.post("approve", json!({"sets": {}})).await;
    assert_eq!(nothing.status, StatusCode::CONFLICT, "nothing was shown, nothing is approved");
    let events = fleet.api.get(&format!("{WEB}/events")).await.body;
    assert_eq!((&events["items"][0]["kind"], &events["items"][0]["cluster"]), (&json!("Approved"), &json!("eu-1")));
}

#[tokio::test]
async fn argo_cds_annotation_confirms_deletions_once_and_only_with_the_grant() {
    let fleet = Fleet::start().await;
    let put = async |token: &str, at: String| {
        let mut manifest = fleet.api.get(WEB).await.body["manifest"].clone();
        manifest["metadata"]["annotations"] = json!({"argocd.argoproj.io/deletion-approved": at});
        fleet.api.call_as(token, Method::PUT, WEB, Some(manifest)).await.status
    };
    let confirmed = async || {
        let targets = fleet.api.store.targets(fleet.application.uid).await.expect("read");
        targets.iter().all(|target| target.spec.as_ref().is_some_and(|spec| spec.deletion_confirmed))
    };
    let now = fleet.api.clock.now();
    let old = now.checked_sub(jiff::SignedDuration::from_hours(1)).expect("a time");
    let writer = fleet.api.token("writer", &[("applications", "update", "*"), ("applications", "get", "*")]).await;
    for (token, at, want) in [
        (&fleet.api.admin, old.to_string(), false),
        (&fleet.api.admin, "soon".to_owned(), false),
        (&writer, now.to_string(), false),
        (&fleet.api.admin, fleet.api.clock.now().to_string(), true),
    ] {
        assert_eq!(put(token, at.clone()).await, StatusCode::OK);
        assert_eq!(confirmed().await, want, "{at}");
    }
}
