//! What poison applications cost the others (promise P8): from `git push` returning to Synced, without them and beside them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use windlass_tests::api::{Api, Watch};
use windlass_tests::bench::{Figure, Report, Times};
use windlass_tests::git_server::Repo;
use windlass_tests::wait::wait_for;

use crate::b1::{NAME, synced, wait_until_healthy};
use crate::rig::Rig;
use crate::settings;

const ROUNDS: usize = 30;
const LIMIT: Duration = Duration::from_secs(60);

/// Measures one application alone, and again while four others are rendered without a pause, each in vain and of a repository of its own.
pub(crate) async fn run(folder: &Path) -> Result<Report> {
    let rounds = settings::number("B_ROUNDS", ROUNDS);
    let rig = Rig::start(folder).await?;
    let commit = rig.push(0).await?;
    let mut watch = rig.hub.api().watch(None, Some(NAME)).await?;
    rig.create(NAME).await?;
    synced(&mut watch, &commit).await?;
    wait_until_healthy(&rig).await?;
    let alone = series(&rig, &mut watch, 1..=rounds).await?;

    let looks = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for (name, files) in [("huge", huge()), ("aliases", aliases()), ("deep", deep()), ("long", long())] {
        start(&rig, folder, name, &files).await.with_context(|| name.to_owned())?;
        tasks.spawn(look_without_pause(rig.hub.api().clone(), name, Arc::clone(&looks)));
    }
    let seen = || async { Ok(looks.load(Ordering::Relaxed)) };
    wait_for("every poison application to be rendered", LIMIT, seen, |looks| (*looks >= 8).then_some(())).await?;
    let (before, began) = (looks.load(Ordering::Relaxed), Instant::now());
    let beside = series(&rig, &mut watch, rounds + 1..=2 * rounds).await?;
    let per_second = (looks.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
    tasks.abort_all();
    Ok(Report {
        id: "poison",
        workload: format!(
            "{rounds} commits of one application, each to Synced; then the same while four applications of other repositories (20,001 objects, aliases, depth, \
             10 MiB) are refreshed without a pause"
        ),
        figures: vec![
            Figure::ratio("ratio", beside.p50() / alone.p50(), 2.0),
            Figure::new("beside_p50_ms", beside.p50()),
            Figure::new("beside_p99_ms", beside.p99()),
            Figure::new("poison_looks_per_s", per_second),
        ],
        floor: vec![Figure::new("p50_ms", alone.p50()), Figure::new("p99_ms", alone.p99())],
        peers: "none measured",
    })
}

async fn series(rig: &Rig, watch: &mut Watch, rounds: std::ops::RangeInclusive<usize>) -> Result<Times> {
    let mut times = Vec::new();
    for round in rounds {
        let commit = rig.push(round).await?;
        let pushed = Instant::now();
        let (refreshed, arrived) = tokio::join!(rig.hub.api().refresh(NAME), async {
            synced(watch, &commit).await?;
            anyhow::Ok(pushed.elapsed())
        });
        refreshed?;
        times.push(arrived.with_context(|| format!("round {round}"))?);
    }
    Ok(Times::of(times))
}

/// Nothing of it is ever applied: it cannot be rendered.
async fn start(rig: &Rig, folder: &Path, name: &str, files: &[(String, String)]) -> Result<()> {
    let repo = Repo::create(&folder.join("git"), name).await?;
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    repo.publish(&files, "poison").await?;
    let mut application = rig.application(name, "app", name);
    application["spec"]["source"]["repoURL"] = repo.url().into();
    rig.hub.api().put_application(&application).await.map(drop)
}

async fn look_without_pause(api: Api, name: &'static str, looks: Arc<AtomicUsize>) {
    loop {
        // A look that takes too long for its caller is a look.
        drop(api.refresh(name).await);
        looks.fetch_add(1, Ordering::Relaxed);
    }
}

/// One object more than a source may have.
fn huge() -> Vec<(String, String)> {
    let object =
        |i: usize| format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: o{i}}}\ndata: {{key: value}}\n");
    let file = |part: usize| (part * 500..(part + 1) * 500).map(object).collect::<String>();
    let mut files: Vec<_> = (0..40).map(|part| (format!("app/part-{part}.yaml"), file(part))).collect();
    files.push(("app/last.yaml".to_owned(), object(20_000)));
    files
}

/// Aliases of aliases.
fn aliases() -> Vec<(String, String)> {
    let mut text =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\ndata:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}", level - 1);
        text.push_str(&format!("  a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(",")));
    }
    vec![("app/bomb.yaml".to_owned(), text)]
}

fn deep() -> Vec<(String, String)> {
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: deep}}\ndata: {}{}\n",
        "{a: ".repeat(20_000),
        "}".repeat(20_000)
    );
    vec![("app/deep.yaml".to_owned(), text)]
}

/// More text than a source may have, in files that are each in order.
fn long() -> Vec<(String, String)> {
    let line = "x".repeat(900_000);
    let file =
        |i: usize| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: long{i}}}\ndata: {{key: {line}}}\n");
    (0..13).map(|i| (format!("app/long-{i}.yaml"), file(i))).collect()
}
