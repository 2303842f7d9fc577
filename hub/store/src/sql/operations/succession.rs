//! One operation after the other on a target: what came before the one that an agent tells of is over.

use uuid::Uuid;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::OperationState;
use windlass_domain::time::Timestamp;

use crate::error::Result;
use crate::sql::arg::args;
use crate::sql::row::{Row, json};
use crate::sql::write::Write;

/// The operations that an agent told of are over, now that it tells of another one: at most one runs on a target. Whether one ended well that was cut off
/// (an agent whose state directory was lost) nobody knows. The last one, where it failed at another commit, was superseded: nobody tries it again.
pub(super) async fn succeed(
    write: &mut Write,
    (application, cluster): (Uuid, Uuid),
    state: &OperationState,
    active: Option<Uuid>,
    now: Timestamp,
) -> Result<()> {
    let text = "SELECT id, request, state, finished FROM operations WHERE application = $1 AND cluster = $2 AND state IS NOT NULL
        AND (finished = 0 OR id = (SELECT id FROM operations WHERE application = $1 AND cluster = $2 ORDER BY created_at DESC, id DESC LIMIT 1))";
    for row in write.all(text, args![application, cluster]).await? {
        let Some(mut before) = row.opt_json::<OperationState>("state")?.filter(|before| Some(before.id) != active)
        else {
            continue;
        };
        if !row.flag("finished")? {
            end(&mut before, &format!("the agent went on with operation {}", state.id), now);
        } else if !supersedes(state, &before, &row)? {
            continue;
        } else {
            before.message = format!("superseded by {}: {}", state.revision, before.message);
        }
        save(write, &before).await?;
    }
    Ok(())
}

/// Operations of a target that is gone are over.
pub(in crate::sql) async fn end_all(write: &mut Write, application: Uuid, cluster: Uuid, now: Timestamp) -> Result<()> {
    let text =
        "SELECT state FROM operations WHERE application = $1 AND cluster = $2 AND finished = 0 AND state IS NOT NULL";
    for row in write.all(text, args![application, cluster]).await? {
        let Some(mut state) = row.opt_json::<OperationState>("state")? else { continue };
        end(&mut state, "its target was removed", now);
        save(write, &state).await?;
    }
    Ok(())
}

fn end(state: &mut OperationState, why: &str, now: Timestamp) {
    state.phase = OperationPhase::Error;
    state.message = format!("cut off: {why} and never said how this one ended; it had said: {}", state.message);
    state.finished_at = Some(now);
}

/// Whether an automated operation that failed gave way to one of another commit.
fn supersedes(state: &OperationState, before: &OperationState, row: &Row) -> Result<bool> {
    let failed = matches!(before.phase, OperationPhase::Failed | OperationPhase::Error);
    let other = !state.revision.is_empty() && !before.revision.is_empty() && state.revision != before.revision;
    Ok(failed && other && row.opt_text("request")?.is_none() && !before.message.contains("superseded by"))
}

async fn save(write: &mut Write, state: &OperationState) -> Result<()> {
    let revision = write.next_revision();
    let update = "UPDATE operations SET state = $2, finished = 1, revision = $3 WHERE id = $1";
    write.execute(update, args![state.id, json(state)?, revision]).await?;
    Ok(())
}
