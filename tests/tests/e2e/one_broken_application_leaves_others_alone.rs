//! What cannot be rendered, fetched or applied is named on its own application; a neighbour's commit arrives as always.

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{App, Destination, Policy, has_condition, message_application, message_of};
use windlass_tests::manifest;
use windlass_tests::objects::configmap;

use super::stage::{EU, shared};

pub(crate) async fn one_broken_application_leaves_others_alone() -> Result<()> {
    let fleet = shared().await?;
    let new = |name: &'static str| App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated);
    let (mut healthy, mut text, mut kind, mut helm) =
        (new("neighbour").await?, new("broken-text").await?, new("broken-kind").await?, new("broken-helm").await?);

    // A text that is no YAML, an object that the server refuses, a source type that is not built yet, and no repository.
    let good = text.commit(&message_application("hello")).await?;
    text.create().await?;
    text.settles_at(&good).await?;
    text.commit_text("broken.yaml", "a: [1, 2\nb: }\n").await?;
    let bad = manifest::service("refused", 80).with("spec.ports", json!([{ "port": 99_999_999 }]));
    let mut files = message_application("hello");
    files.push(("refused.yaml", bad));
    kind.commit(&files).await?;
    kind.create().await?;
    helm.commit_text("Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n").await?;
    helm.create().await?;
    let mut nowhere = new("broken-repository").await?.manifest();
    nowhere["spec"]["source"]["repoURL"] = json!("/nowhere/at/all.git");
    fleet.api().put_application(&nowhere).await?;

    let first = healthy.commit(&message_application("hello")).await?;
    healthy.create().await?;
    healthy.settles_at(&first).await?;
    let second = healthy.commit(&[("configmap.yaml", message_of("good evening"))]).await?;
    healthy.refresh().await?;
    healthy.settles_at(&second).await?;

    text.wait_for_status("to name its broken file", |seen| has_condition(seen, "ComparisonError", "broken.yaml"))
        .await?;
    let objects = &fleet.member(EU)?.objects;
    ensure!(objects.present(text.name(), configmap("message")).await?.is_some(), "a broken commit deleted something");
    kind.wait_for_status("to name the object that was refused", |seen| seen.to_string().contains("99999999")).await?;
    ensure!(
        objects.present(kind.name(), configmap("message")).await?.is_some(),
        "one refused object stopped the others"
    );
    helm.wait_for_status("to name Helm", |seen| has_condition(seen, "ComparisonError", "Helm")).await?;
    let gone = |seen: &serde_json::Value| has_condition(seen, "ComparisonError", "/nowhere/at/all");
    let seen = fleet.api().application("broken-repository").await?.unwrap_or_default();
    ensure!(gone(&seen), "{seen}");
    Ok(())
}
