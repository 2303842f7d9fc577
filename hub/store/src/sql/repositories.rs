//! Repositories and their sealed credentials.

use super::SqlStore;
use super::arg::args;
use super::feed::revision;
use super::page::{containing, limit, page, place};
use super::row::{Row, json};
use super::tx::Tx;
use crate::error::Result;
use crate::model::{
    ChangeKind, ListQuery, NewRepository, Page, Put, PutOutcome, RepositoryRecord, RepositoryWithSecret, Secret,
};
use crate::seal::{Place, SealKey};

const LIST: &str = "repositories";

pub(super) async fn put(store: &SqlStore, new: &NewRepository) -> Result<Put<RepositoryRecord>> {
    let mut write = store.write().await?;
    let stored = load(&mut write, &store.seal, &new.url).await?;
    if let Some(stored) = stored.as_ref().filter(|stored| is_same(stored, new)) {
        return Ok(Put { value: stored.record.clone(), outcome: PutOutcome::Unchanged });
    }
    let outcome = if stored.is_some() { PutOutcome::Changed } else { PutOutcome::Created };
    let revision = write.next_revision();
    let sealed =
        new.credentials.as_ref().map(|secret| store.seal.seal(credentials(&new.url), secret.expose())).transpose()?;
    let text = "INSERT INTO repositories (url, name, credentials, ca_pem, settings, revision) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (url) DO UPDATE SET name = excluded.name, credentials = excluded.credentials, ca_pem = excluded.ca_pem, settings = excluded.settings,
            revision = excluded.revision";
    write.execute(text, args![&new.url, &new.name, sealed, new.ca_pem.clone(), json(&new.settings)?, revision]).await?;
    // The feed tells the newest state of a thing, and only that: an earlier removal of this URL is over.
    write.execute("DELETE FROM tombstones WHERE kind = 'repository' AND id = $1", args![&new.url]).await?;
    write.commit().await?;
    let value = RepositoryRecord {
        url: new.url.clone(),
        name: new.name.clone(),
        has_credentials: new.credentials.is_some(),
        ca_pem: new.ca_pem.clone(),
        settings: new.settings.clone(),
        revision,
    };
    Ok(Put { value, outcome })
}

fn is_same(stored: &RepositoryWithSecret, new: &NewRepository) -> bool {
    let bytes = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_vec());
    stored.record.name == new.name
        && stored.record.ca_pem == new.ca_pem
        && stored.record.settings == new.settings
        && bytes(&stored.credentials) == bytes(&new.credentials)
}

pub(super) async fn get(store: &SqlStore, url: &str) -> Result<Option<RepositoryWithSecret>> {
    load(&mut store.db.read().await?, &store.seal, url).await
}

async fn load(tx: &mut Tx, seal: &SealKey, url: &str) -> Result<Option<RepositoryWithSecret>> {
    let text = "SELECT url, name, credentials, ca_pem, settings, revision FROM repositories WHERE url = $1";
    let Some(row) = tx.optional(text, args![url]).await? else { return Ok(None) };
    let opened = row.opt_blob("credentials")?.map(|sealed| seal.open(credentials(url), &sealed)).transpose()?;
    Ok(Some(RepositoryWithSecret {
        record: record(&row)?,
        credentials: opened.map(|plain| Secret::new(plain.to_vec())),
    }))
}

fn record(row: &Row) -> Result<RepositoryRecord> {
    Ok(RepositoryRecord {
        url: row.text("url")?,
        name: row.text("name")?,
        has_credentials: row.opt_blob("credentials")?.is_some(),
        ca_pem: row.opt_text("ca_pem")?,
        settings: row.opt_json("settings")?.unwrap_or_default(),
        revision: row.number("revision")?,
    })
}

fn credentials(url: &str) -> Place<'_> {
    Place { table: "repositories", row: url, column: "credentials" }
}

pub(super) async fn list(store: &SqlStore, query: &ListQuery) -> Result<Page<RepositoryRecord>> {
    let after: Option<String> = place(&store.seal, query, LIST)?;
    let pattern = containing(&query.search)?;
    let mut tx = store.db.read().await?;
    let count = "SELECT COUNT(*) AS total FROM repositories WHERE lower(url) LIKE $1 ESCAPE '\\' OR lower(name) LIKE $1 ESCAPE '\\'";
    let total = tx.one(count, args![&pattern]).await?.number("total")?;
    let text = "SELECT url, name, credentials, ca_pem, settings, revision FROM repositories
        WHERE (lower(url) LIKE $1 ESCAPE '\\' OR lower(name) LIKE $1 ESCAPE '\\') AND url > $2 ORDER BY url LIMIT $3";
    let rows = tx.all(text, args![pattern, after.unwrap_or_default(), limit(query) as u64 + 1]).await?;
    let revision = revision(&mut tx).await?;
    page(&store.seal, rows, query, LIST, (total, revision), |row| row.text("url"), |row| record(&row))
}

pub(super) async fn delete(store: &SqlStore, url: &str) -> Result<bool> {
    let mut write = store.write().await?;
    let Some(row) = write.optional("DELETE FROM repositories WHERE url = $1 RETURNING name", args![url]).await? else {
        return Ok(false);
    };
    write.bury(ChangeKind::Repository, url, &row.text("name")?).await?;
    store.commit(write).await?;
    Ok(true)
}
