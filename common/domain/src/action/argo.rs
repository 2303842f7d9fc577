//! Argo Rollouts, Workflows and GitOps Promoter, and Argo CD's own kinds where a cluster has them.

use serde_json::{Value, json};

use super::builtin::{Builtin, Entry, REPLICAS, Run, Word};
use super::subject::Subject;
use super::{Effect, Error};

const ARGO: &str = "argoproj.io";
/// Names of Workflows are parts of the names of their Pods.
const LONGEST_WORKFLOW: usize = 57;
const NAMESPACE: &str = "namespace";
const TERMINATE: Builtin = Builtin::set("terminate", "spec.terminate", Word::True).unless(analysed);

pub(super) const KINDS: &[Entry] = &[
    Entry::of(
        ARGO,
        "Rollout",
        &[&[
            Builtin::own("restart", |run| Ok(Effect::patch(json!({"spec": {"restartAt": run.stamp()}})))),
            Builtin::set("pause", "spec.paused", Word::True),
            Builtin::own("resume", resume).unless(not_paused),
            Builtin::own("abort", |_| status(json!({"abort": true}))).unless(no_abort),
            Builtin::own("retry", |_| status(json!({"abort": false}))).unless(not_aborted),
            Builtin::own("promote-full", |_| status(json!({"promoteFull": true}))).unless(no_promotion),
            Builtin::own("skip-current-step", skip).unless(no_step),
            Builtin::scale("scale", "spec.replicas")
                .with(&[REPLICAS], |rollout, _| rollout.number("spec.replicas").map(|n| n.to_string())),
        ]],
    ),
    Entry::of(ARGO, "AnalysisRun", &[&[TERMINATE]]),
    Entry::of(ARGO, "Experiment", &[&[TERMINATE]]),
    Entry::of(
        ARGO,
        "Workflow",
        &[&[
            Builtin::set("suspend", "spec.suspend", Word::True).unless(workflow_over),
            Builtin::set("resume", "spec.suspend", Word::False).unless(workflow_over),
            Builtin::set("stop", "spec.shutdown", Word::Text("Stop")).unless(workflow_over),
            Builtin::set("terminate", "spec.shutdown", Word::Text("Terminate")).unless(workflow_over),
        ]],
    ),
    Entry::of(
        ARGO,
        "CronWorkflow",
        &[&[
            Builtin::own("create-workflow", from_cron),
            Builtin::set("suspend", "spec.suspend", Word::True),
            Builtin::set("resume", "spec.suspend", Word::False),
        ]],
    ),
    Entry::of(ARGO, "WorkflowTemplate", &[&[Builtin::own("create-workflow", |run| from_template(run, false))]]),
    Entry::of(
        ARGO,
        "ClusterWorkflowTemplate",
        &[&[Builtin::own("create-workflow", |run| from_template(run, true)).with(&[NAMESPACE], |_, _| None)]],
    ),
    Entry::of(
        ARGO,
        "Application",
        &[&[
            Builtin::annotate("refresh", "argocd.argoproj.io/refresh", "normal"),
            Builtin::annotate("hard-refresh", "argocd.argoproj.io/refresh", "hard"),
            Builtin::own("toggle-auto-sync", toggle),
        ]],
    ),
    Entry::of(
        ARGO,
        "ApplicationSet",
        &[&[Builtin::annotate("refresh", "argocd.argoproj.io/application-set-refresh", "true")]],
    ),
    Entry::of(
        "promoter.argoproj.io",
        "PullRequest",
        &[&[Builtin::set("merge", "spec.state", Word::Text("merged")).unless(not_open)]],
    ),
];

fn status(status: Value) -> Result<Effect, Error> {
    Ok(Effect::patch(json!({"status": status})))
}

/// What a person paused, and what a step pauses.
fn resume(run: &Run<'_>) -> Result<Effect, Error> {
    let mut patch = json!({"status": {"pauseConditions": null}});
    if run.subject.is_true("spec.paused") {
        patch["spec"] = json!({"paused": false});
    }
    Ok(Effect::patch(patch))
}

fn skip(run: &Run<'_>) -> Result<Effect, Error> {
    let next = run.subject.number("status.currentStepIndex").unwrap_or(0) + 1;
    status(json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": next}))
}

fn not_paused(rollout: &Subject<'_>) -> Option<String> {
    let waits = !rollout.list("status.pauseConditions").is_empty();
    (!rollout.is_true("spec.paused") && !waits).then(|| "it is not paused".to_owned())
}

/// Whether the stable version is the one that the spec names.
fn promoted(rollout: &Subject<'_>) -> bool {
    let stable = rollout.text("status.stableRS");
    !stable.is_empty() && stable == rollout.text("status.currentPodHash")
}

fn no_abort(rollout: &Subject<'_>) -> Option<String> {
    match rollout {
        _ if rollout.is_true("status.abort") => Some("it is aborted already".to_owned()),
        _ if promoted(rollout) => Some("no update is under way".to_owned()),
        _ => None,
    }
}

fn not_aborted(rollout: &Subject<'_>) -> Option<String> {
    (!rollout.is_true("status.abort")).then(|| "it is not aborted".to_owned())
}

fn no_promotion(rollout: &Subject<'_>) -> Option<String> {
    match rollout {
        _ if rollout.is_true("status.abort") => Some("it is aborted: retry it first".to_owned()),
        _ if promoted(rollout) => Some("it is promoted already".to_owned()),
        _ if rollout.is_true("status.promoteFull") => Some("it is being promoted already".to_owned()),
        _ => None,
    }
}

fn no_step(rollout: &Subject<'_>) -> Option<String> {
    let steps = rollout.list("spec.strategy.canary.steps").len();
    let current = rollout.number("status.currentStepIndex").unwrap_or(0);
    match rollout {
        _ if steps == 0 => Some("it has no steps".to_owned()),
        _ if promoted(rollout) || usize::try_from(current).is_ok_and(|at| at >= steps) => {
            Some("all of its steps are done".to_owned())
        }
        _ => not_while_aborted(rollout),
    }
}

fn not_while_aborted(rollout: &Subject<'_>) -> Option<String> {
    rollout.is_true("status.abort").then(|| "it is aborted: retry it first".to_owned())
}

fn analysed(run: &Subject<'_>) -> Option<String> {
    let phase = run.text("status.phase");
    let over = matches!(phase, "Successful" | "Failed" | "Error" | "Inconclusive");
    over.then(|| format!("it has finished: {phase}"))
}

fn workflow_over(workflow: &Subject<'_>) -> Option<String> {
    let phase = workflow.text("status.phase");
    matches!(phase, "Succeeded" | "Failed" | "Error").then(|| format!("it has finished: {phase}"))
}

/// As `argo submit --from cronwf/...`.
fn from_cron(run: &Run<'_>) -> Result<Effect, Error> {
    let cron = run.subject;
    let Some(spec) = cron.at("spec.workflowSpec") else {
        return Err(Error::Object("the CronWorkflow has no spec.workflowSpec".to_owned()));
    };
    let map = |field: &str| {
        let found = cron.at(&format!("spec.workflowMetadata.{field}")).and_then(Value::as_object);
        found.cloned().unwrap_or_default()
    };
    let mut labels = map("labels");
    labels.insert("workflows.argoproj.io/cron-workflow".to_owned(), json!(cron.name()));
    let mut metadata = json!({
        "name": run.name(LONGEST_WORKFLOW), "namespace": cron.namespace(), "labels": labels,
        "annotations": map("annotations"), "ownerReferences": cron.as_owner(),
    });
    if let Some(finalizers) = cron.at("spec.workflowMetadata.finalizers") {
        metadata["finalizers"] = finalizers.clone();
    }
    Ok(Effect::create(
        json!({"apiVersion": cron.api_version(), "kind": "Workflow", "metadata": metadata, "spec": spec}),
    ))
}

/// As `argo submit --from workflowtemplate/...`: the template stays where it is.
fn from_template(run: &Run<'_>, of_cluster: bool) -> Result<Effect, Error> {
    let template = run.subject;
    let (label, namespace) = match of_cluster {
        true => ("workflows.argoproj.io/cluster-workflow-template", run.given(NAMESPACE)),
        false => ("workflows.argoproj.io/workflow-template", template.namespace()),
    };
    let mut reference = json!({"name": template.name()});
    if of_cluster {
        reference["clusterScope"] = json!(true);
    }
    Ok(Effect::create(json!({
        "apiVersion": template.api_version(),
        "kind": "Workflow",
        "metadata": {"name": run.name(LONGEST_WORKFLOW), "namespace": namespace, "labels": {label: template.name()}},
        "spec": {"workflowTemplateRef": reference},
    })))
}

/// `automated.enabled` is true where `automated` does not say it.
fn toggle(run: &Run<'_>) -> Result<Effect, Error> {
    let on = run.subject.at("spec.syncPolicy.automated").is_some()
        && run.subject.at("spec.syncPolicy.automated.enabled") != Some(&json!(false));
    Ok(Effect::patch(json!({"spec": {"syncPolicy": {"automated": {"enabled": !on}}}})))
}

fn not_open(request: &Subject<'_>) -> Option<String> {
    let state = request.text("status.state");
    matches!(state, "merged" | "closed").then(|| format!("it is {state} already"))
}
