//! Operators that can be told to stop or to look again: Prometheus, Crossplane, Velero, Flagger, Chaos Mesh, Fleet, OLM and others.

use serde_json::{Value, json};

use super::builtin::{Builtin, Entry, REPLICAS, Run, Word};
use super::subject::Subject;
use super::{Effect, Error};

const MONITORING: &str = "monitoring.coreos.com";
const PAUSED: &[Builtin] =
    &[Builtin::set("pause", "spec.paused", Word::True), Builtin::set("resume", "spec.paused", Word::False)];
const SUSPEND: &[Builtin] =
    &[Builtin::set("suspend", "spec.suspend", Word::True), Builtin::set("resume", "spec.suspend", Word::False)];
const SCALE: Builtin = Builtin::scale("scale", "spec.replicas")
    .with(&[REPLICAS], |object, _| object.number("spec.replicas").map(|number| number.to_string()));
/// `podMetadata` is copied to the Pods, so that a new annotation there is a new template.
const PROMETHEUS: &[&[Builtin]] = &[
    &[
        Builtin::stamp_in("restart", "spec.podMetadata.annotations", "kubectl.kubernetes.io/restartedAt")
            .unless(|one| one.is_true("spec.paused").then(|| "it is paused: resume it first".to_owned())),
        SCALE,
    ],
    PAUSED,
];
const CROSSPLANE: &[Builtin] = &[
    Builtin::annotate("pause", "crossplane.io/paused", "true"),
    Builtin::unannotate("resume", &["crossplane.io/paused"]),
];
const CHAOS: &[Builtin] = &[
    Builtin::annotate("pause", "experiment.chaos-mesh.org/pause", "true"),
    Builtin::unannotate("resume", &["experiment.chaos-mesh.org/pause"]),
];

pub(super) const KINDS: &[Entry] = &[
    Entry::of(MONITORING, "Prometheus", PROMETHEUS),
    Entry::of(MONITORING, "PrometheusAgent", PROMETHEUS),
    Entry::of(MONITORING, "Alertmanager", PROMETHEUS),
    Entry::of(MONITORING, "ThanosRuler", PROMETHEUS),
    Entry::of("velero.io", "Schedule", &[&[Builtin::own("create-backup", backup)], PAUSED]),
    Entry::of("flagger.app", "Canary", &[SUSPEND]),
    Entry::of("volsync.backube", "ReplicationSource", &[PAUSED]),
    Entry::of("volsync.backube", "ReplicationDestination", &[PAUSED]),
    Entry::of("fleet.cattle.io", "GitRepo", &[PAUSED, &[Builtin::own("force-update", force_update)]]),
    Entry::of("fleet.cattle.io", "Bundle", &[PAUSED]),
    Entry::of(
        "operators.coreos.com",
        "InstallPlan",
        &[&[Builtin::set("approve", "spec.approved", Word::True).unless(not_manual)]],
    ),
    Entry::of("camel.apache.org", "Integration", &[&[SCALE]]),
    Entry::of("pulumi.com", "Stack", &[&[Builtin::stamp("reconcile", "pulumi.com/reconciliation-request")]]),
    Entry::of("chaos-mesh.org", "*", &[CHAOS]),
];

/// Managed and composite resources, and packages: all of them look at one annotation.
pub(super) const FAMILIES: &[Entry] =
    &[Entry::of("*.crossplane.io", "*", &[CROSSPLANE]), Entry::of("*.upbound.io", "*", &[CROSSPLANE])];

/// As `velero backup create --from-schedule`.
fn backup(run: &Run<'_>) -> Result<Effect, Error> {
    let schedule = run.subject;
    let Some(spec) = schedule.at("spec.template") else {
        return Err(Error::Object("the Schedule has no spec.template".to_owned()));
    };
    let mut labels = spec.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
    labels.insert("velero.io/schedule-name".to_owned(), json!(schedule.name()));
    Ok(Effect::create(json!({
        "apiVersion": schedule.api_version(),
        "kind": "Backup",
        "metadata": {"name": run.name(63), "namespace": schedule.namespace(), "labels": labels},
        "spec": spec,
    })))
}

/// Any higher number than the one before.
fn force_update(run: &Run<'_>) -> Result<Effect, Error> {
    let next = run.subject.number("spec.forceSyncGeneration").unwrap_or(0) + 1;
    Ok(Effect::patch(json!({"spec": {"forceSyncGeneration": next}})))
}

fn not_manual(plan: &Subject<'_>) -> Option<String> {
    (plan.text("spec.approval") != "Manual").then(|| "it waits for nobody: its approval is automatic".to_owned())
}
