//! The hub is killed between a commit and its arrival, with operations and applications just acknowledged: everything
//! that it answered for is there, and everything arrives.

use anyhow::{Result, ensure};
use windlass_tests::app::{App, Destination, Policy, message_application, message_of};
use windlass_tests::fleet::Fleet;
use windlass_tests::git_server::{Credentials, GitServer};
use windlass_tests::invariants::{self, Generations};
use windlass_tests::manifest;

use super::stage::{EU, own_fleet};

const CANARY: &str = "canary-in-a-secret-manifest-2342";
const PASSWORD: &str = "canary-git-password-after-restart";

pub(crate) async fn hub_killed_and_restarted_loses_nothing() -> Result<()> {
    loses_nothing(own_fleet("hub-killed").await?).await
}

/// The same whatever the store is.
pub(crate) async fn loses_nothing(mut fleet: Fleet) -> Result<()> {
    let generations = Generations::watch(fleet.api());
    fleet.api().ledger().never_show(CANARY);
    fleet.api().ledger().never_show(PASSWORD);

    // One application of a private repository: its password has to survive too.
    let server =
        GitServer::start(&fleet.folder().join("git-https"), Some(Credentials::new("reader", PASSWORD))).await?;
    let (repo, url) = (server.create_repo("private").await?, server.https_url("private"));
    let settings = serde_json::json!({
        "url": url, "username": "reader", "password": PASSWORD, "caPem": server.ca_pem(),
    });
    fleet.api().put_repository(&settings).await?;
    let to = || Destination::Cluster(EU.to_owned());
    let mut private = App::with_repo(&fleet, &format!("{}-private", fleet.name()), to(), Policy::Automated, repo, &url);
    let mut files = message_application("hello");
    files.push(("secret.yaml", manifest::secret("password", &[("password", CANARY)])));
    let commit = private.commit(&files).await?;
    private.create().await?;
    private.settles_at(&commit).await?;

    // Killed at once after what it acknowledged: an application, and a sync.
    let mut manual = App::new(&fleet, &format!("{}-manual", fleet.name()), to(), Policy::Manual).await?;
    let manual_commit = manual.commit(&message_application("hello")).await?;
    manual.create().await?;
    manual.wait_for_targets("to be there", |targets| targets.len() == 1 && targets[0]["current"] == true).await?;
    let started = fleet.api().sync(manual.name(), false).await?;
    fleet.hub_mut().kill9()?;
    let commit = private.commit(&[("configmap.yaml", message_of("written while the hub was down"))]).await?;
    fleet.hub_mut().restart().await?;

    fleet.connected(EU).await?;
    private.settles_at(&commit).await?;
    manual.settles_at(&manual_commit).await?;
    let operations = fleet.api().operations(manual.name()).await?;
    let ran = operations.iter().find(|one| one["id"] == started[0].as_str());
    ensure!(ran.is_some_and(|one| one["state"]["phase"] == "Succeeded"), "{operations:?}");

    // Killed in the middle of a commit's way, and again.
    for round in 1..=2 {
        let commit = private.commit(&[("configmap.yaml", message_of(&format!("round {round}")))]).await?;
        // The answer may be lost with the hub, which is the point.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(5 * round), private.refresh()).await;
        fleet.hub_mut().kill9()?;
        fleet.hub_mut().restart().await?;
        private.settles_at(&commit).await?;
    }
    generations.never_fell()?;
    invariants::check(&fleet, &[&private, &manual]).await?;
    fleet.finish();
    Ok(())
}
