//! What people ask of a live cluster, and that nothing of it is a secret.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use windlass_tests::api::Answer;
use windlass_tests::app::{App, Destination, Policy, SOON, message_application};
use windlass_tests::fleet::Fleet;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::wait::wait_for;

use super::stage::{EU, app, cli, own_fleet};

/// All containers of a cluster have one log here: who writes it, has it alone.
static LOG: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
/// What no answer may hold.
const CANARY: &str = "canary-of-a-live-secret";

pub(crate) async fn live_object_is_shown_and_its_secrets_are_not() -> Result<()> {
    let (fleet, mut app) = app("liveobject").await?;
    let mut manifests = message_application("hello");
    manifests.push(("keys.yaml", manifest::secret("keys", &[("password", CANARY)])));
    let commit = app.commit(&manifests).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    let (_folder, cli) = cli(fleet, "live-object").await?;
    let get = ["app", "get-resource", app.name(), "--kind", "ConfigMap", "--resource-name", "message"];
    let shown = cli.must(&get).await?;
    ensure!(shown.contains("MESSAGE: hello") && shown.contains("uid:"), "{shown}");
    ensure!(!shown.contains("managedFields"), "{shown}");

    let get = ["app", "get-resource", app.name(), "--kind", "secret", "-o", "json"];
    let shown = cli.must(&get).await?;
    ensure!(shown.contains("\"password\": \"++++++++\""), "{shown}");
    ensure!(!shown.contains(CANARY) && !shown.contains("Y2FuYXJ5"), "{shown}");

    let pods = fleet.member(EU)?.plane.kubectl(&["get", "pods", "-n", app.name(), "-o", "name"]).await?;
    let pod = pods.stdout.lines().next().context("a pod")?.trim_start_matches("pod/").to_owned();
    let get = ["app", "get-resource", app.name(), "--kind", "Pod", "--resource-name", &pod];
    let shown = cli.must(&get).await?;
    ensure!(shown.contains("kind: Pod") && shown.contains(&pod), "what an object owns belongs to it: {shown}");

    let foreign = ["app", "get-resource", app.name(), "--kind", "ConfigMap", "--resource-name", "kube-root-ca.crt"];
    let refused = cli.run(&foreign).await?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("no live object"), "{refused:?}");

    let path = format!("/api/v1/applications/argocd/{}/live/resource?kind=Deployment&cluster=nowhere", app.name());
    let answer = fleet.api().call(Method::GET, &path, None).await?;
    ensure!(answer.status == 400, "{answer:?}");
    Ok(())
}

pub(crate) async fn live_tree_has_what_is_owned_and_orphans_where_the_project_says() -> Result<()> {
    let (fleet, mut app) = app("livetree").await?;
    let mut manifests = message_application("hello");
    let linked = Manifest::new("v1", "ConfigMap", "linked")
        .annotation("link.argocd.argoproj.io/web", "Shop|https://message.example");
    manifests.push(("linked.yaml", linked));
    let commit = app.commit(&manifests).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let (_folder, cli) = cli(fleet, "live-tree").await?;

    // The cluster's own controllers make slices a moment later.
    let tree = || async {
        let shown = cli.must(&["app", "tree", app.name(), "-o", "json"]).await?;
        Ok(serde_json::from_str::<Value>(&shown)?)
    };
    let tree = wait_for("the tree to have slices", SOON, tree, |tree| {
        let nodes = tree["nodes"].as_array()?;
        nodes.iter().any(|node| node["kind"] == "EndpointSlice").then(|| tree.clone())
    })
    .await?;
    let nodes = tree["nodes"].as_array().context("nodes")?;
    let of = |kind: &str| nodes.iter().filter(|node| node["kind"] == kind).collect::<Vec<_>>();
    let (deployment, sets, pods) = (of("Deployment"), of("ReplicaSet"), of("Pod"));
    ensure!(deployment.len() == 1 && sets.len() == 1 && pods.len() == 2, "{tree}");
    ensure!(sets[0]["parents"][0] == deployment[0]["uid"] && pods[0]["parents"][0] == sets[0]["uid"], "{tree}");
    ensure!(pods[0]["health"]["status"] == "Healthy" && tree["incomplete"].is_null(), "{tree}");
    ensure!(tree["images"].as_array().is_some_and(|images| images.len() == 1), "{tree}");
    ensure!(tree["externalURLs"] == json!(["Shop|https://message.example"]), "{tree}");

    let printed = cli.must(&["app", "tree", app.name()]).await?;
    ensure!(printed.contains("└─ apps/ReplicaSet") && printed.contains("   └─ Pod"), "{printed}");
    let overview = cli.must(&["app", "get", app.name()]).await?;
    ensure!(overview.contains("https://message.example"), "{overview}");

    let orphans = ["app", "resources", app.name(), "--orphaned", "-o", "name"];
    let refused = cli.run(&orphans).await?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("orphanedResources"), "{refused:?}");

    // kwok's scheduler and kubelet say what they do.
    let events = cli.must(&["app", "events", app.name(), "--kind", "Pod", "--cluster", EU]).await?;
    ensure!(events.contains("Scheduled") && events.contains("Pod livetree/message-"), "{events}");
    let events = cli.must(&["app", "events", app.name(), "--kind", "Deployment", "-o", "json"]).await?;
    ensure!(events.contains("ScalingReplicaSet"), "{events}");
    Ok(())
}

pub(crate) async fn offline_cluster_is_named_and_says_since_when() -> Result<()> {
    let mut fleet = own_fleet("live-offline").await?;
    let mut app = App::new(&fleet, "liveoffline", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let path = format!("/api/v1/applications/argocd/{}/live/tree", app.name());
    fleet.api().get(&path).await?;

    fleet.member_mut(EU)?.agent.kill9()?;
    let ask = || async { fleet.api().call(Method::GET, &path, None).await };
    let answer = wait_for("the hub to know that the agent is gone", SOON, ask, |answer| {
        (answer.body["code"] == "cluster-offline").then(|| answer.clone())
    })
    .await?;
    let message = answer.body["message"].as_str().unwrap_or_default();
    ensure!(answer.status == 503 && message.contains(EU) && message.contains("since"), "{answer:?}");

    fleet.member_mut(EU)?.agent.restart()?;
    fleet.connected(EU).await?;
    wait_for("the tree to be there again", SOON, ask_again(&fleet, &path), |answer| {
        (answer.status == 200).then_some(())
    })
    .await?;
    fleet.finish();
    Ok(())
}

fn ask_again<'a>(fleet: &'a Fleet, path: &'a str) -> impl Fn() -> futures::future::BoxFuture<'a, Result<Answer>> {
    move || Box::pin(async move { fleet.api().call(Method::GET, path, None).await })
}

/// One line as container runtimes write it.
fn log_line(second: u32, text: &str) -> String {
    format!("2026-11-23T17:{:02}:{:02}.000000000Z stdout F {text}\n", second / 60 % 60, second % 60)
}

pub(crate) async fn logs_of_several_pods_are_merged_and_followed_until_nobody_reads() -> Result<()> {
    let (fleet, mut app) = app("livelogs").await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let (_folder, cli) = cli(fleet, "live-logs").await?;
    let plane = &fleet.member(EU)?.plane;
    let _alone = LOG.lock().await;
    let lines: String = (0..5).map(|at| log_line(at, &format!("line {at} of Them"))).collect();
    std::fs::write(plane.container_log(), lines)?;
    std::fs::write(plane.previous_container_log(), log_line(0, "before it died"))?;
    let of = |more: &[&'static str]| -> Vec<String> {
        let whose = ["app", "logs", app.name(), "--kind", "Deployment", "--name", "message"];
        whose.iter().chain(more).map(|text| (*text).to_owned()).collect()
    };
    let run = |arguments: Vec<String>| {
        let cli = cli.clone();
        async move { cli.must(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };

    let all = run(of(&[])).await?;
    let shown: Vec<&str> = all.lines().collect();
    ensure!(shown.len() == 10 && shown.iter().all(|line| line.starts_with("message-")), "{all}");
    ensure!(shown[0].ends_with("line 0 of Them") && shown[1].ends_with("line 0 of Them"), "merged by time: {all}");
    ensure!(run(of(&["--tail", "1"])).await?.lines().count() == 2);
    ensure!(run(of(&["--filter", "3 OF them"])).await?.lines().count() == 2);
    ensure!(run(of(&["--filter", "!3 of"])).await?.lines().count() == 8);
    ensure!(run(of(&["--since-time", "2026-11-23T17:00:04Z"])).await?.lines().count() == 2);
    ensure!(run(of(&["--previous"])).await?.contains("before it died"));
    ensure!(run(of(&["--timestamps", "--tail", "1"])).await?.contains(" 2026-11-23T17:00:04"));
    let nothing = cli.run(&["app", "logs", app.name(), "--kind", "ConfigMap", "--name", "message"]).await?;
    ensure!(nothing.code == Some(1) && nothing.stderr.contains("has no Pod"), "{nothing:?}");
    let wrong = cli.run(&["app", "logs", app.name(), "-c", "nosuch"]).await?;
    ensure!(wrong.code == Some(1) && wrong.stderr.contains("it has message"), "{wrong:?}");

    let mark = plane.audit_mark()?;
    let mut reader = tokio::process::Command::new(cli.program())
        .args(["app", "logs", app.name(), "--follow", "--tail", "1"])
        .env("WINDLASS_CONFIG", cli.config_file())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut out = BufReader::new(reader.stdout.take().context("its output")?).lines();
    let mut next = async || tokio::time::timeout(SOON, out.next_line()).await?.map_err(anyhow::Error::from);
    for _ in 0..2 {
        let line = next().await?.context("a line")?;
        ensure!(line.ends_with("line 4 of Them"), "{line}");
    }
    let mut file = std::fs::OpenOptions::new().append(true).open(plane.container_log())?;
    std::io::Write::write_all(&mut file, log_line(9, "written later").as_bytes())?;
    let line = next().await?.context("a line")?;
    ensure!(line.ends_with("written later"), "{line}");

    reader.kill().await?;
    let user = &fleet.member(EU)?.user;
    let ended = || async { plane.audit_by_user(user, mark) };
    wait_for("both reads of the agent to have ended", SOON, ended, |events| {
        let is_end = |event: &&Value| {
            event["stage"] == "ResponseComplete"
                && event["requestURI"].as_str().is_some_and(|uri| uri.contains("follow=true"))
        };
        (events.iter().filter(is_end).count() == 2).then_some(())
    })
    .await
}

/// The most memory that a process ever had, in KiB.
pub(crate) fn peak(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("a peak")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
}

pub(crate) async fn long_log_passes_through_little_memory() -> Result<()> {
    const LINES: usize = 60_000;
    let mut fleet = own_fleet("live-long").await?;
    let mut app = App::new(&fleet, "livelong", Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    let (folder, cli) = cli(&fleet, "live-long-cli").await?;
    let log = fleet.member(EU)?.plane.container_log();
    let _alone = LOG.lock().await;
    let line = log_line(1, &"x".repeat(1000));
    std::fs::write(&log, line.repeat(LINES))?;
    let before = (peak(fleet.hub_mut().process().pid())?, peak(fleet.member_mut(EU)?.agent.process().pid())?);

    let mut reader = tokio::process::Command::new(cli.program())
        .args(["app", "logs", app.name()])
        .env("WINDLASS_CONFIG", cli.config_file())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut out = BufReader::new(reader.stdout.take().context("its output")?).lines();
    let mut seen = 0;
    // Meanwhile others are answered.
    let path = format!("/api/v1/applications/argocd/{}/live/resource?kind=ConfigMap", app.name());
    while tokio::time::timeout(SOON, out.next_line()).await??.is_some() {
        seen += 1;
        if seen % 20_000 == 1 {
            fleet.api().get(&path).await?;
        }
    }
    ensure!(seen == 2 * LINES, "{seen} lines");
    let after = (peak(fleet.hub_mut().process().pid())?, peak(fleet.member_mut(EU)?.agent.process().pid())?);
    let grown = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    ensure!(grown.0 < 32 * 1024 && grown.1 < 32 * 1024, "hub and agent grew by {grown:?} KiB");
    std::fs::write(&log, "")?;
    drop(folder);
    fleet.finish();
    Ok(())
}
