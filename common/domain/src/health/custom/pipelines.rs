//! Tekton, Jenkins X's successor aside: runs end with `Succeeded`.

use super::super::part::{Malformed, Part};
use super::super::{Health, HealthStatus};
use super::Entry;
use super::rule::Summary;

pub(super) const KINDS: &[Entry] = &[
    Entry::own("tekton.dev", "PipelineRun", run),
    Entry::own("tekton.dev", "TaskRun", run),
    Entry::own("tekton.dev", "CustomRun", run),
    Entry::summary("triggers.tekton.dev", "EventListener", Summary::of(&["Ready"]).false_is_bad(&[])),
    Entry::summary("operator.tekton.dev", "*", Summary::of(&["Ready"]).fails(&["Error"])),
    Entry::summary("shipwright.io", "BuildRun", Summary::of(&["Succeeded"]).false_is_bad(&[])),
];

/// `spec.status` is how a person holds a run back; `Unknown` is running.
fn run(object: Part<'_>) -> Result<Health, Malformed> {
    if object.text("spec.status")? == "PipelineRunPending" {
        return Ok(Health::new(HealthStatus::Suspended, "spec.status is PipelineRunPending"));
    }
    Ok(match object.condition("Succeeded")? {
        Some(ended) if ended.is_true() => Health::healthy(ended.message),
        Some(ended) if ended.status == "False" => Health::degraded(ended.words()),
        Some(running) => Health::progressing(running.words_since()),
        None => Health::progressing("Waiting for it to start"),
    })
}
