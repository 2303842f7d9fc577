//! What a person says of one target: an operation, its end, an approval, an adoption.

use jiff::SignedDuration;
use uuid::Uuid;
use windlass_domain::target::{OperationOptions, OperationRequest, TargetRow, TargetSpec};
use windlass_domain::time::Timestamp;

use super::SqlStore;
use super::generation::{Generations, position};
use super::write::Write;
use super::{applications, contents, operations, target_rows};
use crate::error::{Error, Result};
use crate::model::{Amendment, ClusterPosition};

/// How long an agent may take to hear that an operation is to end.
const HEARD: SignedDuration = SignedDuration::from_mins(10);

pub(super) async fn amend(
    store: &SqlStore,
    application: Uuid,
    cluster: Uuid,
    amendment: &Amendment,
    now: Timestamp,
) -> Result<ClusterPosition> {
    let mut write = store.write().await?;
    let record = applications::must_exist(&mut write, application).await?;
    let what = format!("application {}", record.name);
    let spec = match target_rows::get(&mut write, application, cluster).await? {
        Some(TargetRow::Present(spec)) => spec,
        Some(TargetRow::Removing(_)) => {
            return Err(Error::conflict(what, "its target on this cluster is being removed"));
        }
        None => return Err(Error::not_found("target", format!("of {what} on cluster {cluster}"))),
    };
    let amended = amended(&mut write, &what, (&spec, cluster), amendment, now).await?;
    if amended == spec {
        return Ok(ClusterPosition { cluster, position: position(&mut write, cluster).await? });
    }
    if let Amendment::Operation(request) = amendment {
        operations::put_request(&mut write, application, cluster, request, now).await?;
    }
    if let Amendment::Terminate { id, .. } = amendment
        && spec.operation.is_some()
    {
        operations::save_request(&mut write, *id, amended.operation.as_ref()).await?;
    }
    let mut generations = Generations::default();
    generations.set(&mut write, cluster, &TargetRow::Present(amended)).await?;
    let mut positions = generations.finish(&mut write).await?;
    applications::touch(&mut write, application).await?;
    write.commit().await?;
    positions.pop().ok_or_else(|| Error::Corrupt("a changed row made no generation".into()))
}

/// The row after it; the row as it is, when the same was said before.
async fn amended(
    write: &mut Write,
    what: &str,
    (spec, cluster): (&TargetSpec, Uuid),
    amendment: &Amendment,
    now: Timestamp,
) -> Result<TargetSpec> {
    let conflict = |why: String| Err(Error::conflict(what, why));
    let mut spec = spec.clone();
    match amendment {
        Amendment::Operation(request) => {
            if let Some(active) = spec.operation.as_ref().filter(|active| *active != request) {
                return conflict(format!(
                    "operation {} of {} is active: wait for it, or terminate it",
                    active.id, active.by
                ));
            }
            contents::must_be_complete(write, request.bundle).await?;
            spec.operation = Some(request.clone());
        }
        Amendment::Terminate { id, by } => match &mut spec.operation {
            Some(active) if active.id == *id => active.terminate = true,
            None if operations::reported(write, spec.application, cluster, *id).await? => {
                spec.operation = Some(end_of(&spec, *id, by, now));
            }
            _ => return conflict(format!("operation {id} is not active")),
        },
        Amendment::Approve(approval) => {
            if approval.bundle != spec.bundle {
                return conflict(
                    "the approval is for a bundle that is no longer desired: look at the deletions again".into(),
                );
            }
            spec.approval = Some(approval.clone());
        }
        Amendment::Adopt(adoption) => spec.adoption = Some(adoption.clone()),
    }
    Ok(spec)
}

/// The word that an operation ends which nobody asked for: its own record stays one of an operation that nobody asked for.
fn end_of(spec: &TargetSpec, id: Uuid, by: &str, now: Timestamp) -> OperationRequest {
    OperationRequest {
        id,
        bundle: spec.bundle,
        prune: false,
        by: by.to_owned(),
        requested_at: now,
        deadline: now.saturating_add(HEARD).unwrap_or(now),
        terminate: true,
        options: OperationOptions::default(),
    }
}
