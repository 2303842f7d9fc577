//! Admission says no, or changes what it is given: on a real API server, by real policies and webhooks.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::fleet::Member;
use windlass_tests::invariants::{self, Generations};
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{configmap, deployment};
use windlass_tests::wait::wait_for;
use windlass_tests::webhook::{Webhook, patched};

use super::stage::{EU, app, calm_in, own_fleet};

const POLICY: (&str, &str) = ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy");
const BINDING: (&str, &str) = ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding");
const WEBHOOK: (&str, &str) = ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration");
const WORDS: &str = "no, says the policy of the test";

/// Denied creation, then update, then deletion of one object: the others go on, nothing is forgotten, and when the policy is
/// gone everything comes to what git says, also what was to be pruned.
pub(crate) async fn denied_objects_are_kept_and_retried() -> Result<()> {
    let mut fleet = own_fleet("denied").await?;
    let generations = Generations::watch(fleet.api());
    let mut app = App::new(&fleet, "denied", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    let name = app.name().to_owned();
    let cluster = fleet.member(EU)?;

    deny(cluster, &name, "CREATE", &["create", "configmap", "denied", "--dry-run=server"]).await?;
    let commit = app.commit(&[("denied.yaml", denied("1")), ("fine.yaml", fine("1"))]).await?;
    app.refresh().await?;
    says(cluster, &name, "fine", "1").await?;
    refused(&app).await?;
    ensure!(cluster.objects.get(&name, configmap("denied")).await?.is_none(), "a denied object is there");
    allow(cluster, &name).await?;
    app.settles_at(&commit).await?;

    let probe = ["label", "configmap", "denied", "a=b", "--dry-run=server"];
    deny(cluster, &name, "UPDATE", &probe).await?;
    let commit = app.commit(&[("denied.yaml", denied("2")), ("fine.yaml", fine("2"))]).await?;
    app.refresh().await?;
    says(cluster, &name, "fine", "2").await?;
    refused(&app).await?;
    says(cluster, &name, "denied", "1").await?;
    allow(cluster, &name).await?;
    app.settles_at(&commit).await?;

    deny(cluster, &name, "DELETE", &["delete", "configmap", "denied", "--dry-run=server"]).await?;
    let commit = app.remove(&["denied.yaml"]).await?;
    app.refresh().await?;
    refused(&app).await?;
    ensure!(listed(&app).await?, "what could not be deleted is forgotten");
    // A new process still knows of it.
    fleet.member_mut(EU)?.agent.restart()?;
    fleet.connected(EU).await?;
    refused(&app).await?;
    ensure!(listed(&app).await?, "what could not be deleted is forgotten after a restart");
    let cluster = fleet.member(EU)?;
    ensure!(cluster.objects.present(&name, configmap("denied")).await?.is_some(), "the policy let it go");
    allow(cluster, &name).await?;
    let look = || cluster.objects.get(&name, configmap("denied"));
    wait_for("what left git to be pruned", SOON, look, |found| found.is_none().then_some(())).await?;
    app.settles_at(&commit).await?;
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

/// A webhook rewrites fields that git names and adds others: the objects are Synced, nobody writes again and again, what the
/// server made of them is said, and git's next change arrives.
pub(crate) async fn objects_that_a_webhook_rewrites_stay_synced() -> Result<()> {
    let webhook = Webhook::start(rewritten).await?;
    let (fleet, mut app) = app("rewritten").await?;
    let cluster = fleet.member(EU)?;
    let name = app.name().to_owned();
    cluster.objects.apply(&manifest::namespace(&name), "somebody").await?;
    let rule = |group: &str, resource: &str| {
        let operations = ["CREATE", "UPDATE"];
        json!({ "apiGroups": [group], "apiVersions": ["v1"], "operations": operations, "resources": [resource] })
    };
    let hook = json!([{
        "name": "rewrite.windlass.test", "clientConfig": webhook.client_config(), "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "namespaceSelector": only(&name),
        "rules": [rule("", "configmaps"), rule("apps", "deployments")],
    }]);
    let configuration = Manifest::new(WEBHOOK.0, WEBHOOK.1, "windlass-test-rewritten").with("webhooks", hook);
    cluster.objects.apply(&configuration, "somebody").await?;
    let probe = ["create", "configmap", "probe", "--dry-run=server", "-o", "jsonpath={.metadata.labels}"];
    kubectl_until(cluster, &name, &probe, |output| output.0.contains("rewritten")).await?;

    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    calm_in(cluster, &[&name]).await?;
    let live = cluster.objects.get(&name, deployment("message")).await?.unwrap_or_default();
    let containers = live["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
    ensure!(containers.len() == 2, "the webhook's container is not there: {live}");
    ensure!(containers[0]["image"] == "mirror.example/message:1", "{live}");
    let message = cluster.objects.get(&name, configmap("message")).await?.unwrap_or_default();
    ensure!(message["data"]["MESSAGE"] == "HELLO", "{message}");
    let operations = fleet.api().operations(&name).await?;
    let told: Vec<Value> = operations.iter().flat_map(results).map(|one| one["message"].clone()).collect();
    let says = |said: &Value| said.as_str().is_some_and(|said| said.contains("the server changed"));
    ensure!(told.iter().any(says), "nobody says what was changed: {told:?}");

    // An edit by hand is healed once, the next commit is applied once.
    let edit = json!({ "spec": { "replicas": 4 } });
    cluster.objects.edit(&name, deployment("message"), edit).await?;
    let look = || cluster.objects.get(&name, deployment("message"));
    wait_for("git's replicas to be back", SOON, look, |found| (found.as_ref()?["spec"]["replicas"] == 2).then_some(()))
        .await?;
    calm_in(cluster, &[&name]).await?;
    let second = app.commit(&[("configmap.yaml", message_of("good evening"))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    calm_in(cluster, &[&name]).await?;
    let calls = webhook.calls();
    ensure!(calls < 30, "the webhook was asked {calls} times");
    cluster.objects.delete("", (WEBHOOK.0, WEBHOOK.1, "windlass-test-rewritten")).await?;
    invariants::check(fleet, &[&app]).await
}

fn results(operation: &Value) -> Vec<Value> {
    operation["state"]["results"].as_array().cloned().unwrap_or_default()
}

/// Capitals in a message, another registry and one more container in a Deployment, a label on everything.
fn rewritten(request: &Value) -> Value {
    let object = &request["object"];
    let mut labels = object["metadata"]["labels"].clone();
    if labels.is_null() {
        labels = json!({});
    }
    labels["windlass.test/rewritten"] = json!("yes");
    let mut patch = vec![json!({ "op": "add", "path": "/metadata/labels", "value": labels })];
    if let Some(message) = object["data"]["MESSAGE"].as_str() {
        patch.push(json!({ "op": "replace", "path": "/data/MESSAGE", "value": message.to_uppercase() }));
    }
    if let Some(containers) = object["spec"]["template"]["spec"]["containers"].as_array() {
        let path = "/spec/template/spec/containers";
        let image = containers[0]["image"].as_str().unwrap_or_default().replace("registry.example", "mirror.example");
        patch.push(json!({ "op": "replace", "path": format!("{path}/0/image"), "value": image }));
        if containers.iter().all(|container| container["name"] != "sidecar") {
            let sidecar = json!({ "name": "sidecar", "image": "mirror.example/sidecar:1" });
            patch.push(json!({ "op": "add", "path": format!("{path}/-"), "value": sidecar }));
        }
    }
    patched(&Value::from(patch))
}

fn denied(round: &str) -> Manifest {
    manifest::configmap("denied", &[("round", round)])
}

fn fine(round: &str) -> Manifest {
    manifest::configmap("fine", &[("round", round)])
}

fn only(namespace: &str) -> Value {
    json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } })
}

/// Forbids an operation on ConfigMap `denied` of a namespace, and waits until the API server says so to `probe`.
async fn deny(cluster: &Member, namespace: &str, operation: &str, probe: &[&str]) -> Result<()> {
    let name = format!("windlass-test-{namespace}");
    let rules = json!([{
        "apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": ["configmaps"],
    }]);
    let policy = Manifest::new(POLICY.0, POLICY.1, &name)
        .with("spec.failurePolicy", json!("Fail"))
        .with("spec.matchConstraints.resourceRules", rules)
        .with("spec.validations", json!([{ "expression": "request.name != 'denied'", "message": WORDS }]));
    let binding = Manifest::new(BINDING.0, BINDING.1, &name)
        .with("spec.policyName", json!(name))
        .with("spec.validationActions", json!(["Deny"]))
        .with("spec.matchResources.namespaceSelector", only(namespace));
    cluster.objects.apply(&policy, "somebody").await?;
    cluster.objects.apply(&binding, "somebody").await?;
    kubectl_until(cluster, namespace, probe, |output| output.1.contains(WORDS)).await
}

/// Takes the policy away, and waits until it has no effect.
async fn allow(cluster: &Member, namespace: &str) -> Result<()> {
    let name = format!("windlass-test-{namespace}");
    cluster.objects.delete("", (BINDING.0, BINDING.1, &name)).await?;
    cluster.objects.delete("", (POLICY.0, POLICY.1, &name)).await
}

async fn kubectl_until(
    cluster: &Member,
    namespace: &str,
    arguments: &[&str],
    wanted: impl Fn(&(String, String)) -> bool,
) -> Result<()> {
    let arguments: Vec<&str> = ["-n", namespace].iter().chain(arguments).copied().collect();
    let run = || async {
        let output = cluster.plane.kubectl(&arguments).await?;
        Ok((output.stdout, output.stderr))
    };
    let what = format!("kubectl {} to be answered as it should", arguments.join(" "));
    wait_for(&what, SOON, run, |output| wanted(output).then_some(())).await
}

/// The target names the object and has the policy's words.
async fn refused(app: &App) -> Result<()> {
    app.wait_for_status("to tell what the policy said", |seen| {
        let text = seen["targets"][0].to_string();
        text.contains(WORDS) && text.contains("denied") && seen["targets"][0]["operation"]["phase"] == "Failed"
    })
    .await
    .map(drop)
}

async fn listed(app: &App) -> Result<bool> {
    let rows = app.api().resources(app.name()).await?;
    Ok(rows.iter().any(|row| row["name"] == "denied" && row["sync"] == "OutOfSync"))
}

async fn says(cluster: &Member, namespace: &str, name: &str, round: &str) -> Result<()> {
    let look = || cluster.objects.get(namespace, configmap(name));
    let what = format!("{name} to be at round {round}");
    wait_for(&what, SOON, look, |found| (found.as_ref()?["data"]["round"] == round).then_some(())).await
}
