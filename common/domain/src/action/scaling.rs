//! KEDA, Knative and Kueue.

use serde_json::{Value, json};

use super::builtin::{Builtin, Entry, REPLICAS, Run, Word, nest};
use super::subject::Subject;
use super::{Effect, Error};

const PAUSED: &str = "autoscaling.keda.sh/paused";
const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";
const ANNOTATIONS: &str = "metadata.annotations";
const PAUSE: Builtin = Builtin::annotate("pause", PAUSED, "true");
const RESUME: Builtin = Builtin::unannotate("resume", &[PAUSED, PAUSED_REPLICAS]);
const QUEUE: &[Builtin] = &[
    Builtin::set("hold", "spec.stopPolicy", Word::Text("Hold")),
    Builtin::set("hold-and-drain", "spec.stopPolicy", Word::Text("HoldAndDrain")),
    Builtin::set("resume", "spec.stopPolicy", Word::Text("None")).unless(not_held),
];

pub(super) const KINDS: &[Entry] = &[
    Entry::of(
        "keda.sh",
        "ScaledObject",
        &[&[PAUSE, Builtin::own("paused-replicas", paused_replicas).with(&[REPLICAS], |_, _| None), RESUME]],
    ),
    Entry::of("keda.sh", "ScaledJob", &[&[PAUSE, RESUME]]),
    Entry::of(
        "serving.knative.dev",
        "Service",
        // What `kn service update` stamps: a new template is a new Revision.
        &[&[Builtin::stamp_in("restart", "spec.template.metadata.annotations", "client.knative.dev/updateTimestamp")
            .unless(named_revision)]],
    ),
    Entry::of("kueue.x-k8s.io", "ClusterQueue", &[QUEUE]),
    Entry::of("kueue.x-k8s.io", "LocalQueue", &[QUEUE]),
    Entry::of(
        "kueue.x-k8s.io",
        "Workload",
        &[&[
            Builtin::own("deactivate", |_| Ok(Effect::patch(json!({"spec": {"active": false}})))).unless(inactive),
            Builtin::set("activate", "spec.active", Word::True).unless(active),
        ]],
    ),
];

/// Scales to that number and stays there.
fn paused_replicas(run: &Run<'_>) -> Result<Effect, Error> {
    let replicas = run.replicas()?.to_string();
    Ok(Effect::patch(nest(ANNOTATIONS, json!({PAUSED_REPLICAS: replicas}))))
}

/// A Revision's name may be used once.
fn named_revision(service: &Subject<'_>) -> Option<String> {
    let name = service.text("spec.template.metadata.name");
    (!name.is_empty()).then(|| format!("its template names its Revision ({name}): change that in git"))
}

fn not_held(queue: &Subject<'_>) -> Option<String> {
    matches!(queue.text("spec.stopPolicy"), "" | "None").then(|| "it is not held".to_owned())
}

fn inactive(workload: &Subject<'_>) -> Option<String> {
    (workload.at("spec.active") == Some(&Value::Bool(false))).then(|| "spec.active is false already".to_owned())
}

fn active(workload: &Subject<'_>) -> Option<String> {
    workload.at("spec.active").is_none().then(|| "spec.active is true by default".to_owned())
}
