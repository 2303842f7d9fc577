//! Input that is too much, too deep, or lies about its size: each is named with its limit, the last good state stays
//! applied, and a neighbour's commits arrive as always.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{App, DIRECTORY, Destination, Policy, SOON, has_condition, message_application, message_of};
use windlass_tests::fleet::{Fleet, control_plane};
use windlass_tests::folder::Folder;
use windlass_tests::hub::HubOptions;
use windlass_tests::invariants;
use windlass_tests::manifest;
use windlass_tests::objects::{configmap, deployment};
use windlass_tests::wait::wait_for;

use super::stage::{EU, shared};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

pub(crate) async fn oversized_and_nested_input_is_named() -> Result<()> {
    let fleet = shared().await?;
    let new = |name: &'static str| App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated);
    let (mut app, mut neighbour) = (new("oversized").await?, new("oversized-neighbour").await?);
    let good = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&good).await?;
    let first = neighbour.commit(&message_application("hello")).await?;
    neighbour.create().await?;
    neighbour.settles_at(&first).await?;
    let usual = arrives(&mut neighbour, "with nothing wrong next to it").await?;

    for (what, text, named) in inputs() {
        let path = format!("{DIRECTORY}/bad.yaml");
        let bad = app.repo().publish(&[(&path, Some(&text))], what).await?;
        let began = Instant::now();
        let slow = async {
            // The answer comes when it was rendered, or refused.
            let _ = app.refresh().await;
            app.wait_for_status(&format!("to name what is wrong ({what})"), |seen| {
                named.iter().all(|word| has_condition(seen, "ComparisonError", word))
            })
            .await
        };
        let (seen, took) = tokio::join!(slow, arrives(&mut neighbour, what));
        let (seen, took) = (seen?, took?);
        eprintln!("{what}: named after {:.1} s; a neighbour's commit took {took:.1} s, usually {usual:.1}", {
            began.elapsed().as_secs_f64()
        });
        ensure!(!seen.to_string().contains(&"x".repeat(2 * KIB)), "the condition repeats its input");
        let objects = &fleet.member(EU)?.objects;
        let live = objects.present(app.name(), configmap("message")).await?;
        ensure!(live.is_some(), "{what} ({bad}) deleted something");
        ensure!(app.targets().await?[0]["revision"] == good.as_str(), "{what} was taken for a good commit");
    }
    // As in Argo CD the last one counts; it is said where.
    let twice = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\ndata: {a: b, a: c}\n";
    let path = format!("{DIRECTORY}/bad.yaml");
    let twice = app.repo().publish(&[(&path, Some(twice))], "a key twice").await?;
    app.refresh().await?;
    app.settles_at(&twice).await?;
    app.wait_for_status("to warn of the key", |seen| has_condition(seen, "RenderWarning", "bad.yaml")).await?;
    let better = app.remove(&["bad.yaml"]).await?;
    app.refresh().await?;
    app.settles_at(&better).await?;
    invariants::check(fleet, &[&app, &neighbour]).await
}

/// What is wrong, the file, and what the condition must say.
fn inputs() -> Vec<(&'static str, String, &'static [&'static str])> {
    let data = |bytes: usize| {
        let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata:\n  large: ";
        format!("{object}{}\n", "x".repeat(bytes))
    };
    let plain = |data: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: bad}}\ndata: {data}\n");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let before = format!("*a{}", i - 1);
        let _ = writeln!(bomb, "a{i}: &a{i} [{}]", [before.as_str(); 10].join(", "));
    }
    vec![
        ("a ConfigMap of 1.6 MiB", data(16 * MIB / 10), &["large", "1572864"]),
        ("a ConfigMap of 3.5 MiB", data(35 * MIB / 10), &["large", "1572864"]),
        ("a file of 50 MiB", "# nothing but words\n".repeat(50 * MIB / 20), &["bad.yaml", "limit"]),
        ("an alias bomb", bomb, &["bad.yaml", "alias"]),
        ("a depth of 10,000", format!("a: {}{}\n", "[".repeat(10_000), "]".repeat(10_000)), &["bad.yaml", "limit"]),
        ("not a number", plain("{a: .nan}"), &["bad.yaml"]),
    ]
}

/// Just below the limit: applied, and healed.
pub(crate) async fn object_of_almost_the_limit_is_applied() -> Result<()> {
    let fleet = shared().await?;
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(fleet, "large-object", to, Policy::Automated).await?;
    // A ConfigMap or a Secret ends at 1 MiB; what has pods does not.
    let large = |letter: &str| {
        let variable = json!({ "name": "LARGE", "value": letter.repeat(14 * MIB / 10) });
        let container = json!({ "name": "large", "image": "registry.example/large:1", "env": [variable] });
        manifest::deployment("large", 0, "").with("spec.template.spec.containers", json!([container]))
    };
    let first = app.commit(&[("large.yaml", large("x"))]).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    let objects = &fleet.member(EU)?.objects;
    objects.delete(app.name(), deployment("large")).await?;
    let look = || async { Ok(objects.present(app.name(), deployment("large")).await?.is_some()) };
    wait_for("the large object to be back", SOON, look, |there| there.then_some(())).await?;
    let second = app.commit(&[("large.yaml", large("y"))]).await?;
    app.refresh().await?;
    app.settles_at(&second).await?;
    invariants::check(fleet, &[&app]).await
}

/// Scaled down for every run; the long run has ten thousand.
pub(crate) async fn a_thousand_objects_are_one_application() -> Result<()> {
    many_objects("a-thousand", 1_000).await
}

pub(crate) async fn soak_ten_thousand_objects_are_one_application() -> Result<()> {
    many_objects("ten-thousand", 10_000).await
}

async fn many_objects(name: &str, count: usize) -> Result<()> {
    // A cluster of its own: what it holds would slow down everybody else's.
    let folder = Folder::create(name)?;
    let plane = control_plane(&folder.path().join("cluster")).await?;
    let fleet = Fleet::start_in(folder, name, &[(EU, plane)], HubOptions::default()).await?;
    let new = |name: &str| {
        let (fleet, name) = (&fleet, name.to_owned());
        async move { App::new(fleet, &name, Destination::Cluster(EU.to_owned()), Policy::Automated).await }
    };
    let (app, mut neighbour) = (new(name).await?, new("neighbour").await?);
    let first = neighbour.commit(&message_application("hello")).await?;
    neighbour.create().await?;
    neighbour.settles_at(&first).await?;
    let usual = arrives(&mut neighbour, "alone").await?;

    let text = |file: usize, round: &str| {
        let one = |i: usize| manifest::configmap(&format!("object-{file}-{i}"), &[("round", round)]);
        manifest::documents(&(0..1_000).map(one).collect::<Vec<_>>())
    };
    let files: Vec<(String, String)> =
        (0..count / 1_000).map(|file| (format!("{DIRECTORY}/many-{file}.yaml"), text(file, "1"))).collect();
    let contents: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = app.repo().publish(&contents, "many objects").await?;
    app.create().await?;
    let began = Instant::now();
    let took = arrives(&mut neighbour, "while many objects are applied").await?;
    app.settles_within(Duration::from_secs(220), &commit).await?;
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{count} objects: {seconds:.1} s; a neighbour's commit took {took:.1} s meanwhile, alone {usual:.1}");
    let rows = fleet.api().resources(app.name()).await?;
    ensure!(rows.len() == count && rows.iter().all(|row| row["sync"] == "Synced"), "{} rows", rows.len());

    // Most of them leave: that is held.
    let path = format!("{DIRECTORY}/many-0.yaml");
    let few = manifest::documents(&[manifest::configmap("object-0-0", &[("round", "1")])]);
    app.repo().publish(&[(&path, Some(&few))], "a few objects").await?;
    app.refresh().await?;
    app.wait_for_targets("to hold the deletions", |targets| targets[0]["hold"]["count"] == 999).await?;
    invariants::check(&fleet, &[&neighbour]).await?;
    fleet.finish();
    Ok(())
}

/// Seconds from a push to Synced and Healthy.
async fn arrives(neighbour: &mut App, message: &str) -> Result<f64> {
    let commit = neighbour.commit(&[("configmap.yaml", message_of(message))]).await?;
    let began = Instant::now();
    neighbour.refresh().await?;
    neighbour.settles_at(&commit).await?;
    Ok(began.elapsed().as_secs_f64())
}
