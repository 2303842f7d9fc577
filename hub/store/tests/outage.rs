//! PostgreSQL that is away, silent or slow: what callers hear, and that it goes on by itself once the server is back.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expected by panicking"
)]

#[path = "contract/postgres.rs"]
mod postgres;
#[path = "outage/proxy.rs"]
mod proxy;

use std::sync::Arc;
use std::time::Duration;

use proxy::{Fault, Proxy};
use windlass_domain::time::from_millis;
use windlass_store::{Error, Limits, NewCluster, SealKey, SqlStore, Store, StoreUrl};

/// Long enough for a busy machine, short enough to wait for.
const ANSWER: Duration = Duration::from_secs(2);

fn new(name: &str) -> NewCluster {
    NewCluster { uid: uuid::Uuid::new_v4(), name: name.into(), labels: [].into(), server_aliases: vec![] }
}

/// A store on a schema of its own, behind a proxy.
async fn behind_a_proxy(schema: &str) -> Option<(Arc<SqlStore>, Proxy)> {
    use sqlx::Connection as _;
    let server = tokio::task::spawn_blocking(postgres::server).await.expect("a server")?;
    let direct = server.url(schema);
    let mut connection = sqlx::PgConnection::connect(&direct).await.expect("connected");
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut connection).await.expect("made");
    let proxy = Proxy::start(&direct);
    let seal = SealKey::from_bytes([7; 32]).expect("a key");
    let url = StoreUrl::parse(&proxy.url(&direct)).expect("a URL");
    let store = SqlStore::open_with(&url, seal, Limits { answer: ANSWER, ..Limits::default() }).await.expect("opened");
    Some((Arc::new(store), proxy))
}

async fn names(store: &SqlStore) -> Vec<String> {
    store.clusters().await.expect("read").into_iter().map(|cluster| cluster.name).collect()
}

/// Writes until it works; what the first try heard, and whether it was taken all the same.
async fn until_written(store: &SqlStore, name: &str) {
    for _ in 0..100 {
        match store.create_cluster(new(name), from_millis(0)).await {
            Ok(_) | Err(Error::Conflict { .. }) => return,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
    panic!("{name} could not be written again");
}

async fn a_fault_is_an_error_and_passes(schema: &str, fault: Fault) {
    let Some((store, proxy)) = behind_a_proxy(schema).await else { return };
    store.create_cluster(new("before"), from_millis(0)).await.expect("written");
    proxy.set(fault);
    // More calls than there are connections: none may be kept by those that hang.
    let calls = (0..20).map(|index| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.create_cluster(new(&format!("during-{index:02}")), from_millis(0)).await })
    });
    let mut acknowledged = vec!["before".to_owned()];
    for call in calls.collect::<Vec<_>>() {
        match call.await.expect("ran") {
            Ok(cluster) => acknowledged.push(cluster.name),
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
    assert_eq!(acknowledged.len(), 1, "nothing is acknowledged meanwhile");
    assert!(store.ping().await.expect_err("it does not answer").is_retryable());
    proxy.set(Fault::None);
    until_written(&store, "after").await;
    acknowledged.push("after".into());
    let names = names(&store).await;
    assert!(acknowledged.iter().all(|name| names.contains(name)), "{acknowledged:?} in {names:?}");
    store.ping().await.expect("it answers again, without a restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_an_error_until_it_is_back() {
    a_fault_is_an_error_and_passes("gone", Fault::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_any_more_is_an_error_until_it_speaks() {
    a_fault_is_an_error_and_passes("silent", Fault::Silence).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_five_seconds_is_an_error_until_it_is_faster() {
    a_fault_is_an_error_and_passes("slow", Fault::Delay(Duration::from_secs(5))).await;
}
