//! What a render means for clusters: contents, rows, generations and the application's source, in one transaction.

mod together;

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
use super::freeze;
use super::generation::Generations;
use super::row::{json, unreadable};
use super::target_rows;
use super::write::Write;
use crate::error::{Error, Result};
use crate::model::{Compiled, DesiredCommit};

pub(super) use together::{Together, commit_together};

/// One commit in a transaction that others share: everything of it, or nothing. Returns the clusters whose rows it changed.
pub(super) async fn write_one(
    write: &mut Write,
    generations: &mut Generations,
    commit: &DesiredCommit,
    prepared: &contents::Prepared,
    now: Timestamp,
) -> Result<Vec<Uuid>> {
    let application = applications::must_exist(write, commit.application).await?;
    check(&application, commit)?;
    contents::insert(write, commit, prepared, now).await?;
    if let Some(compiled) = &commit.compiled {
        save_compiled(write, commit.application, compiled).await?;
    }
    let changed = match &commit.targets {
        Some(targets) => save_targets(write, generations, &application, commit, targets).await?,
        None => Vec::new(),
    };
    if save_source(write, commit).await? || !changed.is_empty() {
        applications::touch(write, commit.application).await?;
    }
    Ok(changed)
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
    generations: &mut Generations,
    application: &Application,
    commit: &DesiredCommit,
    targets: &[(Uuid, TargetSpec)],
) -> Result<Vec<Uuid>> {
    let mut stored = target_rows::of_application(write, application.uid).await?;
    let freezes = freeze::load(write).await?;
    let (mut checked, mut changed) = (Vec::new(), Vec::new());
    for (cluster, spec) in targets {
        if spec.application != application.uid {
            return Err(Error::Invalid(format!(
                "a target of application {} was given for {}",
                spec.application, application.name
            )));
        }
        let before = stored.remove(cluster);
        let spec = with_persons_word(before.as_ref(), spec);
        let row = TargetRow::Present(freeze::heed(write, &freezes, application, *cluster, spec.clone()).await?);
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
        changed.push(*cluster);
    }
    for (cluster, row) in stored {
        if matches!(&row, TargetRow::Present(spec) if !freeze::is_frozen(spec)) {
            generations.set(write, cluster, &leaving(application, commit)).await?;
            changed.push(cluster);
        }
    }
    Ok(changed)
}

/// What a person said of a target stays, as long as it fits: an operation names its own bundle, an adoption its objects, an approval the bundle it was
/// given for.
fn with_persons_word(before: Option<&TargetRow>, spec: &TargetSpec) -> TargetSpec {
    let mut spec =
        TargetSpec { operation: None, approval: None, adoption: None, deletion_confirmed: false, ..spec.clone() };
    if let Some(TargetRow::Present(before)) = before {
        spec.operation.clone_from(&before.operation);
        spec.adoption.clone_from(&before.adoption);
        spec.approval = before.approval.clone().filter(|approval| approval.bundle == spec.bundle);
        spec.deletion_confirmed = before.deletion_confirmed && before.bundle == spec.bundle;
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
        deletion_confirmed: false,
        confirm: application.spec.has_option("Delete=confirm"),
        paused: None,
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
