//! What people look at while something misbehaves: a watch that says nothing, a kind that is gone, a flood of events, of questions or of a log. Each is
//! bounded and named, and everything else goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use windlass_tests::api::Api;
use windlass_tests::apiserver_proxy::ApiServerProxy;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::fleet::Fleet;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::objects::{Objects, configmap, deployment};
use windlass_tests::wait::wait_for;

use super::live::peak;
use super::stage::{EU, US, cli, plane, planes, tell, workshop_app};

/// A bookmark comes every minute; a watch that is silent for half a minute longer is not believed any more.
const SILENT: Duration = Duration::from_secs(95);

/// A hub and an agent that reaches its cluster through a proxy, and an application there.
async fn behind_proxy(name: &str, namespace: &str) -> Result<(Fleet, ApiServerProxy, App, String)> {
    let mut fleet = Fleet::start(name, &[]).await?;
    let proxy = fleet.add_behind_proxy(EU, plane().await?).await?;
    fleet.connected(EU).await?;
    let mut app = App::new(&fleet, namespace, Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    Ok((fleet, proxy, app, commit))
}

fn live(app: &App, what: &str) -> String {
    format!("/api/v1/applications/argocd/{}/live/{what}", app.name())
}

/// Names of the Pods that a tree has.
async fn pods_of_tree(app: &App) -> Result<Vec<String>> {
    let tree = app.api().get(&live(app, "tree")).await?;
    let nodes = tree["nodes"].as_array().context("a tree has nodes")?;
    let pods = nodes.iter().filter(|node| node["kind"] == "Pod");
    let mut names: Vec<String> = pods.filter_map(|pod| pod["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    Ok(names)
}

/// Names of the Pods that run in a namespace.
async fn pods_of_cluster(fleet: &Fleet, namespace: &str) -> Result<Vec<String>> {
    let listed = fleet.member(EU)?.plane.kubectl(&["get", "pods", "-n", namespace, "-o", "name"]).await?;
    let mut names: Vec<String> = listed.stdout.lines().map(|line| line.trim_start_matches("pod/").to_owned()).collect();
    names.sort();
    Ok(names)
}

pub(crate) async fn silent_watch_is_found_and_opened_again() -> Result<()> {
    let (fleet, proxy, app, commit) = behind_proxy("silent-watch", "silentwatch").await?;
    let member = fleet.member(EU)?;
    // The first question opens the watches of what is owned; the second is answered from them.
    let before = pods_of_tree(&app).await?;
    ensure!(before.len() == 2, "the tree has {before:?}");

    proxy.silence_watches();
    let opened = proxy.watches();
    let path = live(&app, "resource?kind=ConfigMap");
    member.objects.edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "by hand" } })).await?;
    let gone = before[0].clone();
    member.objects.delete(app.name(), ("v1", "Pod", &gone)).await?;
    let look = || pods_of_cluster(&fleet, app.name());
    let replaced = |pods: &Vec<String>| (pods.len() == 2 && !pods.contains(&gone)).then(|| pods.clone());
    let now = wait_for("another Pod to be there", SOON, look, replaced).await?;
    // What is asked of the server is answered, and nobody has heard of the edit.
    let seen = fleet.api().get(&path).await?;
    ensure!(seen["items"][0]["data"]["MESSAGE"] == "by hand", "{seen}");

    member.agent.admin()?.shift_clock(SILENT).await?;
    let healed = || member.objects.get(app.name(), configmap("message"));
    let is_healed = |found: &Option<Value>| (found.as_ref()?["data"]["MESSAGE"] == "hello").then_some(());
    wait_for("the edit to be healed", SOON, healed, is_healed).await?;
    ensure!(proxy.watches() > opened, "no watch was opened again");
    let tree = || pods_of_tree(&app);
    wait_for("the tree to have the Pods that are there", SOON, tree, |pods| (*pods == now).then_some(())).await?;
    app.settles_at(&commit).await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn kind_that_disappears_leaves_everything_else_to_be_read() -> Result<()> {
    const GROUP: &str = "vanishing.windlass.test";
    let widget = ("vanishing.windlass.test/v1", "Widget", "widget");
    let (fleet, mut app) = workshop_app("vanishing").await?;
    let member = fleet.member(EU)?;
    let (_folder, cli) = cli(fleet, "vanishing-cli").await?;
    member.objects.apply(&definition(GROUP, "Widget"), "somebody").await?;
    let mut files = message_application("hello");
    files.push(("widget.yaml", Manifest::new(widget.0, widget.1, widget.2).with("spec", json!({ "size": 1 }))));
    let commit = app.commit(&files).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let owned = Manifest::new(widget.0, "Widget", "owned").in_namespace(app.name());
    let owner = member.objects.get(app.name(), widget).await?.context("the widget")?;
    let reference = json!([{ "apiVersion": widget.0, "kind": "Widget", "name": "widget", "uid": owner["metadata"]["uid"] }]);
    member.objects.apply(&owned.with("metadata.ownerReferences", reference), "somebody").await?;
    let has = |tree: &Value, name: &str| {
        tree["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(|node| node["name"] == name))
    };
    let (tree_path, look) = (live(&app, "tree"), app.api().clone());
    let tree = || look.get(&tree_path);
    wait_for("the tree to have what the widget owns", SOON, tree, |tree| has(tree, "owned").then_some(())).await?;

    let name = format!("widgets.{GROUP}");
    member.objects.delete("", ("apiextensions.k8s.io/v1", "CustomResourceDefinition", &name)).await?;
    // At every moment of its going there is an answer with everything else.
    let rest = wait_for("the tree to be without what went", SOON, tree, |tree| {
        (!has(tree, "owned")).then(|| tree.clone())
    })
    .await?;
    ensure!(has(&rest, "message") && has(&rest, "widget"), "git's objects are in the tree: {rest}");
    let pods = rest["nodes"].as_array().into_iter().flatten().filter(|node| node["kind"] == "Pod").count();
    ensure!(pods == 2, "{rest}");
    app.wait_for_targets("to see that the kind is gone", |targets| targets[0]["sync"] != "Synced").await?;
    let rows = fleet.api().resources(app.name()).await?;
    let row = rows.iter().find(|row| row["kind"] == "Widget").context("what git names is listed")?;
    ensure!(row.to_string().contains("Widget") && row["sync"] != "Synced", "{row}");
    let refused = cli.run(&["app", "get-resource", app.name(), "--kind", "Widget", "--resource-name", "widget"]).await?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("Widget"), "{refused:?}");
    let compared = cli.run(&["app", "diff", app.name()]).await?;
    ensure!(compared.code == Some(2) && compared.stderr.contains("does not serve"), "{compared:?}");
    std::fs::write(
        member.plane.container_log(),
        "2026-11-23T17:00:00.000000000Z stdout F still talking\n",
    )?;
    let logs = cli.must(&["app", "logs", app.name()]).await?;
    ensure!(logs.lines().filter(|line| line.ends_with("still talking")).count() == 2, "{logs}");
    let shown = cli.must(&["app", "resources", app.name()]).await?;
    ensure!(shown.contains("Widget") && shown.contains("Deployment"), "{shown}");
    Ok(())
}

/// A definition of objects with any fields and without a status of its own.
fn definition(group: &str, kind: &str) -> Manifest {
    let plural = format!("{}s", kind.to_lowercase());
    let schema = json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    let names =
        json!({ "plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List") });
    Manifest::new("apiextensions.k8s.io/v1", "CustomResourceDefinition", &format!("{plural}.{group}"))
        .with("spec.group", json!(group))
        .with("spec.scope", json!("Namespaced"))
        .with("spec.names", names)
        .with("spec.versions", json!([{ "name": "v1", "served": true, "storage": true, "schema": schema }]))
}

pub(crate) async fn status_of_the_wrong_type_is_named_and_stops_nobody() -> Result<()> {
    // One that has rules of its own, and one that nobody knows.
    const VERSION: &str = "external-secrets.io/v1";
    const STRANGE: (&str, &str, &str) = ("misshapen.windlass.test/v1", "Gadget", "strange");
    let (fleet, mut app) = workshop_app("misshapen").await?;
    let member = fleet.member(EU)?;
    member.objects.apply(&definition("external-secrets.io", "ExternalSecret"), "somebody").await?;
    member.objects.apply(&definition("misshapen.windlass.test", "Gadget"), "somebody").await?;
    let wrong: [(&str, Value, &str); 4] = [
        ("text", json!("all is well"), "status is not an object"),
        ("conditions", json!({ "conditions": 7 }), "status.conditions is not a list"),
        ("condition", json!({ "conditions": [{ "type": "Ready", "status": true }] }), "status.conditions[0].status"),
        ("generation", json!({ "observedGeneration": { "a": 1 }, "conditions": [[]] }), "status.conditions[0] is not"),
    ];
    let mut files = message_application("hello").into_iter().map(|(file, m)| (file.to_owned(), m)).collect::<Vec<_>>();
    files.extend(wrong.iter().map(|(name, ..)| (format!("{name}.yaml"), Manifest::new(VERSION, "ExternalSecret", name))));
    files.push(("strange.yaml".to_owned(), Manifest::new(STRANGE.0, STRANGE.1, STRANGE.2)));
    let commit = app.commit_all(&files).await?;
    app.create().await?;
    app.wait_for_targets("to be applied", |targets| {
        targets.first().is_some_and(|target| target["sync"] == "Synced" && target["revision"] == commit.as_str())
    })
    .await?;
    for (name, status, _) in &wrong {
        member.objects.edit(app.name(), (VERSION, "ExternalSecret", name), json!({ "status": status })).await?;
    }
    member.objects.edit(app.name(), STRANGE, json!({ "status": [["what"], 1.5] })).await?;
    for (name, _, words) in &wrong {
        let look = || fleet.api().resources(app.name());
        let what = format!("{name} to be Unknown because {words}");
        wait_for(&what, SOON, look, |rows| {
            let row = rows.iter().find(|row| row["name"] == *name)?;
            let says = row["healthMessage"].as_str().is_some_and(|said| said.contains(words));
            (row["health"] == "Unknown" && says).then_some(())
        })
        .await?;
    }
    // The others of the same application go on, and it is told what is wrong with it.
    member.objects.edit(app.name(), configmap("message"), json!({ "data": { "MESSAGE": "by hand" } })).await?;
    let healed = || member.objects.get(app.name(), configmap("message"));
    let is_healed = |found: &Option<Value>| (found.as_ref()?["data"]["MESSAGE"] == "hello").then_some(());
    wait_for("the edit to be healed", SOON, healed, is_healed).await?;
    app.wait_for_targets("to be Unknown", |targets| targets[0]["health"] == "Unknown").await?;
    let tree = fleet.api().get(&live(&app, "tree")).await?;
    ensure!(tree["nodes"].as_array().is_some_and(|nodes| nodes.len() > 8), "{tree}");
    fleet.api().delete_application(app.name(), "background").await.map(drop)
}

pub(crate) async fn kinds_that_are_owned_are_held_and_listed_no_more() -> Result<()> {
    const GROUP: &str = "held.windlass.test";
    const VERSION: &str = "held.windlass.test/v1";
    let (fleet, mut app) = workshop_app("held-kinds").await?;
    let member = fleet.member(EU)?;
    member.objects.apply(&definition(GROUP, "Leaf"), "somebody").await?;
    let commit = app.commit(&[("message.yaml", message_of("hello"))]).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let root = member.objects.get(app.name(), configmap("message")).await?.context("the root")?;
    let owner = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "message", "uid": root["metadata"]["uid"] }]);
    let leaf = |name: &str| {
        let leaf = Manifest::new(VERSION, "Leaf", name).in_namespace(app.name());
        leaf.with("metadata.ownerReferences", owner.clone())
    };
    member.objects.apply(&leaf("first"), "somebody").await?;
    let path = live(&app, "tree");
    let tree = || app.api().get(&path);
    let has = |tree: &Value, name: &str| {
        tree["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(|node| node["name"] == name))
    };
    wait_for("the tree to have the leaf", SOON, tree, |tree| has(tree, "first").then_some(())).await?;
    // Somebody owns some of these: they are watched from now on, and only what names and owns them.
    let since = member.since;
    let events = || async { member.plane.audit_by_user(&member.user, since) };
    let of_leaves = |event: &Value, verb: &str| {
        event["objectRef"]["resource"] == "leafs" && event["verb"] == verb && event["objectRef"]["namespace"].is_null()
    };
    wait_for("leaves to be watched", SOON, events, |events| {
        events.iter().any(|event| of_leaves(event, "watch")).then_some(())
    })
    .await?;
    // Once the watch is believed, a tree is there without any LIST of them, and has what came later.
    let quiet = || async {
        let mark = member.plane.audit_mark()?;
        let tree = tree().await?;
        let events = member.plane.audit_by_user(&member.user, mark)?;
        let lists = |event: &&Value| event["objectRef"]["resource"] == "leafs" && event["verb"] == "list";
        Ok((has(&tree, "first"), events.iter().filter(lists).count()))
    };
    wait_for("leaves to be listed no more", SOON, quiet, |seen| (*seen == (true, 0)).then_some(())).await?;
    member.objects.apply(&leaf("second"), "somebody").await?;
    wait_for("the second leaf", SOON, tree, |tree| has(tree, "second").then_some(())).await?;
    // With its definition goes the watch, and nothing is made of what it held.
    let name = format!("leafs.{GROUP}");
    member.objects.delete("", ("apiextensions.k8s.io/v1", "CustomResourceDefinition", &name)).await?;
    wait_for("the leaves to be gone", SOON, tree, |tree| {
        (!has(tree, "first") && !has(tree, "second") && has(tree, "message")).then_some(())
    })
    .await
}

/// How often the proxy passes on each event.
const TIMES: u64 = 200;
/// Events that have to go by: five seconds of ten thousand, if the agent took them as fast.
const EVENTS: u64 = 50_000;
/// What a flood may add to a process, in KiB.
const SLACK: u64 = 48 * 1024;

pub(crate) async fn flood_of_events_takes_little_memory_and_delays_nobody() -> Result<()> {
    let (mut fleet, proxy, app, commit) = behind_proxy("event-flood", "eventflood").await?;
    let mut other = App::new(&fleet, "eventflood-other", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let first = other.commit(&[("message.yaml", message_of("0"))]).await?;
    other.create().await?;
    other.settles_at(&first).await?;
    let pods = pods_of_tree(&app).await?;
    let before = (peak(fleet.hub_mut().process().pid())?, peak(fleet.member_mut(EU)?.agent.process().pid())?);

    proxy.repeat_events(TIMES);
    let (began, started) = (proxy.events(), Instant::now());
    let over = Arc::new(AtomicBool::new(false));
    let (objects, namespace, stop) = (fleet.member(EU)?.objects.clone(), app.name().to_owned(), Arc::clone(&over));
    let writing = tokio::spawn(async move { scribble(&objects, &namespace, &pods, &stop).await });
    // Everybody else's day: commits, edits by hand, and people who look.
    let (mut round, mut last) = (0, first);
    while proxy.events() - began < EVENTS || round < 3 {
        round += 1;
        ensure!(!writing.is_finished(), "the flood ended by itself: {:?}", writing.await);
        last = other.commit(&[("message.yaml", message_of(&round.to_string()))]).await?;
        other.refresh().await?;
        other.settles_at(&last).await?;
        let there = pods_of_tree(&app).await?;
        ensure!(there.len() == 2, "{there:?}");
        fleet.api().get(&live(&other, "resource?kind=ConfigMap")).await?;
    }
    over.store(true, Ordering::Relaxed);
    let written = writing.await??;
    let passed = proxy.events() - began;
    tell(&format!(
        "{passed} events of {written} writes in {:.1} s, {round} commits of another application meanwhile",
        started.elapsed().as_secs_f64()
    ));
    proxy.repeat_events(1);
    // What was said last is what is known.
    app.settles_at(&commit).await?;
    other.settles_at(&last).await?;
    let after = (peak(fleet.hub_mut().process().pid())?, peak(fleet.member_mut(EU)?.agent.process().pid())?);
    let grown = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    ensure!(grown.0 < SLACK && grown.1 < SLACK, "hub and agent grew by {grown:?} KiB");
    fleet.finish();
    Ok(())
}

/// Writes what nobody minds into a managed object and into Pods until it is told to stop; how often.
async fn scribble(objects: &Objects, namespace: &str, pods: &[String], stop: &AtomicBool) -> Result<u64> {
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        written += 1;
        let patch = json!({ "metadata": { "annotations": { "scribble.test/round": written.to_string() } } });
        objects.edit(namespace, deployment("message"), patch.clone()).await?;
        for pod in pods {
            objects.edit(namespace, ("v1", "Pod", pod), patch.clone()).await?;
        }
    }
    Ok(written)
}

/// Bytes of each of the two logs.
const GIGABYTE: u64 = 1 << 30;
/// What may lie in sockets and buffers between the API server and a reader that does not read: four connections on loopback, whose buffers the kernel
/// lets grow to some megabytes each, and 256 KiB of ours.
const UNDER_WAY: u64 = 96 << 20;

pub(crate) async fn gigabytes_of_logs_wait_for_a_slow_reader() -> Result<()> {
    let (mut fleet, proxy, app, _) = behind_proxy("slow-reader", "slowreader").await?;
    let (_folder, cli) = cli(&fleet, "slow-reader-cli").await?;
    let before = (peak(fleet.hub_mut().process().pid())?, peak(fleet.member_mut(EU)?.agent.process().pid())?);
    proxy.invent_logs(GIGABYTE);
    let mut reader = tokio::process::Command::new(cli.program())
        .args(["app", "logs", app.name()])
        .env("WINDLASS_CONFIG", cli.config_file())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut out = BufReader::new(reader.stdout.take().context("its output")?).lines();
    let mut seen: u64 = 0;
    for _ in 0..3 {
        let taken = stands_still(&proxy).await?;
        ensure!(taken < UNDER_WAY + seen, "{taken} bytes were taken for {seen} that were read");
        // Nobody else waits.
        fleet.api().get(&live(&app, "resource?kind=ConfigMap")).await?;
        for _ in 0..4_000 {
            let line = tokio::time::timeout(SOON, out.next_line()).await??.context("a line")?;
            seen += line.len() as u64;
        }
    }
    let after = (peak(fleet.hub_mut().process().pid())?, peak(fleet.member_mut(EU)?.agent.process().pid())?);
    let grown = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    ensure!(grown.0 < SLACK && grown.1 < SLACK, "hub and agent grew by {grown:?} KiB");
    tell(&format!("{seen} bytes of logs read, {} taken, hub and agent grew by {grown:?} KiB", proxy.log_bytes()));
    reader.kill().await?;
    let open = || async { Ok(proxy.open_logs()) };
    wait_for("both logs to be closed", SOON, open, |open| (*open == 0).then_some(())).await?;
    fleet.finish();
    Ok(())
}

/// Waits until no more is taken of logs, and says how much was.
async fn stands_still(proxy: &ApiServerProxy) -> Result<u64> {
    let (mut last, mut since) = (0, Instant::now());
    let look = || async { Ok(proxy.log_bytes()) };
    wait_for("logs not to be read any more", SOON, look, |taken| {
        if *taken != last || *taken == 0 {
            (last, since) = (*taken, Instant::now());
        }
        (since.elapsed() > Duration::from_secs(2)).then_some(*taken)
    })
    .await
}

/// Questions that one cluster answers at once.
const AT_ONCE: usize = 16;

pub(crate) async fn flood_of_questions_is_refused_and_leaves_others_alone() -> Result<()> {
    let [eu, us] = planes().await?;
    let mut fleet = Fleet::start("question-flood", &[(US, us)]).await?;
    let proxy = fleet.add_behind_proxy(EU, eu).await?;
    fleet.connected(EU).await?;
    let mut app = App::new(&fleet, "questionflood", Destination::Everywhere, Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.wait_for_targets("to be on both", |targets| targets.len() == 2).await?;
    app.settles_at(&commit).await?;

    // People who opened a log and went for lunch.
    proxy.invent_logs(GIGABYTE);
    let logs = live(&app, &format!("logs?cluster={EU}"));
    let mut readers = Vec::new();
    let ca = std::fs::read_to_string(fleet.hub().ca_file())?;
    let token = std::fs::read_to_string(fleet.hub().token_file()?)?;
    for _ in 0..AT_ONCE {
        // Each on a connection of its own: on a common one, what one does not read holds up the others.
        let reader = Api::connect(&fleet.hub().url(), &ca, token.trim())?;
        let answer = reader.open(&logs).await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
        readers.push((reader, answer));
    }
    let (tree, other_tree) = (live(&app, &format!("tree?cluster={EU}")), live(&app, &format!("tree?cluster={US}")));
    let refused = fleet.api().call(Method::GET, &tree, None).await?;
    let said = refused.body["message"].as_str().unwrap_or_default();
    ensure!(refused.status == 429 && said.contains(EU) && said.contains("16 questions"), "{refused:?}");
    let more = fleet.api().open(&logs).await?;
    ensure!(more.status().as_u16() == 429, "{}", more.status());
    // Another cluster is not theirs, nor is what is no question.
    fleet.api().get(&other_tree).await?;
    let next = app.commit(&[("configmap.yaml", message_of("good evening"))]).await?;
    app.refresh().await?;
    app.settles_at(&next).await?;

    readers.pop();
    let ask = || fleet.api().call(Method::GET, &tree, None);
    wait_for("a place to be free", SOON, ask, |answer| (answer.status == 200).then_some(())).await?;
    drop(readers);
    let open = || async { Ok(proxy.open_logs()) };
    wait_for("all logs to be closed", SOON, open, |open| (*open == 0).then_some(())).await?;
    fleet.finish();
    Ok(())
}

pub(crate) async fn orphans_are_named_where_the_project_says_so() -> Result<()> {
    let (fleet, mut app) = super::stage::app("orphans").await?;
    let member = fleet.member(EU)?;
    let (_folder, cli) = cli(fleet, "orphans-cli").await?;
    let commit = app.commit(&message_application("hello")).await?;
    let project = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": { "name": "orphans" },
        "spec": {
            "sourceRepos": ["*"], "destinations": [{ "server": "*", "namespace": "*" }],
            "clusterResourceWhitelist": [{ "group": "*", "kind": "*" }],
            "orphanedResources": { "warn": true, "ignore": [{ "kind": "ConfigMap", "name": "known-*" }] },
        },
    });
    fleet.api().must(Method::PUT, "/api/v1/projects/orphans", Some(&project)).await?;
    let mut manifest = app.manifest();
    manifest["spec"]["project"] = json!("orphans");
    fleet.api().put_application(&manifest).await?;
    app.settles_at(&commit).await?;
    for name in ["stray", "known-stray"] {
        let stray = manifest::configmap(name, &[("a", "b")]).in_namespace(app.name());
        member.objects.apply(&stray, "somebody").await?;
    }
    let list = ["app", "resources", app.name(), "--orphaned", "-o", "name"];
    let look = || cli.must(&list);
    let listed = wait_for("the stray to be listed", SOON, look, |said: &String| {
        said.contains("stray").then(|| said.clone())
    })
    .await?;
    ensure!(listed.lines().count() == 1 && !listed.contains("known-stray"), "only what is nobody's: {listed}");
    ensure!(member.objects.present(app.name(), configmap("stray")).await?.is_some(), "an orphan was deleted");
    app.settles_at(&commit).await
}
