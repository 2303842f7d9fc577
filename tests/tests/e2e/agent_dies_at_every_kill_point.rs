//! The agent is killed at every named point of its work: joining, taking rows, keeping its copy, applying, deleting. Each
//! point is proved hit, and after each it comes to what git says.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON, message_application, message_of};
use windlass_tests::fleet::{Fleet, Member};
use windlass_tests::invariants::{self, Generations};
use windlass_tests::manifest;
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use super::stage::{EU, own_fleet, plane};

const JOINING: &str = "identity::joined-before-kept";
const APPLYING: &[&str] = &[
    "link::taken-before-ack",
    "agent::fetch::before",
    "agent::fetch::after",
    "agent::persist::before_pointer",
    "agent::persist::after_pointer",
    "agent::apply::before",
    "agent::apply::after",
    "agent::report::before",
];
const DELETING: &[&str] = &["agent::delete::before", "agent::delete::after"];

pub(crate) async fn agent_dies_at_every_kill_point() -> Result<()> {
    let mut fleet = Fleet::start("agent-points", &[]).await?;
    fleet.add_with(EU, plane().await?, &format!("{JOINING}=kill")).await?;
    was_hit(fleet.member_mut(EU)?, JOINING).await?;
    fleet.member_mut(EU)?.agent.restart()?;
    fleet.connected(EU).await?;

    let generations = Generations::watch(fleet.api());
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "agent-points", to, Policy::Automated).await?;
    let mut files = message_application("hello");
    for point in DELETING {
        files.push((file_of(point), manifest::configmap(name_of(point), &[("to", "go")])));
    }
    let commit = app.commit(&files).await?;
    app.create().await?;
    app.settles_at(&commit).await?;

    for point in APPLYING {
        fleet.member(EU)?.agent.admin()?.failpoint(point, "kill").await?;
        // What is large, and stays so when it is compressed, is not sent ahead: it has to be fetched.
        let noise: String = (0..150_000).map(|_| char::from(rand::random_range(b'a'..=b'z'))).collect();
        let large = manifest::configmap("large", &[("noise", &noise)]);
        let commit = app.commit(&[("configmap.yaml", message_of(point)), ("large.yaml", large)]).await?;
        dies_and_goes_on(&mut fleet, &app, point, &commit).await?;
    }
    for point in DELETING {
        fleet.member(EU)?.agent.admin()?.failpoint(point, "kill").await?;
        let commit = app.remove(&[file_of(point)]).await?;
        dies_and_goes_on(&mut fleet, &app, point, &commit).await?;
        let objects = &fleet.member(EU)?.objects;
        let look = || objects.get(app.name(), configmap(name_of(point)));
        wait_for("what left git to be gone", SOON, look, |found| found.is_none().then_some(())).await?;
    }
    app.no_operation_failed().await?;
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

/// What is deleted to be made again is made again, and what the server names is made once: also when the agent dies in between.
pub(crate) async fn recreated_and_generated_objects_survive_agent_kill() -> Result<()> {
    let mut fleet = own_fleet("agent-makes").await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "agent-makes", to, Policy::Automated).await?;
    let fixed = |text: &str| {
        let map = manifest::configmap("fixed", &[("TEXT", text)]).with("immutable", json!(true));
        map.annotation("argocd.argoproj.io/sync-options", "Force=true")
    };
    let first = app.commit(&[("fixed.yaml", fixed("one"))]).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    fleet.member(EU)?.agent.admin()?.failpoint("agent::recreate::deleted", "kill").await?;
    let second = app.commit(&[("fixed.yaml", fixed("two"))]).await?;
    dies_and_goes_on(&mut fleet, &app, "agent::recreate::deleted", &second).await?;
    let found = fleet.member(EU)?.objects.get(app.name(), configmap("fixed")).await?.unwrap_or_default();
    ensure!(found["data"]["TEXT"] == "two", "{found}");

    // Two waves: an operation that is on record goes on, and looks for what it may have made.
    let last =
        |text: &str| manifest::configmap("last", &[("TEXT", text)]).annotation("argocd.argoproj.io/sync-wave", "1");
    let generated = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "generateName": "made-" } });
    app.commit_text("made.yaml", &generated.to_string()).await?;
    for point in ["agent::create::before", "agent::create::after"] {
        fleet.member(EU)?.agent.admin()?.failpoint(point, "kill").await?;
        let mark = fleet.member(EU)?.plane.audit_mark()?;
        let commit = app.commit(&[("last.yaml", last(point))]).await?;
        dies_and_goes_on(&mut fleet, &app, point, &commit).await?;
        let ended = |targets: &[Value]| targets[0]["operation"]["phase"] == "Succeeded";
        app.wait_for_targets("to have ended its operation", ended).await?;
        let member = fleet.member(EU)?;
        let events = member.plane.audit_by_user(&member.user, mark)?;
        let made = events.iter().filter(|event| {
            let dry = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
            event["objectRef"]["resource"] == "secrets"
                && event["objectRef"]["namespace"] == app.name()
                && event["responseStatus"]["code"] == 201
                && !dry
        });
        let made = made.count();
        ensure!(made == 1, "{point}: made {made} times");
    }
    app.no_operation_failed().await?;
    fleet.finish();
    Ok(())
}

async fn dies_and_goes_on(fleet: &mut Fleet, app: &App, point: &str, commit: &str) -> Result<()> {
    app.refresh().await?;
    was_hit(fleet.member_mut(EU)?, point).await?;
    fleet.member_mut(EU)?.agent.restart()?;
    app.settles_at(commit).await
}

pub(super) async fn was_hit(member: &mut Member, point: &str) -> Result<()> {
    let process = member.agent.process();
    let status = process.wait_exited(SOON).await?;
    ensure!(!status.success(), "{point}: {status}");
    let tail = process.log_tail(20);
    ensure!(tail.contains(&format!("failpoint {point}: killed")), "{point} was not hit: {tail}");
    Ok(())
}

fn file_of(point: &str) -> &'static str {
    if point.ends_with("before") { "goes-before.yaml" } else { "goes-after.yaml" }
}

fn name_of(point: &str) -> &'static str {
    if point.ends_with("before") { "goes-before" } else { "goes-after" }
}
