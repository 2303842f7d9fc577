//! Ways into a cluster besides the printed command, what each profile may do there, and the way out.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use windlass_tests::app::{App, SOON, has_condition, message_application};
use windlass_tests::helm::program as helm;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{Objects, configmap, deployment};
use windlass_tests::pod::NAMESPACE;
use windlass_tests::wait::{wait_for, wait_until};

use super::registration::{Desk, ended};

const CLUSTER: &str = "new-1";

fn deploy() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").canonicalize()?)
}

async fn app_of(desk: &Desk, name: &str) -> Result<App> {
    App::alone(desk.hub.api(), &desk.folder.path().join("git"), name, CLUSTER).await
}

fn the_message() -> (&'static str, Manifest) {
    message_application("hello").remove(0)
}

/// The sentences of an application's objects and conditions.
async fn told(desk: &Desk, app: &str) -> Result<String> {
    let seen = desk.hub.api().application(app).await?;
    Ok(format!("{seen:?} {:?}", desk.hub.api().resources(app).await?))
}

async fn says(desk: &Desk, app: &str, words: &[&str]) -> Result<()> {
    let what = format!("{app} to say {words:?}");
    let all = |said: &String| words.iter().all(|word| said.contains(word)).then_some(());
    wait_for(&what, SOON, || told(desk, app), all).await
}

pub(crate) async fn context_of_kubectl_does_it_all() -> Result<()> {
    let desk = Desk::new("context").await?;
    // A context that is not there is kubectl's word, and the cluster is registered all the same.
    let refused = ended(desk.windlass(&["cluster", "add", "other", "--context", "nowhere", "--timeout", "30s"])?).await;
    let said = refused.err().map(|error| format!("{error:#}")).context("it applied to a context that is not there")?;
    ensure!(said.contains("nowhere") && said.contains("windlass cluster token"), "{said}");

    let adding = desk.windlass(&["cluster", "add", CLUSTER, "--context", "test", "--label", "env=prod", "--timeout", "60s"])?;
    let objects = Objects::new(desk.plane.client().await?);
    let look = || objects.get(NAMESPACE, deployment("windlass-agent"));
    wait_for("the agent's Deployment", SOON, look, |found| found.is_some().then_some(())).await?;
    let _pod = desk.pod("agent-0").await?;
    let said = ended(adding).await?;
    ensure!(said.contains("deployment.apps/windlass-agent created") && said.contains("cluster-admin"), "{said}");
    let stages = ["applied", "connected", "identity issued", "first inventory", "verified in sync"];
    let places: Vec<_> = stages.iter().filter_map(|stage| said.find(&format!("\n  {stage}"))).collect();
    ensure!(places.len() == stages.len() && places.is_sorted(), "{said}");
    let cluster = desk.hub.api().cluster(CLUSTER).await?;
    ensure!(cluster["connection"] == "Connected" && cluster["labels"]["env"] == "prod", "{cluster}");
    desk.finish();
    Ok(())
}

pub(crate) async fn charts_install_what_an_agent_joins_with_and_leave_nothing() -> Result<()> {
    let desk = Desk::new("charts").await?;
    let (helm, deploy) = (helm().await?, deploy()?);
    std::os::unix::fs::symlink(&helm, desk.folder.path().join("bin/helm")).context("helm in PATH")?;
    let typed = |line: String| {
        let desk = &desk;
        async move { desk.shell(&format!("export HELM_CACHE_HOME=$PWD/h HELM_CONFIG_HOME=$PWD/h HELM_DATA_HOME=$PWD/h; {line}")).await }
    };
    desk.cli.must(&["cluster", "add", CLUSTER, "-o", "join.json"]).await?;
    let (agent, hub) = (deploy.join("agent/chart"), deploy.join("hub/chart"));
    let (agent, hub) = (agent.display(), hub.display());
    typed(format!("helm install windlass-agent {agent} -n {NAMESPACE} --create-namespace --set-file join=join.json")).await?;
    let _pod = desk.pod("agent-0").await?;
    let connected = || async { Ok(desk.hub.api().cluster(CLUSTER).await?["connection"].clone()) };
    wait_for("the agent to be connected", SOON, connected, |state| (state == "Connected").then_some(())).await?;

    typed(format!("helm upgrade windlass-agent {agent} -n {NAMESPACE} --reset-then-reuse-values --set replicas=2")).await?;
    let second = desk.pod("agent-1").await?;
    second.says("stands by").await?;
    desk.shell(&format!("kubectl -n {NAMESPACE} get poddisruptionbudget windlass-agent")).await?;

    // The join Secret is the agent's release's own; the hub's, of its own cluster, is another's.
    let own = "--set inCluster=false --set expose=LoadBalancer --set host=hub.test";
    typed(format!("helm install windlass-hub {hub} -n windlass --create-namespace {own}")).await?;
    typed(format!("helm upgrade windlass-hub {hub} -n windlass --set inCluster=false --set storeSecret=store")).await?;
    let service = desk.shell("kubectl -n windlass get service windlass-hub -o jsonpath={.spec.type}").await?;
    ensure!(service == "ClusterIP", "{service}");

    typed("helm uninstall windlass-hub -n windlass".to_owned()).await?;
    typed(format!("helm uninstall windlass-agent -n {NAMESPACE}")).await?;
    let named = "deployments,services,configmaps,roles,rolebindings,serviceaccounts,networkpolicies,poddisruptionbudgets";
    let left = desk.shell(&format!("kubectl get {named},clusterroles,clusterrolebindings -A -o name | grep windlass || true")).await?;
    ensure!(left.trim().is_empty(), "left: {left}");
    let volume = desk.shell("kubectl -n windlass get persistentvolumeclaim -o name").await?;
    ensure!(volume.contains("windlass-hub"), "the hub's truth went with its release: {volume}");
    desk.finish();
    Ok(())
}

pub(crate) async fn hub_of_the_base_is_taken_away_whole() -> Result<()> {
    let desk = Desk::new("uninstall").await?;
    let base = deploy()?.join("hub/base");
    desk.shell(&format!("kubectl apply -k {}", base.display())).await?;
    desk.shell(&format!("kubectl delete -k {} --ignore-not-found --timeout=60s", base.display())).await?;
    let kinds = desk.shell("kubectl api-resources --verbs=list -o name | paste -sd,").await?;
    let look = || async {
        let kinds = kinds.trim();
        let list = format!("kubectl get {kinds} -A -o name --ignore-not-found 2>/dev/null | grep windlass || true");
        Ok(desk.shell(&list).await?.trim().to_owned())
    };
    wait_for("nothing of it to be left", SOON, look, |left| left.is_empty().then_some(())).await?;
    desk.finish();
    Ok(())
}

pub(crate) async fn agent_of_some_namespaces_cannot_write_elsewhere() -> Result<()> {
    let desk = Desk::new("elsewhere").await?;
    desk.shell("kubectl create namespace outside").await?;
    let _pod = desk.installed(CLUSTER, &["--namespaces", "inside"]).await?;
    let mut outside = app_of(&desk, "outside").await?;
    outside.commit(&[the_message()]).await?;
    outside.create().await?;
    let mut inside = app_of(&desk, "inside").await?;
    let role = Manifest::new("rbac.authorization.k8s.io/v1", "ClusterRole", "too-much").with("rules", json!([]));
    inside.commit(&[the_message(), ("role.yaml", role)]).await?;
    inside.create().await?;
    says(&desk, "outside", &["outside", "forbidden"]).await?;
    says(&desk, "inside", &["too-much", "forbidden"]).await?;
    let objects = Objects::new(desk.plane.client().await?);
    let look = || objects.get("inside", configmap("message"));
    wait_for("what is inside to be there", SOON, look, |found| found.is_some().then_some(())).await?;
    ensure!(objects.get("outside", configmap("message")).await?.is_none(), "it was written outside");
    desk.shell("! kubectl get clusterrole too-much 2>/dev/null").await?;
    desk.finish();
    Ok(())
}

async fn put_project(desk: &Desk, accounts: Value) -> Result<()> {
    let spec = json!({
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        "destinationServiceAccounts": accounts,
    });
    let manifest = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "team"}, "spec": spec});
    let put = desk.hub.api().must(Method::PUT, "/api/v1/projects/team", Some(&manifest)).await?;
    ensure!(put["notEnforced"].is_null(), "{put}");
    Ok(())
}

async fn create_in_team(app: &App) -> Result<()> {
    let mut manifest = app.manifest();
    manifest["spec"]["project"] = json!("team");
    manifest["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    app.api().put_application(&manifest).await.map(drop)
}

/// An agent that is cluster-admin, and a project that has it write as accounts that are not.
pub(crate) async fn project_names_the_account_that_writes() -> Result<()> {
    let desk = Desk::new("accounts").await?;
    for line in [
        "kubectl create namespace shop",
        "kubectl create namespace bare",
        "kubectl -n shop create serviceaccount deployer",
        "kubectl -n shop create rolebinding deployer --clusterrole=edit --serviceaccount=shop:deployer",
    ] {
        desk.shell(line).await?;
    }
    let _pod = desk.installed(CLUSTER, &[]).await?;
    let nobody = json!({"server": "*", "namespace": "*", "defaultServiceAccount": "shop:nobody"});
    let deployer = json!({"server": "*", "namespace": "shop", "defaultServiceAccount": "deployer"});
    put_project(&desk, json!([deployer, nobody])).await?;

    let (mut shop, mut bare) = (app_of(&desk, "shop").await?, app_of(&desk, "bare").await?);
    let web = manifest::deployment("web", 1, "registry.example/web:1");
    let role = Manifest::new("rbac.authorization.k8s.io/v1", "ClusterRole", "too-much").with("rules", json!([]));
    shop.commit(&[the_message(), ("web.yaml", web), ("role.yaml", role)]).await?;
    create_in_team(&shop).await?;
    let refused = bare.commit(&[the_message()]).await?;
    create_in_team(&bare).await?;
    says(&desk, "shop", &["too-much", "system:serviceaccount:shop:deployer"]).await?;
    says(&desk, "bare", &["system:serviceaccount:shop:nobody"]).await?;
    let objects = Objects::new(desk.plane.client().await?);
    ensure!(objects.get("bare", configmap("message")).await?.is_none(), "written with rights that nobody has");
    desk.shell("! kubectl get clusterrole too-much 2>/dev/null").await?;

    // Syncs, actions and deletions, each with these rights.
    let commit = shop.remove(&["role.yaml"]).await?;
    let look = || objects.get("shop", deployment("web"));
    wait_for("what it may write to be there", SOON, look, |found| found.is_some().then_some(())).await?;
    let synced = |targets: &[Value]| targets.iter().all(|t| t["sync"] == "Synced" && t["revision"] == commit.as_str());
    shop.wait_for_targets("to be synced", synced).await?;
    let restart = ["app", "actions", "run", "shop", "restart", "--kind", "Deployment", "--resource-name", "web"];
    desk.cli.must(&restart).await?;
    desk.shell("kubectl -n shop delete rolebinding deployer").await?;
    let may_not = |error: &anyhow::Error| format!("{error:#}").contains("system:serviceaccount:shop:deployer");
    let run = || async { Ok(desk.cli.must(&restart).await.err().filter(may_not).map(drop)) };
    wait_until("the action to be refused in the account's name", SOON, run).await?;
    desk.shell("kubectl -n shop create rolebinding deployer --clusterrole=edit --serviceaccount=shop:deployer").await?;
    desk.hub.api().delete_application("shop", "foreground").await?;
    wait_for("it to be deleted with its objects", SOON, look, |found| found.is_none().then_some(())).await?;

    // Without an entry the agent writes as itself again.
    put_project(&desk, json!([])).await?;
    desk.cli.must(&["app", "sync", "bare", "--async"]).await?;
    bare.settles_at(&refused).await?;
    desk.finish();
    Ok(())
}

/// What a person asks for is done with the rights of the namespace's account too.
pub(crate) async fn impersonating_agent_acts_with_the_namespaces_rights() -> Result<()> {
    let desk = Desk::new("acts").await?;
    for line in [
        "kubectl create namespace shop",
        "kubectl -n shop create serviceaccount windlass-deployer",
        "kubectl -n shop create rolebinding deployer --clusterrole=edit --serviceaccount=shop:windlass-deployer",
    ] {
        desk.shell(line).await?;
    }
    let _pod = desk.installed(CLUSTER, &["--profile", "impersonate"]).await?;
    let mut shop = app_of(&desk, "shop").await?;
    let commit = shop.commit(&[("web.yaml", manifest::deployment("web", 1, "registry.example/web:1"))]).await?;
    shop.create().await?;
    let synced = |targets: &[Value]| !targets.is_empty() && targets.iter().all(|t| t["sync"] == "Synced" && t["revision"] == commit.as_str());
    shop.wait_for_targets("to be synced", synced).await?;
    let restart = ["app", "actions", "run", "shop", "restart", "--kind", "Deployment", "--resource-name", "web"];
    let said = desk.cli.must(&restart).await?;
    ensure!(said.contains("patched apps/Deployment shop/web"), "{said}");
    desk.shell("kubectl -n shop delete rolebinding deployer").await?;
    let may_not = |error: &anyhow::Error| format!("{error:#}").contains("system:serviceaccount:shop:windlass-deployer");
    let run = || async { Ok(desk.cli.must(&restart).await.err().filter(may_not).map(drop)) };
    wait_until("the action to be refused in the account's name", SOON, run).await?;
    let seen = shop.seen().await?;
    ensure!(!has_condition(&seen, "SyncError", ""), "{seen}");
    desk.finish();
    Ok(())
}
