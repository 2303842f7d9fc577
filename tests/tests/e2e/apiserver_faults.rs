//! The API server refuses, hangs, or answers half of what it should: nothing is called missing that is there, the agent does
//! not hammer, and everything arrives.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::app::{App, Destination, Policy, has_condition};
use windlass_tests::fleet::Fleet;
use windlass_tests::invariants::{self, Generations};
use windlass_tests::manifest;
use windlass_tests::objects::configmap;
use windlass_tests::wait::wait_for;

use super::stage::{EU, plane};

const OBJECTS: usize = 20;
/// Rounds of a commit and a hand edit each.
const ROUNDS: usize = 3;
/// One apply and one look of each object a round would be 40; failures cost retries, watches are opened again. What
/// hammers makes thousands.
const BUDGET: u64 = 1_500;
const PATIENCE: Duration = Duration::from_secs(150);
const MINUTES: Duration = Duration::from_secs(120);

pub(crate) async fn bad_answers_of_the_apiserver_make_nothing_missing() -> Result<()> {
    let mut fleet = Fleet::start("bad-answers", &[]).await?;
    let proxy = fleet.add_behind_proxy(EU, plane().await?).await?;
    fleet.connected(EU).await?;
    let generations = Generations::watch(fleet.api());
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "bad-answers", to, Policy::Automated).await?;
    let first = app.commit_all(&files(0)).await?;
    app.create().await?;
    app.settles_at(&first).await?;
    let objects = &fleet.member(EU)?.objects;

    proxy.fail(3);
    let (before, _) = proxy.counts();
    let watched = Watched::follow(&app);
    let mut last = first;
    for round in 1..=ROUNDS {
        last = app.commit_all(&files(round)).await?;
        app.refresh().await?;
        app.settles_within(PATIENCE, &last).await?;
        let name = format!("object-{round}");
        objects.edit(app.name(), configmap(&name), json!({ "data": { "round": "by hand" } })).await?;
        let look = || objects.get(app.name(), configmap(&name));
        wait_for("a hand edit to be healed", PATIENCE, look, |found| {
            (found.as_ref()?["data"]["round"] == round.to_string().as_str()).then_some(())
        })
        .await?;
    }
    let (after, failed) = proxy.counts();
    ensure!(failed > 20, "only {failed} calls failed");
    ensure!(after - before < BUDGET, "{} calls for {ROUNDS} rounds of {OBJECTS} objects", after - before);

    // Nothing at all is answered: what is shown is old and said to be, and nothing is missing.
    proxy.fail(10);
    objects.edit(app.name(), configmap("object-0"), json!({ "data": { "round": "while it is away" } })).await?;
    let (before, _) = proxy.counts();
    app.wait_for_status("to say that it cannot be healed", |seen| has_condition(seen, "SyncError", "failed")).await?;
    // Retries that would come in the next minutes come now.
    fleet.member(EU)?.agent.admin()?.shift_clock(MINUTES).await?;
    app.wait_for_status("to say so still", |seen| has_condition(seen, "SyncError", "failed")).await?;
    let (after, _) = proxy.counts();
    ensure!(after - before < BUDGET / 2, "{} calls to an API server that refuses all", after - before);
    proxy.fail(0);
    app.settles_within(PATIENCE, &last).await?;
    let look = || objects.get(app.name(), configmap("object-0"));
    wait_for("what was edited meanwhile to be healed", PATIENCE, look, |found| {
        (found.as_ref()?["data"]["round"] == ROUNDS.to_string().as_str()).then_some(())
    })
    .await?;
    watched.never_missing()?;
    generations.never_fell()?;
    invariants::check(&fleet, &[&app]).await?;
    fleet.finish();
    Ok(())
}

fn files(round: usize) -> Vec<(String, manifest::Manifest)> {
    let object = |i| manifest::configmap(&format!("object-{i}"), &[("round", &round.to_string())]);
    (0..OBJECTS).map(|i| (format!("object-{i}.yaml"), object(i))).collect()
}

/// Looks all the time at what is said of the application's objects.
struct Watched {
    seen: std::sync::Arc<parking_lot::Mutex<Option<String>>>,
    task: tokio::task::AbortHandle,
}

impl Watched {
    fn follow(app: &App) -> Self {
        let seen = std::sync::Arc::new(parking_lot::Mutex::new(None));
        let (told, api, name) = (std::sync::Arc::clone(&seen), app.api().clone(), app.name().to_owned());
        let task = tokio::spawn(async move {
            loop {
                for row in api.resources(&name).await.unwrap_or_default() {
                    if row["health"] == "Missing" || row["health"]["status"] == "Missing" {
                        told.lock().get_or_insert(row.to_string());
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { seen, task: task.abort_handle() }
    }

    fn never_missing(&self) -> Result<()> {
        let seen = self.seen.lock().clone();
        ensure!(seen.is_none(), "an object that was there all the time was called missing: {}", seen.unwrap_or_default());
        Ok(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}
