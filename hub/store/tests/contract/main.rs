//! The store's contract: one suite, run on SQLite and on a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test says what it expected by panicking"
)]

mod applications;
mod bed;
mod clusters;
mod contents;
mod decisions;
mod desired;
mod feed;
mod fixture;
mod identities;
mod installs;
mod join;
mod opening;
mod operations;
mod pages;
mod postgres;
mod projects;
mod sessions;
mod settings;
mod status;
mod upgrades;
mod versions;

/// Turns each behaviour into one test for each engine.
macro_rules! contract {
    ($(async fn $name:ident($bed:ident: Bed) $body:block)*) => {
        $(async fn $name($bed: crate::bed::Bed) $body)*
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::bed::Bed::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(bed) = crate::bed::Bed::postgres(stringify!($name)).await {
                    super::$name(bed).await;
                }
            })*
        }
    };
}
pub(crate) use contract;
