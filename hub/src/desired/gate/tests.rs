use serde_json::json;
use windlass_domain::application::{ApplicationManifest, Origin};
use windlass_domain::project::ProjectManifest;
use windlass_domain::time::from_millis;

use super::*;
use crate::desired::targets::tests::views;

fn application(selector: bool) -> Application {
    let destination = match selector {
        true => json!({"clusterSelector": {"matchLabels": {}}, "namespace": "shop"}),
        false => json!({"name": "1", "namespace": "shop"}),
    };
    let manifest = ApplicationManifest::parse(&json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"},
        "spec": {"project": "shop", "source": {"repoURL": "https://git.example/shop/app"}, "destination": destination},
    }));
    let ApplicationManifest { name, metadata, spec } = manifest.expect("an application");
    let (uid, created_at) = (Uuid::from_u128(9), from_millis(0));
    Application { uid, name, metadata, spec, origin: Origin::Api, created_at, deletion: None, revision: 1 }
}

fn gate<'a>(application: &'a Application, spec: serde_json::Value) -> Gate<'a> {
    let manifest =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "shop"}, "spec": spec});
    let ProjectManifest { name, metadata, spec } = ProjectManifest::parse(&manifest).expect("a project");
    let (uid, created_at) = (Uuid::from_u128(8), from_millis(0));
    let project = AppProject { uid, name, metadata, spec, created_at, revision: 1 };
    Gate { application, project, customizations: None }
}

fn clusters() -> Vec<Cluster> {
    let cluster = |id: u128| Cluster {
        uid: Uuid::from_u128(id),
        name: id.to_string(),
        labels: Default::default(),
        server_aliases: vec![],
        facts: None,
        created_at: from_millis(0),
        revision: 1,
    };
    (1..=3).map(cluster).collect()
}

fn row(application: &Application, bundle: &str) -> TargetSpec {
    let clusters = clusters();
    let rows =
        crate::desired::targets::rows(application, &clusters, &[], (Digest::of(bundle.as_bytes()), bundle), None);
    rows.expect("rows").rows.remove(0).1
}

fn ids(rows: &TargetRows) -> Vec<(u128, &str)> {
    rows.iter().map(|(cluster, spec)| (cluster.as_u128(), spec.revision.as_str())).collect()
}

#[test]
fn clusters_that_are_not_permitted_are_left_as_they_are() {
    let application = application(true);
    let gate = gate(&application, json!({"destinations": [{"name": "1", "namespace": "*"}]}));
    let all = |revision: &str| -> TargetRows {
        let spec = row(&application, revision);
        (1..=3).map(|id| (Uuid::from_u128(id), spec.clone())).collect()
    };
    let mut fresh = all("new");
    let refused = gate.destinations(&clusters(), &[], &mut fresh);
    assert_eq!((ids(&fresh), refused.len()), (vec![(1, "new")], 2), "nothing is begun there");
    assert!(refused.iter().all(|problem| problem.kind == ConditionKind::InvalidSpecError), "{refused:?}");
    let mut moved = all("new");
    gate.destinations(&clusters(), &views(&all("old")[..2]), &mut moved);
    assert_eq!(ids(&moved), [(1, "new"), (2, "old")], "what is there is neither changed nor taken away");
}

#[test]
fn a_destination_that_is_not_permitted_takes_nothing_away_from_the_one_before() {
    let application = application(false);
    let gate = gate(&application, json!({"destinations": [{"name": "2", "namespace": "*"}]}));
    let before = [(Uuid::from_u128(2), row(&application, "old"))];
    let mut rows: TargetRows = vec![(Uuid::from_u128(1), row(&application, "new"))];
    let refused = gate.destinations(&clusters(), &views(&before), &mut rows);
    assert_eq!((ids(&rows), refused.len()), (vec![(2, "old")], 1));
    assert!(refused[0].message.contains("project \"shop\" does not permit namespace \"shop\" of cluster \"1\""));
}

#[test]
fn a_fence_that_refuses_nothing_is_left_out() {
    let application = application(false);
    let settings = |spec: serde_json::Value| {
        let gate = gate(&application, spec);
        let mut rows: TargetRows = vec![(Uuid::from_u128(1), row(&application, "new"))];
        let contents = gate.settle(&clusters(), &mut rows);
        assert_eq!((contents.len(), contents[0].0), (1, rows[0].1.settings));
        TargetSettings::from_bytes(&contents[0].1).expect("settings")
    };
    let open = json!({"destinations": [{"server": "*", "namespace": "*"}], "clusterResourceWhitelist": [{"group": "*", "kind": "*"}]});
    assert_eq!(settings(open), TargetSettings::of(&application));
    let fenced = settings(json!({"destinations": [{"name": "1", "namespace": "shop"}]}));
    assert!(fenced.fence.is_some_and(|fence| fence.refuses_namespace("other").is_some()));
}

#[test]
fn the_address_that_is_dialled_is_compared() {
    let mut application = application(false);
    let spec = json!({"sourceRepos": ["*", "!https://git.example/secret/*"]});
    for (given, permitted) in [
        ("https://git.example/shop/app", true),
        ("https://git.example/shop/../secret/app", false),
        ("https://GIT.example:443/secret/app.git", false),
        ("https://ｇｉｔ.example/secret/app", false),
        ("https://git.example/%73ecret/app", false),
    ] {
        application.spec.source.as_mut().expect("a source").repo_url = given.into();
        assert_eq!(gate(&application, spec.clone()).sources().is_ok(), permitted, "{given}");
    }
}
