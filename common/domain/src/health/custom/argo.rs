//! Argo Workflows, Rollouts and Events, beside the Workflow and Rollout of their own files.

use super::Entry;
use super::rule::{Phases, Summary};

/// `phase` of an analysis. Inconclusive is neither good nor bad: a person decides, and until then the rollout is paused.
const ANALYSIS: Phases =
    Phases::of("status.phase", &["Successful"]).suspended(&["Inconclusive"]).degraded(&["Failed", "Error"]);
/// Argo Events writes one condition for each thing that it needs; all of them must hold.
const EVENTS: Summary = Summary::of(&["Deployed"]).false_is_bad(&[]);

pub(super) const KINDS: &[Entry] = &[
    Entry::phases("argoproj.io", "AnalysisRun", ANALYSIS),
    Entry::phases("argoproj.io", "Experiment", ANALYSIS),
    Entry::summary(
        "argoproj.io",
        "CronWorkflow",
        Summary::of(&[]).stop(&["spec.suspend"]).bad(&["SubmissionError", "SpecError"]),
    ),
    Entry::summary(
        "argoproj.io",
        "ApplicationSet",
        Summary::of(&["ResourcesUpToDate"]).bad(&["ErrorOccurred"]).busy(&["RolloutProgressing"]),
    ),
    Entry::summary("argoproj.io", "EventSource", Summary::of(&["SourcesProvided", "Deployed"]).false_is_bad(&[])),
    Entry::summary(
        "argoproj.io",
        "Sensor",
        Summary::of(&["DependenciesProvided", "TriggersProvided", "Deployed"]).false_is_bad(&[]),
    ),
    Entry::summary("argoproj.io", "EventBus", EVENTS),
];
