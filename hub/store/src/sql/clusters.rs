//! Cluster records.

mod delete;
mod removal;
mod view;

use uuid::Uuid;
use windlass_domain::cluster::Cluster;
use windlass_domain::desired_state::Chain;
use windlass_domain::digest::hex;
use windlass_domain::discovery::Discovery;
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::arg::args;
use super::row::{Row, json};
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::model::{Labels, NewCluster};

pub(super) use delete::{delete, settle};
pub(super) use removal::{begin as begin_removal, finish as finish_removal};
pub(super) use view::{get_view, list};

pub(super) async fn create(store: &SqlStore, new: &NewCluster, now: Timestamp) -> Result<Cluster> {
    let mut write = store.write().await?;
    if by_name(&mut write, &new.name).await?.is_some() {
        let why = "a cluster of this name exists; to give it a new agent, windlass cluster rejoin; to forget it, windlass cluster remove";
        return Err(Error::conflict(format!("cluster {}", new.name), why));
    }
    let revision = write.next_revision();
    let text = "INSERT INTO clusters (uid, name, labels, server_aliases, created_at, record_revision, revision, epoch, connected, generation, chain, acked)
        VALUES ($1, $2, $3, $4, $5, $6, $6, 0, 0, 0, $7, 0)";
    let chain = hex(&Chain::START.0);
    let args = args![new.uid, &new.name, json(&new.labels)?, json(&new.server_aliases)?, now, revision, chain];
    write.execute(text, args).await?;
    let created = must_have(by_name(&mut write, &new.name).await?, &new.name)?;
    write.commit().await?;
    Ok(created)
}

pub(super) async fn update(
    store: &SqlStore,
    name: &str,
    labels: &Labels,
    server_aliases: &[String],
) -> Result<Cluster> {
    let mut write = store.write().await?;
    let stored = must_have(by_name(&mut write, name).await?, name)?;
    if stored.labels == *labels && stored.server_aliases == server_aliases {
        return Ok(stored);
    }
    let revision = write.next_revision();
    let text =
        "UPDATE clusters SET labels = $2, server_aliases = $3, record_revision = $4, revision = $4 WHERE uid = $1";
    write.execute(text, args![stored.uid, json(labels)?, json(&server_aliases)?, revision]).await?;
    write.commit().await?;
    Ok(Cluster { labels: labels.clone(), server_aliases: server_aliases.to_vec(), revision, ..stored })
}

pub(super) async fn set_agents_address(store: &SqlStore, cluster: Uuid, address: Option<&str>) -> Result<()> {
    let mut write = store.write().await?;
    let revision = write.next_revision();
    let text = "UPDATE clusters SET agents_address = $2, revision = $3 WHERE uid = $1";
    write.execute(text, args![cluster, address.map(str::to_owned), revision]).await?;
    write.commit().await
}

pub(super) async fn agents_address(store: &SqlStore, cluster: Uuid) -> Result<Option<String>> {
    let row =
        store.db.read().await?.optional("SELECT agents_address FROM clusters WHERE uid = $1", args![cluster]).await?;
    row.map_or(Ok(None), |row| row.opt_text("agents_address"))
}

pub(super) async fn all(store: &SqlStore) -> Result<Vec<Cluster>> {
    let text = "SELECT uid, name, labels, server_aliases, facts, created_at, record_revision FROM clusters WHERE removal IS NULL ORDER BY name";
    store.db.read().await?.all(text, args![]).await?.iter().map(record).collect()
}

pub(super) async fn discovery(store: &SqlStore, cluster: Uuid) -> Result<Option<Discovery>> {
    let row = store
        .db
        .read()
        .await?
        .optional("SELECT resources FROM cluster_discovery WHERE cluster = $1", args![cluster])
        .await?;
    row.map(|row| row.json("resources")).transpose()
}

pub(super) async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Cluster>> {
    let text =
        "SELECT uid, name, labels, server_aliases, facts, created_at, record_revision FROM clusters WHERE name = $1";
    tx.optional(text, args![name]).await?.as_ref().map(record).transpose()
}

/// The name of a cluster's uid.
pub(super) async fn name_of(tx: &mut Tx, cluster: Uuid) -> Result<String> {
    let row = tx.optional("SELECT name FROM clusters WHERE uid = $1", args![cluster]).await?;
    row.ok_or_else(|| Error::not_found("cluster", cluster))?.text("name")
}

fn must_have(cluster: Option<Cluster>, name: &str) -> Result<Cluster> {
    cluster.ok_or_else(|| Error::not_found("cluster", name))
}

fn record(row: &Row) -> Result<Cluster> {
    Ok(Cluster {
        uid: row.uuid("uid")?,
        name: row.text("name")?,
        labels: row.json("labels")?,
        server_aliases: row.json("server_aliases")?,
        facts: row.opt_json("facts")?,
        created_at: row.time("created_at")?,
        revision: row.number("record_revision")?,
    })
}
