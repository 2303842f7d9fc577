//! Ten thousand applications on a hundred clusters, on both engines: what lists, writes and the feed cost. `make soak` runs it; it asserts no times.
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a measurement says what it found, and what it expected by panicking"
)]

#[path = "../tests/contract/bed.rs"]
#[allow(dead_code)]
mod bed;
#[path = "../tests/contract/fixture.rs"]
#[allow(dead_code)]
mod fixture;
#[path = "../tests/contract/postgres.rs"]
#[allow(dead_code)]
mod postgres;

use std::time::{Duration, Instant};

use windlass_domain::health::HealthStatus;
use windlass_store::{ApplicationQuery, ApplicationSort, ListQuery};

use crate::bed::Bed;
use crate::fixture::{application, at, cluster, commit, healthy, rendered, session};

const APPLICATIONS: usize = 10_000;
const CLUSTERS: usize = 100;

/// Half of the times are below the first, all but one in a hundred below the second.
fn told(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    eprintln!("{what}: p50 {:?}, p99 {:?} of {}", at(50), at(99), times.len());
}

async fn measured(bed: Bed) {
    let mut clusters = Vec::new();
    for index in 0..CLUSTERS {
        clusters.push(cluster(&*bed, &format!("c-{index:03}")).await);
    }
    let began = Instant::now();
    let mut applications = Vec::new();
    for index in 0..APPLICATIONS {
        applications.push(application(&*bed, &format!("app-{index:05}")).await);
    }
    eprintln!("{APPLICATIONS} applications written one by one: {:?}", began.elapsed());
    let began = Instant::now();
    for chunk in applications.chunks(1000) {
        let commits =
            chunk.iter().enumerate().map(|(index, app)| commit(app, &rendered("a"), &[clusters[index % CLUSTERS].uid]));
        for result in bed.commit_all_desired(commits.collect(), at(1)).await {
            result.expect("committed");
        }
    }
    eprintln!("{APPLICATIONS} targets in commits of a thousand: {:?}", began.elapsed());

    let mut times = Vec::new();
    for app in applications.iter().take(200) {
        let began = Instant::now();
        bed.commit_desired(commit(app, &rendered("b"), &[clusters[0].uid]), at(2)).await.expect("committed");
        times.push(began.elapsed());
    }
    told("one application's commit", times);
    let session = session(&*bed, &clusters[0]).await;
    let mut times = Vec::new();
    for app in applications.iter().take(200) {
        let began = Instant::now();
        bed.apply_status(session, &[healthy(app).delta_from(None)], at(3)).await.expect("applied");
        times.push(began.elapsed());
    }
    told("one status", times);

    for sort in [ApplicationSort::Name, ApplicationSort::Attention, ApplicationSort::Changed] {
        let mut times = Vec::new();
        let mut query = ApplicationQuery {
            sort,
            list: ListQuery { limit: 100, ..ListQuery::default() },
            ..ApplicationQuery::default()
        };
        loop {
            let began = Instant::now();
            let page = bed.list_applications(&query).await.expect("a page");
            times.push(began.elapsed());
            query.list.after = page.next;
            if query.list.after.is_none() {
                break;
            }
        }
        told(&format!("pages of a hundred by {sort:?}"), times);
    }
    let search = ApplicationQuery {
        health: Some(HealthStatus::Unknown),
        list: ListQuery { search: "app-099".into(), ..ListQuery::default() },
        ..ApplicationQuery::default()
    };
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        bed.list_applications(&search).await.expect("a page");
        times.push(began.elapsed());
    }
    told("a search with a filter", times);
    let mut times = Vec::new();
    let newest = *bed.newest().borrow();
    for back in 0..100 {
        let began = Instant::now();
        bed.changes(newest - back, 500).await.expect("changes");
        times.push(began.elapsed());
    }
    told("a look at the feed", times);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    eprintln!("{}", status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default());
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        eprintln!("== SQLite");
        measured(Bed::sqlite().await).await;
        if let Some(bed) = Bed::postgres("large").await {
            eprintln!("== PostgreSQL");
            measured(bed).await;
        }
    });
}
