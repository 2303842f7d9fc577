//! Argo Workflows' Workflow: its phase, which is final in its last three.

use super::part::{Malformed, Part};
use super::{Health, HealthStatus};

pub(super) fn check(workflow: Part<'_>) -> Result<Health, Malformed> {
    let message = workflow.text("status.message")?;
    Ok(match workflow.text("status.phase")? {
        "" | "Pending" | "Running" => Health::progressing(message),
        "Succeeded" => Health::healthy(message),
        "Failed" | "Error" => Health::degraded(message),
        phase => Health::new(HealthStatus::Unknown, format!("status.phase is {phase:?}")),
    })
}
