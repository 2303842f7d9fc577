//! Targets with their status.

use std::collections::BTreeMap;

use uuid::Uuid;
use windlass_domain::target::TargetRow;

use super::SqlStore;
use super::arg::{Arg, placeholders};
use super::row::Row;
use super::tx::Tx;
use crate::error::Result;
use crate::model::TargetView;

pub(super) async fn list(store: &SqlStore, application: Uuid) -> Result<Vec<TargetView>> {
    of_application(&mut store.db.read().await?, application).await
}

/// One application's targets, by cluster name.
pub(super) async fn of_application(tx: &mut Tx, application: Uuid) -> Result<Vec<TargetView>> {
    Ok(of_applications(tx, &[application]).await?.remove(&application).unwrap_or_default())
}

/// Targets by application, each list by cluster name.
pub(super) async fn of_applications(tx: &mut Tx, applications: &[Uuid]) -> Result<BTreeMap<Uuid, Vec<TargetView>>> {
    let mut targets: BTreeMap<Uuid, Vec<TargetView>> = BTreeMap::new();
    if applications.is_empty() {
        return Ok(targets);
    }
    let text = format!(
        "SELECT t.application, t.cluster, t.desired, t.held, s.summary, c.name AS cluster_name, c.verified_at, c.connected
        FROM targets t JOIN clusters c ON c.uid = t.cluster
        LEFT JOIN target_status s ON s.application = t.application AND s.cluster = t.cluster
        WHERE t.application IN ({}) ORDER BY c.name",
        placeholders(1, applications.len())
    );
    for row in tx.all(text, applications.iter().map(|uid| Arg::from(*uid)).collect()).await? {
        targets.entry(row.uuid("application")?).or_default().push(view(&row)?);
    }
    Ok(targets)
}

fn view(row: &Row) -> Result<TargetView> {
    let (spec, removing) = match row.json("desired")? {
        TargetRow::Present(spec) => (Some(spec), None),
        TargetRow::Removing(removing) => (None, Some(removing)),
    };
    Ok(TargetView {
        cluster: row.uuid("cluster")?,
        cluster_name: row.text("cluster_name")?,
        spec,
        removing,
        summary: row.opt_json("summary")?,
        held: row.opt_digest("held")?,
        verified_at: row.opt_time("verified_at")?,
        connected: row.flag("connected")?,
    })
}
