//! What a render means for clusters: contents, rows, generations and the application's source, in one transaction.

use std::collections::BTreeMap;

use uuid::Uuid;
use windlass_domain::application::Application;
use windlass_domain::source::{ObjectId, Reads, TreePath};
use windlass_domain::target::{Removing, TargetRow, TargetSpec};
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::applications::{self, SourceColumns};
use super::arg::args;
use super::contents;
use super::generation::Generations;
use super::row::{json, unreadable};
use super::target_rows;
use super::write::Write;
use crate::error::{Error, Result};
use crate::model::{ClusterPosition, Compiled, DesiredCommit};

pub(super) async fn commit(store: &SqlStore, commit: &DesiredCommit, now: Timestamp) -> Result<Vec<ClusterPosition>> {
    let prepared = contents::prepare(store, &commit.contents).await?;
    let mut write = store.write().await?;
    let application = applications::must_exist(&mut write, commit.application).await?;
    check(&application, commit)?;
    contents::insert(&mut write, commit, &prepared, now).await?;
    if let Some(compiled) = &commit.compiled {
        save_compiled(&mut write, commit.application, compiled).await?;
    }
    let positions = match &commit.targets {
        Some(targets) => save_targets(&mut write, &application, commit, targets).await?,
        None => Vec::new(),
    };
    if save_source(&mut write, commit).await? || !positions.is_empty() {
        applications::touch(&mut write, commit.application).await?;
    }
    write.commit().await?;
    Ok(positions)
}

fn check(application: &Application, commit: &DesiredCommit) -> Result<()> {
    let conflict = |why: &str| Err(Error::conflict(format!("application {}", application.name), why));
    if application.revision != commit.application_revision {
        return conflict("it was changed while it was compiled: compile it again");
    }
    if application.deletion.is_some() && commit.targets.is_some() {
        return conflict("it is being deleted: its targets are on their way out");
    }
    Ok(())
}

async fn save_targets(
    write: &mut Write,
    application: &Application,
    commit: &DesiredCommit,
    targets: &[(Uuid, TargetSpec)],
) -> Result<Vec<ClusterPosition>> {
    let mut stored = target_rows::of_application(write, application.uid).await?;
    let mut generations = Generations::default();
    let mut checked = Vec::new();
    for (cluster, spec) in targets {
        if spec.application != application.uid {
            return Err(Error::Invalid(format!(
                "a target of application {} was given for {}",
                spec.application, application.name
            )));
        }
        let before = stored.remove(cluster);
        let row = TargetRow::Present(with_persons_word(before.as_ref(), spec));
        if before.as_ref() == Some(&row) {
            continue;
        }
        if !checked.contains(&spec.bundle) {
            contents::must_be_complete(write, spec.bundle).await?;
            checked.push(spec.bundle);
        }
        if !contents::exists(write, spec.settings).await? {
            return Err(Error::Invalid(format!("settings {} are not stored", spec.settings.short())));
        }
        generations.set(write, *cluster, &row).await?;
    }
    for (cluster, row) in stored {
        if matches!(row, TargetRow::Present(_)) {
            generations.set(write, cluster, &leaving(application, commit)).await?;
        }
    }
    generations.finish(write).await
}

/// What a person said of a target stays, as long as it fits: an operation names its own bundle, an adoption its objects, an approval the bundle it was
/// given for.
fn with_persons_word(before: Option<&TargetRow>, spec: &TargetSpec) -> TargetSpec {
    let mut spec = TargetSpec { operation: None, approval: None, adoption: None, ..spec.clone() };
    if let Some(TargetRow::Present(before)) = before {
        spec.operation.clone_from(&before.operation);
        spec.adoption.clone_from(&before.adoption);
        spec.approval = before.approval.clone().filter(|approval| approval.bundle == spec.bundle);
    }
    spec
}

fn leaving(application: &Application, commit: &DesiredCommit) -> TargetRow {
    TargetRow::Removing(Removing {
        application: application.uid,
        name: application.name.clone(),
        cascade: commit.leaving,
        by: "windlass: the application no longer names this cluster".into(),
        unasked: true,
    })
}

/// Whether anything that is shown has changed; a look that found nothing new only moves its time.
async fn save_source(write: &mut Write, commit: &DesiredCommit) -> Result<bool> {
    let row = write.one("SELECT source FROM applications WHERE uid = $1", args![commit.application]).await?;
    let source = SourceColumns::of(&commit.source);
    let changed = SourceColumns::read(&row)? != source;
    let text = "UPDATE applications SET source = $2, checked_at = $3 WHERE uid = $1";
    write.execute(text, args![commit.application, source.to_json()?, commit.source.checked_at]).await?;
    Ok(changed)
}

async fn save_compiled(write: &mut Write, application: Uuid, compiled: &Compiled) -> Result<()> {
    let reads: BTreeMap<&str, &Option<ObjectId>> =
        compiled.reads.iter().map(|(path, id)| (path.as_str(), id)).collect();
    let text = "INSERT INTO compiled (application, revision, inputs, reads, bundle) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (application) DO UPDATE SET revision = excluded.revision, inputs = excluded.inputs, reads = excluded.reads, bundle = excluded.bundle";
    write
        .execute(text, args![application, &compiled.revision, compiled.inputs, json(&reads)?, compiled.bundle])
        .await?;
    Ok(())
}

pub(super) async fn compiled(store: &SqlStore, application: Uuid) -> Result<Option<Compiled>> {
    let text = "SELECT revision, inputs, reads, bundle FROM compiled WHERE application = $1";
    let Some(row) = store.db.read().await?.optional(text, args![application]).await? else { return Ok(None) };
    let reads: BTreeMap<String, Option<ObjectId>> = row.json("reads")?;
    let reads = reads
        .into_iter()
        .map(|(path, id)| Ok((TreePath::parse(&path).map_err(|error| unreadable("reads", error))?, id)));
    Ok(Some(Compiled {
        revision: row.text("revision")?,
        inputs: row.digest("inputs")?,
        reads: reads.collect::<Result<Reads>>()?,
        bundle: row.digest("bundle")?,
    }))
}
