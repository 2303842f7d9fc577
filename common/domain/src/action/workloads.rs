//! Kubernetes' own workloads: restart as `kubectl rollout restart` does it, scale, pause, jobs; and OpenKruise's and OpenShift's, which copy them.

use serde_json::{Map, Value, json};

use super::builtin::{Builtin, Entry, REPLICAS, Run, Word};
use super::subject::Subject;
use super::{Effect, Error};

/// `kubectl rollout restart` stamps the Pod template.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
const TEMPLATE: &str = "spec.template.metadata.annotations";
/// The name of a Job is a label's value.
const LONGEST_JOB: usize = 63;

const RESTART: Builtin = Builtin::stamp_in("restart", TEMPLATE, RESTARTED_AT);
const SCALE: Builtin = Builtin::scale("scale", "spec.replicas").with(&[REPLICAS], replicas);
const PAUSED: &[Builtin] =
    &[Builtin::set("pause", "spec.paused", Word::True), Builtin::set("resume", "spec.paused", Word::False)];
const SUSPENDED: &[Builtin] =
    &[Builtin::set("suspend", "spec.suspend", Word::True), Builtin::set("resume", "spec.suspend", Word::False)];
const UPDATES: &[Builtin] = &[
    Builtin::set("pause", "spec.updateStrategy.paused", Word::True),
    Builtin::set("resume", "spec.updateStrategy.paused", Word::False),
];

pub(super) const KINDS: &[Entry] = &[
    Entry::of("apps", "Deployment", &[&[RESTART.unless(paused), SCALE.unless(controlled)], PAUSED]),
    Entry::of("apps", "StatefulSet", &[&[Builtin::own("restart", restart), SCALE.unless(controlled)]]),
    Entry::of("apps", "DaemonSet", &[&[Builtin::own("restart", restart)]]),
    Entry::of("apps", "ReplicaSet", &[&[SCALE.unless(controlled)]]),
    Entry::of("", "ReplicationController", &[&[SCALE.unless(controlled)]]),
    Entry::of("batch", "CronJob", &[&[Builtin::own("create-job", create_job)], SUSPENDED]),
    Entry::of(
        "batch",
        "Job",
        &[&[
            Builtin::set("suspend", "spec.suspend", Word::True).unless(finished),
            Builtin::set("resume", "spec.suspend", Word::False).unless(finished),
            Builtin::own("terminate", terminate).unless(finished),
        ]],
    ),
    Entry::of("apps.kruise.io", "CloneSet", &[&[RESTART, SCALE], UPDATES]),
    Entry::of("apps.kruise.io", "StatefulSet", &[&[RESTART, SCALE]]),
    Entry::of("apps.kruise.io", "DaemonSet", &[&[RESTART]]),
    Entry::of("apps.kruise.io", "AdvancedCronJob", &[PAUSED]),
    Entry::of("apps.kruise.io", "BroadcastJob", &[PAUSED]),
    Entry::of("apps.openshift.io", "DeploymentConfig", &[&[RESTART.unless(paused), SCALE], PAUSED]),
    Entry::of("jobset.x-k8s.io", "JobSet", &[SUSPENDED]),
];

fn replicas(subject: &Subject<'_>, _: &str) -> Option<String> {
    subject.number("spec.replicas").map(|number| number.to_string())
}

/// A new template of a paused Deployment rolls nothing out.
fn paused(subject: &Subject<'_>) -> Option<String> {
    subject.is_true("spec.paused").then(|| "it is paused: resume it first".to_owned())
}

/// Its controller would put it back.
fn controlled(subject: &Subject<'_>) -> Option<String> {
    subject.controller().map(|controller| format!("{controller} controls it and would put it back: scale that"))
}

fn finished(subject: &Subject<'_>) -> Option<String> {
    let how = ["Complete", "Failed"].into_iter().find(|condition| subject.has(condition))?;
    Some(format!("it has finished: {how}"))
}

fn restart(run: &Run<'_>) -> Result<Effect, Error> {
    let patch = super::builtin::nest(TEMPLATE, json!({RESTARTED_AT: run.stamp()}));
    let effect = Effect::patch(patch);
    Ok(match run.subject.text("spec.updateStrategy.type") {
        "OnDelete" => effect.noting("its update strategy is OnDelete: each Pod is replaced once somebody deletes it"),
        _ => effect,
    })
}

/// As `kubectl create job --from=cronjob/...`: the template's metadata and spec, the CronJob as controller.
fn create_job(run: &Run<'_>) -> Result<Effect, Error> {
    let cron = run.subject;
    let Some(spec) = cron.at("spec.jobTemplate.spec") else {
        return Err(Error::Object("the CronJob has no spec.jobTemplate.spec".to_owned()));
    };
    let of_template = |field: &str| {
        let map = cron.at(&format!("spec.jobTemplate.metadata.{field}")).and_then(Value::as_object);
        map.cloned().unwrap_or_else(Map::new)
    };
    let mut annotations = of_template("annotations");
    annotations.insert("cronjob.kubernetes.io/instantiate".to_owned(), json!("manual"));
    Ok(Effect::create(json!({
        "apiVersion": cron.api_version(),
        "kind": "Job",
        "metadata": {
            "name": run.name(LONGEST_JOB), "namespace": cron.namespace(),
            "labels": of_template("labels"), "annotations": annotations, "ownerReferences": cron.as_owner(),
        },
        "spec": spec,
    })))
}

/// A Job ends when its deadline passes: its Pods are deleted and it is Failed with reason DeadlineExceeded. One second is the least that is documented.
fn terminate(_: &Run<'_>) -> Result<Effect, Error> {
    Ok(Effect::patch(json!({"spec": {"activeDeadlineSeconds": 1}}))
        .noting("the Job ends as Failed, reason DeadlineExceeded"))
}
