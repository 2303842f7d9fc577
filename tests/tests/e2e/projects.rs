//! What a project does not permit is not begun, named, and left as it is where it is there already.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use windlass_tests::api::Api;
use windlass_tests::app::{App, Destination, Policy, SOON, has_condition, message_application, message_of};
use windlass_tests::fleet::{Fleet, Member};
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{Kind, configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, calm_in, cli, shared, workshop};

/// The version of cluster roles.
const ROLE: &str = "rbac.authorization.k8s.io/v1";

async fn put_project(api: &Api, name: &str, spec: Value) -> Result<Value> {
    let metadata = json!({ "name": name });
    let manifest =
        json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": metadata, "spec": spec });
    api.must(Method::PUT, &format!("/api/v1/projects/{name}"), Some(&manifest)).await
}

/// An application of a project on the first cluster.
async fn app_of(fleet: &Fleet, name: &str) -> Result<App> {
    App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated).await
}

async fn create(app: &App, project: &str, change: impl Fn(&mut Value)) -> Result<()> {
    let mut manifest = app.manifest();
    manifest["spec"]["project"] = json!(project);
    manifest["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    change(&mut manifest);
    app.api().put_application(&manifest).await.map(drop)
}

fn cluster_role(name: &str) -> Manifest {
    let rules = json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"] }]);
    Manifest::new(ROLE, "ClusterRole", name).with("rules", rules)
}

fn role_kind(name: &str) -> Kind<'_> {
    (ROLE, "ClusterRole", name)
}

async fn exists(member: &Member, namespace: &str, kind: Kind<'_>) -> Result<bool> {
    Ok(member.objects.get(namespace, kind).await?.is_some())
}

pub(crate) async fn project_fences_source_destination_and_kinds() -> Result<()> {
    let fleet = shared().await?;
    let cluster = fleet.member(EU)?;
    let (_folder, cli) = cli(fleet, "fenced-cli").await?;
    let mut app = app_of(fleet, "fenced").await?;
    let mut files = message_application("inside");
    files.push(("role.yaml", cluster_role("fenced-role")));
    files.push(("secret.yaml", manifest::secret("credentials", &[("password", "not-a-canary")])));
    files.push(("stray.yaml", manifest::configmap("fenced-stray", &[("a", "b")]).in_namespace("kube-public")));
    let commit = app.commit(&files).await?;

    // A project that does not exist permits nothing; making it is enough.
    create(&app, "fenced-team", |_| ()).await?;
    app.wait_for_status("to miss its project", |seen| {
        has_condition(seen, "InvalidSpecError", "\"fenced-team\" does not exist")
    })
    .await?;
    cli.must(&["proj", "create", "fenced-team", "--deny-namespaced-resource", "/Secret"]).await?;
    app.wait_for_status("to be refused its repository", |seen| {
        has_condition(seen, "InvalidSpecError", "project \"fenced-team\" does not permit /")
    })
    .await?;
    ensure!(app.targets().await?.is_empty(), "nothing is begun");
    let repositories = format!("{}/*", app.repo().url().rsplit_once('/').context("a folder")?.0);
    cli.must(&["proj", "add-source", "fenced-team", &repositories]).await?;
    app.wait_for_status("to be refused its destination", |seen| {
        has_condition(seen, "InvalidSpecError", "does not permit namespace \"fenced\" of cluster \"eu-1\"")
    })
    .await?;
    ensure!(app.targets().await?.is_empty(), "nothing is begun");
    cli.must(&["proj", "add-destination", "fenced-team", EU, "fenced"]).await?;

    // What is permitted is applied, the rest is named.
    let look = || cluster.objects.get("fenced", deployment("message"));
    wait_for("what is permitted to be applied", SOON, look, |found| found.is_some().then_some(())).await?;
    let seen = app
        .wait_for_status("to name what is not permitted", |seen| {
            has_condition(
                seen,
                "ExcludedResourceWarning",
                "ClusterRole fenced-role: its clusterResourceWhitelist (empty)",
            ) && has_condition(
                seen,
                "ExcludedResourceWarning",
                "Secret fenced/credentials: its namespaceResourceBlacklist",
            ) && has_condition(
                seen,
                "ExcludedResourceWarning",
                "ConfigMap kube-public/fenced-stray: namespace \"kube-public\"",
            ) && seen["targets"][0]["sync"] == "OutOfSync"
        })
        .await?;
    calm_in(cluster, &["fenced", "kube-public"]).await?;
    ensure!(!exists(cluster, "", role_kind("fenced-role")).await?, "{seen}");
    ensure!(!exists(cluster, "kube-public", configmap("fenced-stray")).await?, "{seen}");
    ensure!(!exists(cluster, "fenced", ("v1", "Secret", "credentials")).await?, "{seen}");
    let resources = fleet.api().resources("fenced").await?;
    let role = resources.iter().find(|one| one["kind"] == "ClusterRole").context("it is listed")?;
    ensure!(role["message"].as_str().unwrap_or_default().contains("proj allow-cluster-resource fenced-team"), "{role}");

    // Each is permitted by the command that its message names, and applied without a commit.
    let group = "rbac.authorization.k8s.io";
    cli.must(&["proj", "allow-cluster-resource", "fenced-team", group, "ClusterRole", "fenced-*"]).await?;
    cli.must(&["proj", "allow-namespace-resource", "fenced-team", "", "Secret"]).await?;
    cli.must(&["proj", "add-destination", "fenced-team", EU, "kube-public"]).await?;
    app.settles_at(&commit).await?;
    ensure!(
        exists(cluster, "", role_kind("fenced-role")).await?
            && exists(cluster, "kube-public", configmap("fenced-stray")).await?
    );

    // It is used, and what is used is not deleted.
    let refused = cli.run(&["proj", "delete", "fenced-team"]).await?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("argocd/fenced"), "{refused:?}");
    let listed = cli.must(&["project", "list"]).await?;
    ensure!(listed.contains("fenced-team") && listed.contains("default"), "{listed}");
    Ok(())
}

pub(crate) async fn shrinking_a_fence_deletes_nothing() -> Result<()> {
    let fleet = shared().await?;
    let cluster = fleet.member(EU)?;
    let mut app = app_of(fleet, "shrunk").await?;
    let mut files = message_application("first");
    files.push(("role.yaml", cluster_role("shrunk-role")));
    files.push(("extra.yaml", manifest::configmap("extra", &[("a", "b")])));
    files.push(("stray.yaml", manifest::configmap("shrunk-stray", &[("a", "b")]).in_namespace("kube-public")));
    let commit = app.commit(&files).await?;
    let wide = json!({
        "sourceRepos": ["*"],
        "destinations": [{ "name": EU, "namespace": "shrunk" }, { "name": EU, "namespace": "kube-public" }],
        "clusterResourceWhitelist": [{ "group": "*", "kind": "ClusterRole" }],
    });
    put_project(fleet.api(), "shrinking", wide.clone()).await?;
    create(&app, "shrinking", |_| ()).await?;
    app.settles_at(&commit).await?;

    // Kinds and a namespace are no longer permitted, and some of it leaves git at the same time.
    let narrow = json!({ "sourceRepos": ["*"], "destinations": [{ "name": EU, "namespace": "shrunk" }] });
    put_project(fleet.api(), "shrinking", narrow).await?;
    app.wait_for_status("to name what is no longer permitted", |seen| {
        has_condition(seen, "ExcludedResourceWarning", "ClusterRole shrunk-role")
    })
    .await?;
    app.remove(&["role.yaml", "stray.yaml", "extra.yaml"]).await?;
    let commit = app.commit(&[("configmap.yaml", message_of("second"))]).await?;
    let look = || cluster.objects.get("shrunk", configmap("extra"));
    wait_for("what is permitted to be pruned", SOON, look, |found| found.is_none().then_some(())).await?;
    calm_in(cluster, &["shrunk", "kube-public"]).await?;
    ensure!(exists(cluster, "", role_kind("shrunk-role")).await?, "a fence deletes nothing");
    ensure!(exists(cluster, "kube-public", configmap("shrunk-stray")).await?, "a fence deletes nothing");
    let message = cluster.objects.get("shrunk", configmap("message")).await?.context("the message")?;
    ensure!(message["data"]["MESSAGE"] == "second", "{message}");

    // No destination at all: the last good state stays, and nobody repairs it any more.
    put_project(fleet.api(), "shrinking", json!({ "sourceRepos": ["*"] })).await?;
    app.wait_for_status("to have nowhere to go", |seen| {
        has_condition(seen, "InvalidSpecError", "project \"shrinking\" does not permit namespace")
    })
    .await?;
    app.commit(&[("configmap.yaml", message_of("third"))]).await?;
    app.refresh().await?;
    calm_in(cluster, &["shrunk", "kube-public"]).await?;
    ensure!(exists(cluster, "shrunk", deployment("message")).await?, "a fence deletes nothing");
    let message = cluster.objects.get("shrunk", configmap("message")).await?.context("the message")?;
    ensure!(message["data"]["MESSAGE"] == "second", "{message}");
    ensure!(app.targets().await?.len() == 1, "the target stays");

    // Wide again: it goes on where it was, and what left git meanwhile goes.
    put_project(fleet.api(), "shrinking", wide).await?;
    let look = || cluster.objects.get("shrunk", configmap("message"));
    wait_for("the third message", SOON, look, |found| (found.as_ref()?["data"]["MESSAGE"] == "third").then_some(()))
        .await?;
    let look = || cluster.objects.get("", role_kind("shrunk-role"));
    wait_for("the role to be pruned", SOON, look, |found| found.is_none().then_some(())).await?;
    let _ = commit;
    Ok(())
}

/// The hub does not know the scope of a kind that the bundle itself defines.
pub(crate) async fn agent_refuses_what_the_hub_let_through() -> Result<()> {
    let fleet = workshop().await?;
    let cluster = fleet.member(EU)?;
    let mut app = app_of(fleet, "let-through").await?;
    let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let version = json!({ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema } });
    let names = json!({ "kind": "Fort", "plural": "forts" });
    let spec = json!({ "group": "fence.windlass.test", "scope": "Cluster", "names": names, "versions": [version] });
    let definition = Manifest::new("apiextensions.k8s.io/v1", "CustomResourceDefinition", "forts.fence.windlass.test")
        .with("spec", spec);
    let mut files = message_application("inside");
    files.push(("definition.yaml", definition));
    files.push(("fort.yaml", Manifest::new("fence.windlass.test/v1", "Fort", "alamo").with("spec.size", json!(1))));
    app.commit(&files).await?;
    let spec = json!({
        "sourceRepos": ["*"],
        "destinations": [{ "name": EU, "namespace": "*" }],
        "clusterResourceWhitelist": [{ "group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition", "name": "*.fence.windlass.test" }],
    });
    put_project(fleet.api(), "walls", spec.clone()).await?;
    create(&app, "walls", |_| ()).await?;

    let named = || async {
        let resources = fleet.api().resources("let-through").await?;
        Ok(resources.into_iter().find(|one| one["kind"] == "Fort"))
    };
    wait_for("the agent to refuse it", SOON, named, |fort| {
        let message = fort.as_ref()?["message"].as_str()?;
        message.contains("project \"walls\" does not permit fence.windlass.test/Fort alamo").then_some(())
    })
    .await?;
    calm_in(cluster, &[app.name()]).await?;
    let fort = || ("fence.windlass.test/v1", "Fort", "alamo");
    ensure!(!exists(cluster, "", fort()).await?, "it was written");
    ensure!(exists(cluster, "let-through", deployment("message")).await?, "the rest goes on");

    let mut wide = spec;
    let list = wide["clusterResourceWhitelist"].as_array_mut().context("a list")?;
    list.push(json!({ "group": "fence.windlass.test", "kind": "Fort", "name": "ala*" }));
    put_project(fleet.api(), "walls", wide).await?;
    let look = || cluster.objects.get("", fort());
    wait_for("it to be applied", SOON, look, |found| found.is_some().then_some(())).await
}
