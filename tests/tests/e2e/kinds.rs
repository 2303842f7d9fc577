//! Kinds that behave in ways of their own, and objects that others applied before: each comes to what git says and then
//! nobody writes.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{SOON, message_application, message_of};
use windlass_tests::invariants;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{Kind, configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app, calm, calm_in, writes};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const CANARY: &str = "canary-string-data-8841";

/// What `kubectl apply` owned is git's: a field that only it had goes, and nothing of it comes back.
pub(crate) async fn objects_of_kubectl_apply_are_taken_over_whole() -> Result<()> {
    let (fleet, mut app) = app("from-kubectl").await?;
    let cluster = fleet.member(EU)?;
    let name = app.name().to_owned();
    cluster.objects.apply(&manifest::namespace(&name), "somebody").await?;
    let theirs = manifest::configmap("message", &[("MESSAGE", "by kubectl"), ("OLD", "of kubectl")]);
    let labelled = message_application("")[1].1.clone().label("old", "label").with("spec.minReadySeconds", json!(1));
    let file = fleet.folder().join("kubectl-applied.yaml");
    std::fs::write(&file, manifest::documents(&[theirs, labelled]))?;
    let path = file.display().to_string();
    let applied = cluster.plane.kubectl(&["apply", "-n", &name, "-f", &path]).await?;
    ensure!(applied.success, "{}", applied.stderr);

    let commit = app.commit(&message_application("by git")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    calm_in(cluster, &[&name]).await?;
    let live = live(cluster, &name, configmap("message")).await?;
    ensure!(live["data"] == json!({ "MESSAGE": "by git" }), "a field of kubectl's is left: {live}");
    let live = self::live(cluster, &name, deployment("message")).await?;
    ensure!(live["metadata"]["labels"]["old"].is_null(), "a label of kubectl's is left: {live}");
    ensure!(live["spec"]["minReadySeconds"].as_u64().unwrap_or_default() == 0, "{live}");
    // A later commit does not wake anything of the past.
    let second = app.commit(&[("configmap.yaml", message_of("by git again"))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    let live = self::live(cluster, &name, configmap("message")).await?;
    ensure!(live["data"] == json!({ "MESSAGE": "by git again" }), "{live}");
    calm_in(cluster, &[&name]).await?;
    invariants::check(fleet, &[&app]).await
}

/// As Argo CD applies by default: client-side, with its tracking id and the last applied configuration.
pub(crate) async fn objects_of_argo_cd_are_adopted_without_phantom_fields() -> Result<()> {
    let (fleet, mut app) = app("from-argo").await?;
    let cluster = fleet.member(EU)?;
    let name = app.name().to_owned();
    cluster.objects.apply(&manifest::namespace(&name), "somebody").await?;
    let theirs = manifest::configmap("message", &[("MESSAGE", "by Argo CD"), ("OLD", "of Argo CD")])
        .annotation("argocd.argoproj.io/tracking-id", &format!("legacy:/ConfigMap:{name}/message"));
    let file = fleet.folder().join("argo-applied.yaml");
    std::fs::write(&file, theirs.to_yaml())?;
    let path = file.display().to_string();
    let manager = "--field-manager=argocd-controller";
    let applied = cluster.plane.kubectl(&["apply", "-n", &name, manager, "-f", &path]).await?;
    ensure!(applied.success, "{}", applied.stderr);

    let commit = app.commit(&[("configmap.yaml", message_of("by git"))]).await?;
    app.create().await?;
    app.wait_for_status("to name Argo CD's application", |seen| {
        seen["targets"][0]["sync"] == "OutOfSync" && seen.to_string().contains("legacy")
    })
    .await?;
    ensure!(live(cluster, &name, configmap("message")).await?["data"]["MESSAGE"] == "by Argo CD", "it was not left alone");
    fleet.api().adopt(&name).await?;
    app.settles_at(&commit).await?;
    calm_in(cluster, &[&name]).await?;
    let live = live(cluster, &name, configmap("message")).await?;
    ensure!(live["data"] == json!({ "MESSAGE": "by git" }), "a field of Argo CD's is left: {live}");
    let last = live["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap_or_default();
    ensure!(!last.contains("of Argo CD"), "Argo CD's last applied configuration would bring it back: {live}");
    invariants::check(fleet, &[&app]).await
}

/// The API server refuses for ever: the object, the field and the two options that would help are named, the others go on,
/// and it is not tried again and again.
pub(crate) async fn immutable_field_is_named_with_what_would_help() -> Result<()> {
    let (fleet, mut app) = app("immutable").await?;
    let cluster = fleet.member(EU)?;
    let name = app.name().to_owned();
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;

    let other = json!({ "app": "message", "more": "labels" });
    let changed = message_application("")[1].1.clone();
    let changed =
        changed.with("spec.selector.matchLabels", other.clone()).with("spec.template.metadata.labels", other);
    app.commit(&[("deployment.yaml", changed), ("configmap.yaml", message_of("good evening"))]).await?;
    app.refresh().await?;
    app.wait_for_status("to name the options that help", |seen| {
        let text = seen["targets"][0].to_string();
        text.contains("Deployment") && text.contains("Replace=true") && text.contains("Force=true")
    })
    .await?;
    let look = || cluster.objects.get(&name, configmap("message"));
    wait_for("the others to be applied", SOON, look, |found| {
        (found.as_ref()?["data"]["MESSAGE"] == "good evening").then_some(())
    })
    .await?;
    calm_in(cluster, &[&name]).await?;
    let back = app.commit(&[("deployment.yaml", message_application("")[1].1.clone())]).await?;
    app.refresh().await?;
    app.settles_at(&back).await?;
    invariants::check(fleet, &[&app]).await
}

/// What left git stays listed until it is gone; put back into git meanwhile, it is applied again once it is gone.
pub(crate) async fn hanging_finalizer_holds_the_object_and_nothing_else() -> Result<()> {
    let (fleet, mut app) = app("hanging").await?;
    let cluster = fleet.member(EU)?;
    let name = app.name().to_owned();
    let held = manifest::configmap("held", &[("a", "b")]).with("metadata.finalizers", json!(["windlass.test/hold"]));
    let mut files = message_application("hello");
    files.push(("held.yaml", held.clone()));
    let first = app.commit(&files).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    let uid = live(cluster, &name, configmap("held")).await?["metadata"]["uid"].clone();

    app.remove(&["held.yaml"]).await?;
    app.refresh().await?;
    let look = || cluster.objects.get(&name, configmap("held"));
    wait_for("its deletion to be asked for", SOON, look, |found| {
        found.as_ref()?["metadata"]["deletionTimestamp"].is_string().then_some(())
    })
    .await?;
    let rows = || fleet.api().resources(&name);
    wait_for("what hangs to be listed", SOON, rows, |rows| {
        rows.iter().any(|row| row["name"] == "held" && row["sync"] != "Synced").then_some(())
    })
    .await?;
    calm_in(cluster, &[&name]).await?;
    // The others are not held up.
    let commit = app.commit(&[("configmap.yaml", message_of("meanwhile")), ("held.yaml", held)]).await?;
    app.refresh().await?;
    let look = || cluster.objects.get(&name, configmap("message"));
    wait_for("another object's change to arrive", SOON, look, |found| {
        (found.as_ref()?["data"]["MESSAGE"] == "meanwhile").then_some(())
    })
    .await?;
    let freed = json!({ "metadata": { "finalizers": null } });
    cluster.objects.edit(&name, configmap("held"), freed).await?;
    let look = || cluster.objects.present(&name, configmap("held"));
    wait_for("a new object of that name", SOON, look, |found| {
        (found.as_ref()?["metadata"]["uid"] != uid).then_some(())
    })
    .await?;
    app.settles_at(&commit).await?;
    let freed = json!({ "metadata": { "finalizers": null } });
    // So that the namespace can go one day.
    app.remove(&["held.yaml"]).await?;
    app.refresh().await?;
    let look = || cluster.objects.get(&name, configmap("held"));
    wait_for("its second deletion", SOON, look, |found| match found {
        Some(found) => found["metadata"]["deletionTimestamp"].is_string().then_some(()),
        None => Some(()),
    })
    .await?;
    if cluster.objects.get(&name, configmap("held")).await?.is_some() {
        cluster.objects.edit(&name, configmap("held"), freed).await?;
    }
    invariants::check(fleet, &[&app]).await
}

/// The rules of an aggregated ClusterRole are the controller's: they fill up, and nobody fights over them.
pub(crate) async fn aggregated_cluster_role_is_filled_by_the_cluster() -> Result<()> {
    const RBAC: &str = "rbac.authorization.k8s.io/v1";
    const LABEL: &str = "windlass.test/aggregate-to-whole";
    let (fleet, mut app) = app("aggregated").await?;
    let cluster = fleet.member(EU)?;
    let whole: Kind<'_> = (RBAC, "ClusterRole", "windlass-test-whole");
    let selector = json!({ "clusterRoleSelectors": [{ "matchLabels": { LABEL: "true" } }] });
    let role = Manifest::new(RBAC, "ClusterRole", whole.2).with("aggregationRule", selector).with("rules", json!([]));
    let part = |name: &str, resource: &str| {
        let rules = json!([{ "apiGroups": [""], "resources": [resource], "verbs": ["get"] }]);
        Manifest::new(RBAC, "ClusterRole", name).label(LABEL, "true").with("rules", rules)
    };
    let first =
        app.commit(&[("whole.yaml", role), ("one.yaml", part("windlass-test-part-one", "pods"))]).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    filled(cluster, whole, 1).await?;
    calm_in(cluster, &[app.name()]).await?;
    let mark = cluster.plane.audit_mark()?;
    let second = app.commit(&[("two.yaml", part("windlass-test-part-two", "services"))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    filled(cluster, whole, 2).await?;
    calm_in(cluster, &[app.name()]).await?;
    let touched: Vec<String> = writes(cluster, mark)?.into_iter().filter(|write| write.contains(whole.2)).collect();
    ensure!(touched.is_empty(), "the agent fights the controller: {}", touched.join(", "));
    app.settles_at(&second).await?;
    invariants::check(fleet, &[]).await
}

/// Values given as text arrive, change, and go when git drops them; nothing shows them.
pub(crate) async fn secret_of_string_data_follows_git() -> Result<()> {
    let (fleet, mut app) = app("string-data").await?;
    let cluster = fleet.member(EU)?;
    let name = app.name().to_owned();
    fleet.api().ledger().never_show(CANARY);
    let secret: Kind<'_> = ("v1", "Secret", "password");
    let files = [("secret.yaml", manifest::secret("password", &[("password", CANARY), ("user", "reader")]))];
    let first = app.commit(&files).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    calm_in(cluster, &[&name]).await?;
    let second = app.commit(&[("secret.yaml", manifest::secret("password", &[("password", "changed-8842")]))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    let live = live(cluster, &name, secret).await?;
    ensure!(live["data"] == json!({ "password": "Y2hhbmdlZC04ODQy" }), "the keys are {:?}", keys(&live["data"]));
    let edit = json!({ "stringData": { "password": "by hand" } });
    cluster.objects.edit(&name, secret, edit).await?;
    let look = || async {
        let found = cluster.objects.get(&name, secret).await?.unwrap_or_default();
        Ok(found["data"]["password"] == "Y2hhbmdlZC04ODQy")
    };
    wait_for("git's password to be back", SOON, look, |back| back.then_some(())).await?;
    app.settles_at(&second).await?;
    calm_in(cluster, &[&name]).await?;
    invariants::check(fleet, &[&app]).await
}

/// It ran once at this commit. That its object is gone is no reason to run it again, for a new process neither; a commit that
/// changes it is.
pub(crate) async fn finished_job_that_is_removed_is_not_run_again() -> Result<()> {
    let mut fleet = super::stage::own_fleet("finished-job").await?;
    let to = windlass_tests::app::Destination::Cluster(EU.to_owned());
    let policy = windlass_tests::app::Policy::Automated;
    let mut app = windlass_tests::app::App::new(&fleet, "finished-job", to, policy).await?;
    let name = app.name().to_owned();
    let job = |image: &str| manifest::job("once", image).with("spec.ttlSecondsAfterFinished", json!(1));
    let mut files = message_application("hello");
    files.push(("job.yaml", job("registry.example/once:1")));
    let first = app.commit(&files).await?;
    let mark = fleet.member(EU)?.plane.audit_mark()?;
    app.create().await?;
    created(&fleet, mark, &name, 1).await?;
    gone(&fleet, &name).await?;
    app.settles_at(&first).await?;
    calm(fleet.member(EU)?).await?;
    fleet.member_mut(EU)?.agent.restart()?;
    fleet.connected(EU).await?;
    app.settles_at(&first).await?;
    calm(fleet.member(EU)?).await?;
    // A commit of something else does not run it either.
    let second = app.commit(&[("configmap.yaml", message_of("good evening"))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    calm(fleet.member(EU)?).await?;
    created(&fleet, mark, &name, 1).await?;
    let third = app.commit(&[("job.yaml", job("registry.example/once:2"))]).await?;
    app.refresh().await?;
    created(&fleet, mark, &name, 2).await?;
    gone(&fleet, &name).await?;
    app.settles_at(&third).await?;
    invariants::check(&fleet, &[]).await?;
    fleet.finish();
    Ok(())
}

/// Waits until the Job was created this often, and never more.
async fn created(
    fleet: &windlass_tests::fleet::Fleet,
    mark: windlass_tests::control_plane::AuditMark,
    namespace: &str,
    times: usize,
) -> Result<()> {
    let member = fleet.member(EU)?;
    let look = || async {
        let events = member.plane.audit_by_user(&member.user, mark)?;
        let is_creation = |event: &&Value| {
            event["verb"] == "patch"
                && event["objectRef"]["resource"] == "jobs"
                && event["objectRef"]["namespace"] == namespace
                && event["responseStatus"]["code"] == 201
                && !event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"))
        };
        Ok(events.iter().filter(is_creation).count())
    };
    let what = format!("{times} creations of the Job");
    let seen = wait_for(&what, SOON, look, |&seen| (seen >= times).then_some(seen)).await?;
    ensure!(seen == times, "the Job was created {seen} times");
    Ok(())
}

async fn gone(fleet: &windlass_tests::fleet::Fleet, namespace: &str) -> Result<()> {
    let objects = &fleet.member(EU)?.objects;
    let look = || objects.get(namespace, ("batch/v1", "Job", "once"));
    wait_for("the finished Job to be removed by its TTL", SOON, look, |found| found.is_none().then_some(())).await
}

async fn filled(cluster: &windlass_tests::fleet::Member, role: Kind<'_>, rules: usize) -> Result<()> {
    let look = || cluster.objects.get("", role);
    wait_for(&format!("the controller to fill in {rules} rules"), SOON, look, |found| {
        (found.as_ref()?["rules"].as_array()?.len() == rules).then_some(())
    })
    .await
}

async fn live(cluster: &windlass_tests::fleet::Member, namespace: &str, kind: Kind<'_>) -> Result<Value> {
    cluster.objects.get(namespace, kind).await?.with_context(|| format!("{kind:?} is not there"))
}

fn keys(data: &Value) -> Vec<&String> {
    data.as_object().map(|data| data.keys().collect()).unwrap_or_default()
}
