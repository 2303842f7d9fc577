//! Cluster API: pause, scale, and replacing machines as `clusterctl alpha rollout restart` does it.

use serde_json::json;

use super::builtin::{Builtin, Entry, REPLICAS, Run, Word};
use super::subject::Subject;
use super::{Effect, Error};

const GROUP: &str = "cluster.x-k8s.io";
const PAUSED: &[Builtin] =
    &[Builtin::set("pause", "spec.paused", Word::True), Builtin::set("resume", "spec.paused", Word::False)];
const ANNOTATED: &[Builtin] = &[
    Builtin::annotate("pause", "cluster.x-k8s.io/paused", "true"),
    Builtin::unannotate("resume", &["cluster.x-k8s.io/paused"]),
];
const SCALE: Builtin = Builtin::scale("scale", "spec.replicas")
    .with(&[REPLICAS], |object, _| object.number("spec.replicas").map(|number| number.to_string()))
    .unless(in_topology);
const RESTART: Builtin = Builtin::own("restart", restart);

pub(super) const KINDS: &[Entry] = &[
    Entry::of(GROUP, "Cluster", &[PAUSED]),
    Entry::of(GROUP, "MachineDeployment", &[&[RESTART, SCALE], PAUSED]),
    Entry::of(GROUP, "MachinePool", &[&[SCALE], ANNOTATED]),
    Entry::of(GROUP, "MachineSet", &[&[SCALE], ANNOTATED]),
    Entry::of("controlplane.cluster.x-k8s.io", "KubeadmControlPlane", &[&[RESTART, SCALE], ANNOTATED]),
    Entry::of(GROUP, "*", &[ANNOTATED]),
    Entry::of("*.cluster.x-k8s.io", "*", &[ANNOTATED]),
];

/// The topology of the Cluster says how many.
fn in_topology(object: &Subject<'_>) -> Option<String> {
    let owned = object.label("topology.cluster.x-k8s.io/owned").is_some();
    owned.then(|| "the Cluster's topology owns it and would put it back: scale it there".to_owned())
}

/// Machines older than this are replaced. The field moved with v1beta2.
fn restart(run: &Run<'_>) -> Result<Effect, Error> {
    Ok(Effect::patch(match run.subject.api_version().ends_with("/v1beta1") {
        true => json!({"spec": {"rolloutAfter": run.stamp()}}),
        false => json!({"spec": {"rollout": {"after": run.stamp()}}}),
    }))
}
