//! Actions on live objects: what they write, what git says to it, who may, and what users' scripts cannot do.

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON};
use windlass_tests::fleet::Fleet;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{Kind, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, US, app, cli, own_fleet, planes, shared, workshop_app};

const IMAGE: &str = "registry.example/web:1";
const STAMP: &str = "kubectl.kubernetes.io/restartedAt";

fn cron_job(name: &str) -> Manifest {
    let pod = json!({ "restartPolicy": "Never", "containers": [{ "name": "main", "image": IMAGE }] });
    Manifest::new("batch/v1", "CronJob", name)
        .with("spec.schedule", json!("0 0 1 1 *"))
        .with("spec.jobTemplate.metadata.labels.made-by", json!(name))
        .with("spec.jobTemplate.spec.template.spec", pod)
}

fn cron(name: &str) -> Kind<'_> {
    ("batch/v1", "CronJob", name)
}

fn actions_path(app: &App) -> String {
    format!("/api/v1/applications/argocd/{}/resources/actions", app.name())
}

fn revision(deployment: &Value) -> Option<&str> {
    deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str()
}

/// The messages of an application's events of actions, newest first.
async fn told(app: &App) -> Result<Vec<Value>> {
    let events = app.api().list(&format!("/api/v1/applications/argocd/{}/events", app.name())).await?;
    Ok(events.into_iter().filter(|event| event["kind"] == "ActionRan").collect())
}

pub(crate) async fn restart_rolls_a_deployment_and_the_application_stays_synced() -> Result<()> {
    let (fleet, mut app) = app("act-restart").await?;
    let (mut folder, cli) = cli(fleet, "act-restart-cli").await?;
    let member = fleet.member(EU)?;
    let commit = app.commit(&[("web.yaml", manifest::deployment("web", 1, IMAGE))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let list = cli.must(&["app", "actions", "list", "act-restart", "--kind", "deployment"]).await?;
    ensure!(list.contains("restart") && list.contains("spec.paused is not true"), "the list says: {list}");
    let run = ["app", "actions", "run", "act-restart", "restart", "--kind", "Deployment", "--resource-name", "web"];
    let said = cli.must(&run).await?;
    ensure!(said.contains("apps/Deployment act-restart/web: patched apps/Deployment act-restart/web"), "said: {said}");

    let look = || member.objects.get("act-restart", deployment("web"));
    let rolled = |seen: &Option<Value>| seen.as_ref().and_then(revision) == Some("2");
    let live = wait_for("the Deployment to roll", SOON, look, |seen| rolled(seen).then(|| seen.clone())).await?;
    let live = live.context("the Deployment is there")?;
    ensure!(
        live["spec"]["template"]["metadata"]["annotations"][STAMP].is_string(),
        "the template has no {STAMP}: {live}"
    );
    // Nothing of it is a difference, and nobody takes it back.
    app.settles_at(&commit).await?;
    let targets = app.targets().await?;
    ensure!(targets.iter().all(|target| target["sync"] == "Synced"), "the targets: {targets:?}");
    let after = member.objects.get("act-restart", deployment("web")).await?.context("the Deployment is there")?;
    ensure!(revision(&after) == Some("2"), "it was rolled back to revision {:?}", revision(&after));

    let events = told(&app).await?;
    let event = events.first().context("no event tells of the action")?;
    ensure!(
        event["by"] == "admin" && event["cluster"] == EU && event["keys"][0]["name"] == "web",
        "the event says: {event}"
    );
    folder.succeed();
    Ok(())
}

pub(crate) async fn cron_job_runs_now_and_owns_its_job() -> Result<()> {
    let (fleet, mut app) = app("act-cron").await?;
    let (mut folder, cli) = cli(fleet, "act-cron-cli").await?;
    let member = fleet.member(EU)?;
    let commit = app.commit(&[("nightly.yaml", cron_job("nightly"))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let said = cli.must(&["app", "actions", "run", "act-cron", "create-job", "--kind", "CronJob", "--all"]).await?;
    let name = said.split("created batch/Job act-cron/").nth(1).context(said.clone())?.trim();
    let job = member.objects.get("act-cron", ("batch/v1", "Job", name)).await?.context("no Job was made")?;
    let owner = member.objects.get("act-cron", cron("nightly")).await?.context("the CronJob is there")?;
    let metadata = &job["metadata"];
    ensure!(metadata["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual", "the Job: {metadata}");
    ensure!(metadata["ownerReferences"][0]["uid"] == owner["metadata"]["uid"], "the Job's owner: {metadata}");
    ensure!(metadata["labels"]["made-by"] == "nightly", "the template's labels: {metadata}");
    ensure!(metadata["annotations"]["argocd.argoproj.io/tracking-id"].is_null(), "it claims to be git's: {metadata}");
    app.settles_at(&commit).await?;
    folder.succeed();
    Ok(())
}

pub(crate) async fn scale_against_self_heal_says_so_and_is_put_back() -> Result<()> {
    let (fleet, mut app) = app("act-scale").await?;
    let (mut folder, cli) = cli(fleet, "act-scale-cli").await?;
    let member = fleet.member(EU)?;
    let commit = app.commit(&[("web.yaml", manifest::deployment("web", 2, IMAGE))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let run = ["app", "actions", "run", "act-scale", "scale", "--kind", "Deployment", "--param", "replicas=5"];
    let said = cli.must(&run).await?;
    ensure!(said.contains("git says spec.replicas: 2; self-heal puts it back"), "said: {said}");
    let look = || member.objects.get("act-scale", deployment("web"));
    let healed = |seen: &Option<Value>| seen.as_ref().is_some_and(|web| web["spec"]["replicas"] == 2);
    wait_for("self-heal to put it back", SOON, look, |seen| healed(seen).then_some(())).await?;
    app.settles_at(&commit).await?;

    let wrong = ["app", "actions", "run", "act-scale", "scale", "--kind", "Deployment", "--param", "replicas=-1"];
    let refused = cli.run(&wrong).await?;
    let said = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(refused.code == Some(1) && said.contains("is no whole number"), "{:?}: {said}", refused.code);

    // What differences are ignored of is not git's to put back.
    let mut manifest = app.manifest();
    let ignored = json!({ "group": "apps", "kind": "Deployment", "jqPathExpressions": [".spec.replicas"] });
    manifest["spec"]["ignoreDifferences"] = json!([ignored]);
    app.api().put_application(&manifest).await?;
    let scaled = || cli.must(&run);
    let unwarned = |said: &String| (!said.contains("git says")).then_some(());
    wait_for("an ignored field not to be warned about", SOON, scaled, unwarned).await?;
    app.settles_at(&commit).await?;
    let live = member.objects.get("act-scale", deployment("web")).await?.context("the Deployment is there")?;
    ensure!(live["spec"]["replicas"] == 5, "it was put back: {}", live["spec"]["replicas"]);
    folder.succeed();
    Ok(())
}

pub(crate) async fn action_outside_of_the_fence_or_the_application_is_refused() -> Result<()> {
    let fleet = shared().await?;
    let (mut folder, cli) = cli(fleet, "act-fence-cli").await?;
    let member = fleet.member(EU)?;
    cli.must(&["proj", "create", "act-fenced", "--deny-namespaced-resource", "batch/Job"]).await?;
    let mut app = App::new(fleet, "act-fence", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&[("nightly.yaml", cron_job("nightly"))]).await?;
    let mut manifest = app.manifest();
    manifest["spec"]["project"] = json!("act-fenced");
    let repository = manifest["spec"]["source"]["repoURL"].as_str().unwrap_or_default().to_owned();
    cli.must(&["proj", "add-source", "act-fenced", &repository]).await?;
    cli.must(&["proj", "add-destination", "act-fenced", EU, "act-fence"]).await?;
    app.api().put_application(&manifest).await?;
    app.settles_at(&commit).await?;

    // A Job is what the project does not permit.
    let path = actions_path(&app);
    let ask = |kind: &str, group: &str, namespace: &str, name: &str, action: &str| json!({"action": action, "group": group, "kind": kind, "resourceNamespace": namespace, "resourceName": name});
    let body = ask("CronJob", "batch", "act-fence", "nightly", "create-job");
    let answer = app.api().call(Method::POST, &path, Some(&body)).await?;
    let message = answer.body["message"].as_str().unwrap_or_default();
    ensure!(answer.status == 403 && message.contains("project \"act-fenced\" does not permit batch/Job"), "{message}");
    let jobs = member.plane.kubectl(&["get", "jobs", "-n", "act-fence", "-o", "name"]).await?;
    ensure!(jobs.stdout.trim().is_empty(), "there are Jobs: {}", jobs.stdout);

    // Nor is anything of others within reach: of another application, or of nobody.
    member.objects.apply(&manifest::deployment("stranger", 1, IMAGE).in_namespace("act-fence"), "somebody").await?;
    let body = ask("Deployment", "apps", "act-fence", "stranger", "restart");
    let answer = app.api().call(Method::POST, &path, Some(&body)).await?;
    ensure!(answer.status == 404, "{}: {}", answer.status, answer.body);
    let stranger = member.objects.get("act-fence", deployment("stranger")).await?.context("it is there")?;
    ensure!(stranger["spec"]["template"]["metadata"]["annotations"][STAMP].is_null(), "it was restarted: {stranger}");

    // What was refused is told too.
    let events = told(&app).await?;
    ensure!(events.len() == 2, "the events: {events:?}");
    ensure!(
        events.iter().all(|event| event["message"].as_str().is_some_and(|said| said.contains("not run"))),
        "{events:?}"
    );

    // What is frozen is not written by actions either.
    cli.must(&["freeze", "act-fence", "--reason", "audit"]).await?;
    let body = ask("CronJob", "batch", "act-fence", "nightly", "suspend");
    let refused = || app.api().call(Method::POST, &path, Some(&body));
    let is_frozen = |said: &str| said.contains("nothing is written: frozen by admin") && said.contains("audit");
    wait_for("a frozen application to refuse actions", SOON, refused, |answer| {
        (answer.status == 403 && answer.body["message"].as_str().is_some_and(is_frozen)).then_some(())
    })
    .await?;
    cli.must(&["thaw", "act-fence"]).await?;
    folder.succeed();
    Ok(())
}

const SCRIPTS: &str = r#"
mergeBuiltinActions: true
discovery.lua: |
  actions = {}
  actions["hold"] = {["disabled"] = obj.spec.suspend == true}
  for i, name in ipairs({"note", "loop", "eat", "read", "nonsense"}) do
    actions[name] = {}
  end
  return actions
definitions:
- name: hold
  action.lua: |
    obj.spec.suspend = true
    return obj
- name: note
  action.lua: |
    local note = {apiVersion = "v1", kind = "ConfigMap", metadata = {name = obj.metadata.name .. "-note"}}
    note.data = {text = actionParams["text"]}
    return {{operation = "create", resource = note}}
- name: loop
  action.lua: |
    while true do end
- name: eat
  action.lua: |
    local all = {}
    while true do all[#all + 1] = {1, 2, 3} end
- name: read
  action.lua: |
    obj.metadata.annotations.stolen = io.open("/etc/passwd"):read("*a")
    return obj
- name: nonsense
  action.lua: |
    return {operation = 3}
"#;

pub(crate) async fn users_actions_run_in_lua_and_hostile_ones_are_bounded() -> Result<()> {
    let fleet = own_fleet("act-lua").await?;
    let mut app = App::new(&fleet, "act-lua", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let (mut folder, cli) = cli(&fleet, "act-lua-cli").await?;
    let member = fleet.member(EU)?;
    let data = json!({ "resource.customizations.actions.batch_CronJob": SCRIPTS });
    fleet.api().must(Method::PUT, "/api/v1/settings", Some(&data)).await?;
    let commit = app.commit(&[("nightly.yaml", cron_job("nightly"))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let list = ["app", "actions", "list", "act-lua", "--kind", "CronJob", "-o", "name"];
    let listed = || cli.must(&list);
    let names = wait_for("the scripts to be at the agent", SOON, listed, |said| {
        said.contains("hold").then(|| said.split_whitespace().skip(2).step_by(3).map(str::to_owned).collect::<Vec<_>>())
    })
    .await?;
    // The script's own names stand before the built-in ones.
    let want = ["eat", "hold", "loop", "nonsense", "note", "read", "create-job", "suspend", "resume"];
    ensure!(names == want, "the actions are {names:?}");

    let run = |action: &'static str| {
        let (cli, parameters) = (cli.clone(), if action == "note" { vec!["--param", "text=hello"] } else { vec![] });
        async move {
            let mut words = vec!["app", "actions", "run", "act-lua", action, "--kind", "CronJob"];
            words.extend(parameters);
            let output = cli.run(&words).await?;
            Ok::<_, anyhow::Error>((output.code, format!("{}{}", output.stdout, output.stderr)))
        }
    };
    // Hostile ones beside a commit: it arrives, and each is ended and named.
    let next = app.commit(&[("nightly.yaml", cron_job("nightly").label("commit", "second"))]).await?;
    app.refresh().await?;
    let (endless, hungry, thief, nonsense, arrived) =
        tokio::join!(run("loop"), run("eat"), run("read"), run("nonsense"), app.settles_at(&next));
    arrived?;
    for (said, want) in
        [(endless, "did not end within"), (hungry, "MiB of memory"), (thief, "nil value"), (nonsense, "the script")]
    {
        let (code, said) = said?;
        ensure!(code == Some(1) && said.contains(want), "{code:?}: {said}");
    }
    for action in ["hold", "note"] {
        let (code, said) = run(action).await?;
        ensure!(code == Some(0), "{action}: {code:?}: {said}");
    }
    let live = member.objects.get("act-lua", cron("nightly")).await?.context("the CronJob is there")?;
    ensure!(live["spec"]["suspend"] == true, "it is not held: {live}");
    ensure!(live["metadata"]["annotations"]["stolen"].is_null(), "a file was read: {live}");
    let note = member.objects.get("act-lua", ("v1", "ConfigMap", "nightly-note")).await?.context("no note was made")?;
    ensure!(note["data"]["text"] == "hello", "the note: {note}");
    let (code, said) = run("hold").await?;
    ensure!(code == Some(1) && said.contains("is not possible now"), "{code:?}: {said}");
    app.settles_at(&next).await?;
    folder.succeed();
    fleet.finish();
    Ok(())
}

/// A definition that takes any field, with a status of its own or without.
fn definition(group: &str, version: &str, kind: &str, subresource: bool) -> Manifest {
    let plural = format!("{}s", kind.to_lowercase());
    let schema = json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    let mut served = json!({ "name": version, "served": true, "storage": true, "schema": schema });
    if subresource {
        served["subresources"] = json!({ "status": {} });
    }
    let names =
        json!({ "plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List") });
    Manifest::new("apiextensions.k8s.io/v1", "CustomResourceDefinition", &format!("{plural}.{group}"))
        .with("spec.group", json!(group))
        .with("spec.scope", json!("Namespaced"))
        .with("spec.names", names)
        .with("spec.versions", json!([served]))
}

pub(crate) async fn status_is_changed_where_the_kind_keeps_it() -> Result<()> {
    const ROLLOUT: Kind<'_> = ("argoproj.io/v1alpha1", "Rollout", "web");
    const CERTIFICATE: Kind<'_> = ("cert-manager.io/v1", "Certificate", "web");
    let (fleet, mut app) = workshop_app("act-status").await?;
    let (mut folder, cli) = cli(fleet, "act-status-cli").await?;
    let member = fleet.member(EU)?;
    member.objects.apply(&definition("argoproj.io", "v1alpha1", "Rollout", true), "somebody").await?;
    member.objects.apply(&definition("cert-manager.io", "v1", "Certificate", false), "somebody").await?;
    let rollout = Manifest::new(ROLLOUT.0, ROLLOUT.1, ROLLOUT.2).with("spec.replicas", json!(1));
    let certificate = Manifest::new(CERTIFICATE.0, CERTIFICATE.1, CERTIFICATE.2).with("spec.secretName", json!("web"));
    app.commit(&[("rollout.yaml", rollout), ("certificate.yaml", certificate)]).await?;
    app.create().await?;
    let there = || async {
        let rollout = member.objects.present("act-status", ROLLOUT).await?;
        Ok::<_, anyhow::Error>(rollout.is_some() && member.objects.present("act-status", CERTIFICATE).await?.is_some())
    };
    wait_for("both to be applied", SOON, there, |there| there.then_some(())).await?;

    // What their controllers would say.
    let status = r#"{"status":{"currentPodHash":"b","stableRS":"a","observedGeneration":"1","phase":"Progressing"}}"#;
    let patch = ["patch", "rollout", "web", "-n", "act-status", "--subresource=status", "--type=merge", "-p", status];
    let patched = member.plane.kubectl(&patch).await?;
    ensure!(patched.stdout.contains("patched"), "{patched:?}");
    let ready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
    member.objects.edit("act-status", CERTIFICATE, ready).await?;

    cli.must(&["app", "actions", "run", "act-status", "abort", "--kind", "Rollout"]).await?;
    cli.must(&["app", "actions", "run", "act-status", "renew", "--kind", "Certificate"]).await?;
    let rollout = member.objects.get("act-status", ROLLOUT).await?.context("the Rollout is there")?;
    ensure!(rollout["status"]["abort"] == true && rollout["status"]["stableRS"] == "a", "the Rollout: {rollout}");
    let certificate = member.objects.get("act-status", CERTIFICATE).await?.context("the Certificate is there")?;
    let conditions = &certificate["status"]["conditions"];
    ensure!(conditions[0]["type"] == "Ready" && conditions[1]["reason"] == "ManuallyTriggered", "{conditions}");
    folder.succeed();
    Ok(())
}

/// When a cluster's Deployment was told to restart.
async fn stamped(fleet: &Fleet, cluster: &str) -> Result<Option<String>> {
    let web = fleet.member(cluster)?.objects.get("act-several", deployment("web")).await?.context("it is there")?;
    Ok(web["spec"]["template"]["metadata"]["annotations"][STAMP].as_str().map(str::to_owned))
}

pub(crate) async fn action_runs_on_several_clusters_and_names_those_where_it_did_not() -> Result<()> {
    let [eu, us] = planes().await?;
    let mut fleet = Fleet::start("act-several", &[(EU, eu), (US, us)]).await?;
    let mut app = App::new(&fleet, "act-several", Destination::Everywhere, Policy::Automated).await?;
    let (mut folder, cli) = cli(&fleet, "act-several-cli").await?;
    let commit = app.commit(&[("web.yaml", manifest::deployment("web", 1, IMAGE))]).await?;
    app.create().await?;
    app.wait_for_targets("to be on both", |targets| targets.len() == 2).await?;
    app.settles_at(&commit).await?;
    let run = ["app", "actions", "run", "act-several", "restart", "--kind", "Deployment"];

    // Several, and none named: nothing is done.
    let refused = cli.run(&run).await?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("2 clusters"), "{refused:?}");
    ensure!(stamped(&fleet, EU).await?.is_none() && stamped(&fleet, US).await?.is_none(), "it was restarted unasked");
    let both = format!("{EU},{US}");
    let listed = cli.must(&["app", "actions", "list", "act-several", "--cluster", &both, "-o", "name"]).await?;
    for cluster in [EU, US] {
        let line = format!("{cluster} apps/Deployment act-several/web restart");
        ensure!(listed.contains(&line), "{line} is not in: {listed}");
    }
    let said = cli.must(&[&run[..], &["--cluster", &both]].concat()).await?;
    for cluster in [EU, US] {
        ensure!(said.contains(&format!("{cluster} apps/Deployment act-several/web: patched")), "{said}");
        ensure!(stamped(&fleet, cluster).await?.is_some(), "{cluster} was not restarted");
    }
    // Each is an operation of its own, told of as that.
    let events = told(&app).await?;
    let mut clusters: Vec<&str> = events.iter().filter_map(|event| event["cluster"].as_str()).collect();
    clusters.sort_unstable();
    ensure!(clusters == [EU, US] && events.iter().all(|event| event["by"] == "admin"), "{events:?}");
    app.settles_at(&commit).await?;

    // One is away: it is named, and the other is done.
    let before = stamped(&fleet, US).await?;
    let restarted = Timestamp::now().as_second();
    fleet.member_mut(EU)?.agent.kill9()?;
    let name = format!("/api/v1/clusters/{EU}");
    let gone = || fleet.api().get(&name);
    wait_for("the hub to know", SOON, gone, |seen| (seen["connection"] != "Connected").then_some(())).await?;
    // The stamp is of whole seconds: within one, the second restart would be the first.
    let next = || async { Ok(Timestamp::now().as_second()) };
    wait_for("another second", SOON, next, |now| (*now > restarted).then_some(())).await?;
    let partly = cli.run(&[&run[..], &["--all-clusters", "-o", "json"]].concat()).await?;
    let answer: Value = serde_json::from_str(&partly.stdout)?;
    let of = |cluster: &str| answer["clusters"].as_array().into_iter().flatten().find(|one| one["cluster"] == cluster);
    let (eu, us) = (of(EU).context("eu")?, of(US).context("us")?);
    ensure!(partly.code == Some(1) && partly.stderr.contains("on 1 of 2"), "{partly:?}");
    ensure!(eu["error"].as_str().is_some_and(|error| error.contains("not connected")), "{eu}");
    ensure!(us["items"][0]["result"]["done"][0]["name"] == "web", "{us}");
    ensure!(stamped(&fleet, US).await? != before, "{US} was not restarted again");
    folder.succeed();
    fleet.finish();
    Ok(())
}
