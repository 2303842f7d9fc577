//! Machine learning: Kubeflow's training jobs and notebooks, KServe, Numaflow.

use super::Entry;
use super::rule::{Phases, Summary};

/// A job that runs is not done. Its conditions stay True side by side: the last word first.
const JOB: Summary = Summary::of(&["Succeeded"]).paused(&["Suspended"]).bad(&["Failed"]);

pub(super) const KINDS: &[Entry] = &[
    Entry::summary("kubeflow.org", "TFJob", JOB),
    Entry::summary("kubeflow.org", "PyTorchJob", JOB),
    Entry::summary("kubeflow.org", "MPIJob", JOB),
    Entry::summary("kubeflow.org", "XGBoostJob", JOB),
    Entry::summary("kubeflow.org", "PaddleJob", JOB),
    Entry::summary(
        "trainer.kubeflow.org",
        "TrainJob",
        Summary::of(&["Complete"]).paused(&["Suspended"]).bad(&["Failed"]),
    ),
    Entry::summary(
        "serving.kserve.io",
        "InferenceService",
        Summary::of(&["Ready"]).fails(&["RevisionFailed", "PredictorFailed"]),
    ),
    Entry::phases(
        "numaflow.numaproj.io",
        "Pipeline",
        Phases::of("status.phase", &["Running", "Succeeded"]).suspended(&["Paused", "Pausing"]).degraded(&["Failed"]),
    ),
    Entry::phases(
        "numaflow.numaproj.io",
        "MonoVertex",
        Phases::of("status.phase", &["Running"]).suspended(&["Paused"]).degraded(&["Failed"]),
    ),
    Entry::phases(
        "numaflow.numaproj.io",
        "InterStepBufferService",
        Phases::of("status.phase", &["Running"]).degraded(&["Failed"]),
    ),
];
