//! Virtual machines, data processing, training: KubeVirt, Ray, Spark, Flink, Kubeflow.

use serde_json::json;

use super::builtin::{Builtin, Entry, Run, Word};
use super::subject::Subject;
use super::{Effect, Error};

const FLINK: &str = "flink.apache.org";
const SUSPEND: &[Builtin] =
    &[Builtin::set("suspend", "spec.suspend", Word::True), Builtin::set("resume", "spec.suspend", Word::False)];
const TRAINING: &[Builtin] = &[
    Builtin::set("suspend", "spec.runPolicy.suspend", Word::True),
    Builtin::set("resume", "spec.runPolicy.suspend", Word::False),
];
const JOB: &[Builtin] = &[
    Builtin::own("restart", |run| nonce(run, "restartNonce")),
    Builtin::set("suspend", "spec.job.state", Word::Text("suspended")).unless(no_job),
    Builtin::set("resume", "spec.job.state", Word::Text("running")).unless(no_job),
];

pub(super) const KINDS: &[Entry] = &[
    Entry::of(
        "kubevirt.io",
        "VirtualMachine",
        &[&[
            Builtin::own("start", |run| machine(run, true)).unless(|machine| is(machine, true)),
            Builtin::own("stop", |run| machine(run, false)).unless(|machine| is(machine, false)),
        ]],
    ),
    Entry::of("ray.io", "RayCluster", &[SUSPEND]),
    Entry::of("ray.io", "RayJob", &[SUSPEND]),
    Entry::of("sparkoperator.k8s.io", "SparkApplication", &[SUSPEND]),
    Entry::of("sparkoperator.k8s.io", "ScheduledSparkApplication", &[SUSPEND]),
    Entry::of(FLINK, "FlinkDeployment", &[JOB]),
    Entry::of(FLINK, "FlinkSessionJob", &[JOB]),
    Entry::of("kubeflow.org", "MPIJob", &[TRAINING]),
    Entry::of("kubeflow.org", "PyTorchJob", &[TRAINING]),
    Entry::of("kubeflow.org", "TFJob", &[TRAINING]),
    Entry::of("kubeflow.org", "XGBoostJob", &[TRAINING]),
    Entry::of("trainer.kubeflow.org", "TrainJob", &[SUSPEND]),
];

/// One of two fields says it; the other must then not be there.
fn machine(run: &Run<'_>, on: bool) -> Result<Effect, Error> {
    Ok(Effect::patch(match run.subject.at("spec.running") {
        Some(_) => json!({"spec": {"running": on}}),
        None => json!({"spec": {"runStrategy": if on { "Always" } else { "Halted" }}}),
    }))
}

fn is(machine: &Subject<'_>, on: bool) -> Option<String> {
    let strategy = machine.text("spec.runStrategy");
    let stopped = match machine.at("spec.running") {
        Some(running) => running == &json!(false),
        None => matches!(strategy, "Halted" | "Manual" | ""),
    };
    match (on, stopped) {
        (true, false) => Some("it is started already".to_owned()),
        (false, true) if strategy != "Manual" => Some("it is stopped already".to_owned()),
        (_, true) if strategy == "Manual" => Some("its runStrategy is Manual: virtctl starts and stops it".to_owned()),
        _ => None,
    }
}

/// Any other number than the one before.
fn nonce(run: &Run<'_>, field: &str) -> Result<Effect, Error> {
    Ok(Effect::patch(json!({"spec": {field: run.now.as_second()}})))
}

fn no_job(object: &Subject<'_>) -> Option<String> {
    object.at("spec.job").is_none().then(|| "it is a session cluster without a job of its own".to_owned())
}
