//! A hub whose store is PostgreSQL is killed and restarted; so is the database.

use anyhow::{Context as _, Result};
use windlass_tests::app::{App, Destination, Policy, message_application};
use windlass_tests::fleet::Fleet;
use windlass_tests::hub::{HubOptions, HubStore};
use windlass_tests::postgres::Postgres;

use super::hub_killed_and_restarted_loses_nothing::loses_nothing;
use super::stage::{EU, plane};

pub(crate) async fn hub_on_postgres_loses_nothing() -> Result<()> {
    let folder = tempfile::tempdir().context("a folder for the database")?;
    let mut postgres = Postgres::start(folder.path()).await?;
    let store = HubStore::Postgres(postgres.create_database("windlass").await?);
    let options = HubOptions { store, ..HubOptions::default() };
    let fleet = Fleet::start_with("postgres", &[(EU, plane().await?)], options).await?;

    // The database crashes under the hub: sessions stay, and what is committed afterwards arrives.
    let to = Destination::Cluster(EU.to_owned());
    let mut app = App::new(&fleet, "postgres-crash", to, Policy::Automated).await?;
    let commit = app.commit(&message_application("hello")).await?;
    app.create().await?;
    app.settles_at(&commit).await?;
    postgres.kill9()?;
    let commit = app.commit(&message_application("after the crash")).await?;
    postgres.restart().await?;
    app.settles_at(&commit).await?;

    loses_nothing(fleet).await
}
