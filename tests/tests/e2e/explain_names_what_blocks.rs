//! `windlass explain` names what stands in the way, and the command that it prints settles it.

use anyhow::{Context as _, Result, ensure};
use windlass_tests::app::{App, Destination, Policy, message_application};
use windlass_tests::cli::Cli;
use windlass_tests::wait::wait_for;

use super::stage::{EU, US, cli, shared};

pub(crate) async fn explain_names_what_blocks() -> Result<()> {
    let fleet = shared().await?;
    let (mut folder, cli) = cli(fleet, "explain").await?;
    let mut app = App::new(fleet, "explained", Destination::Cluster(EU.to_owned()), Policy::Manual).await?;
    let first = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.wait_for_targets("to be OutOfSync and Missing", |targets| {
        targets.len() == 1 && targets[0]["sync"] == "OutOfSync" && targets[0]["health"] == "Missing"
    })
    .await?;

    let said = until(&cli, &["explain", app.name()], "(WaitsForSync").await?;
    ensure!(said.starts_with(&format!("{EU}: the application is synced by hand")), "{said}");
    let next = said.lines().nth(1).context("no next command")?.trim();
    ensure!(next == format!("windlass app sync {} --cluster {EU}", app.name()), "{said}");
    cli.must(&next.split_whitespace().skip(1).collect::<Vec<_>>()).await?;
    app.settles_at(&first).await?;

    until(&cli, &["explain", app.name(), "--cluster", EU], "(InSync").await?;
    let elsewhere = cli.must(&["explain", app.name(), "--cluster", US]).await?;
    ensure!(elsewhere.contains("it does not go to cluster") && elsewhere.contains("(NotATarget"), "{elsewhere}");

    let machine = cli.must(&["explain", app.name(), "-o", "json"]).await?;
    let answer: serde_json::Value = serde_json::from_str(&machine)?;
    ensure!(answer["targets"][0]["verdict"] == "InSync", "{answer}");
    folder.succeed();
    Ok(())
}

/// What the command says, once that is in it: reports are on their way for a moment.
async fn until(cli: &Cli, arguments: &[&str], wanted: &str) -> Result<String> {
    let say = || cli.must(arguments);
    wait_for(&format!("explain to say {wanted}"), windlass_tests::app::SOON, say, |said| {
        said.contains(wanted).then(|| said.clone())
    })
    .await
}
