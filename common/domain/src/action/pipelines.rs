//! Tekton, Numaflow and Numaplane, Kargo.

use super::builtin::{Builtin, Entry, Word};
use super::subject::Subject;

const TEKTON: &str = "tekton.dev";
const NUMAFLOW: &str = "numaflow.numaproj.io";
const NUMAPLANE: &str = "numaplane.numaproj.io";
const KARGO_REFRESH: &[Builtin] = &[Builtin::stamp("refresh", "kargo.akuity.io/refresh")];
const LIFECYCLE: &[Builtin] = &[
    Builtin::set("pause", "spec.lifecycle.desiredPhase", Word::Text("Paused")),
    Builtin::set("unpause", "spec.lifecycle.desiredPhase", Word::Text("Running"))
        .unless(|one| not_paused(one, "spec.lifecycle.desiredPhase")),
];

pub(super) const KINDS: &[Entry] = &[
    Entry::of(
        TEKTON,
        "PipelineRun",
        &[&[
            Builtin::set("cancel", "spec.status", Word::Text("Cancelled")).unless(done),
            Builtin::set("cancel-run-finally", "spec.status", Word::Text("CancelledRunFinally")).unless(done),
            Builtin::set("stop-run-finally", "spec.status", Word::Text("StoppedRunFinally")).unless(done),
        ]],
    ),
    Entry::of(
        TEKTON,
        "TaskRun",
        &[&[Builtin::set("cancel", "spec.status", Word::Text("TaskRunCancelled")).unless(done)]],
    ),
    Entry::of(
        TEKTON,
        "CustomRun",
        &[&[Builtin::set("cancel", "spec.status", Word::Text("RunCancelled")).unless(done)]],
    ),
    Entry::of(NUMAFLOW, "Pipeline", &[LIFECYCLE]),
    Entry::of(NUMAFLOW, "MonoVertex", &[LIFECYCLE]),
    Entry::of(
        NUMAPLANE,
        "PipelineRollout",
        &[&[
            Builtin::set("pause", "spec.pipeline.spec.lifecycle.desiredPhase", Word::Text("Paused")),
            Builtin::set("unpause", "spec.pipeline.spec.lifecycle.desiredPhase", Word::Text("Running"))
                .unless(|one| not_paused(one, "spec.pipeline.spec.lifecycle.desiredPhase")),
        ]],
    ),
    Entry::of(
        NUMAPLANE,
        "MonoVertexRollout",
        &[&[
            Builtin::set("pause", "spec.monoVertex.spec.lifecycle.desiredPhase", Word::Text("Paused")),
            Builtin::set("unpause", "spec.monoVertex.spec.lifecycle.desiredPhase", Word::Text("Running"))
                .unless(|one| not_paused(one, "spec.monoVertex.spec.lifecycle.desiredPhase")),
        ]],
    ),
    Entry::of("kargo.akuity.io", "Stage", &[KARGO_REFRESH]),
    Entry::of("kargo.akuity.io", "Warehouse", &[KARGO_REFRESH]),
];

/// A run is over once its condition says how.
fn done(run: &Subject<'_>) -> Option<String> {
    (run.at("status.completionTime").is_some()).then(|| "it has finished".to_owned())
}

fn not_paused(object: &Subject<'_>, field: &str) -> Option<String> {
    (object.text(field) != "Paused").then(|| "it is not paused".to_owned())
}
