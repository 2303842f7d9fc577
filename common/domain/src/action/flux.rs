//! Flux: `spec.suspend`, and the annotation that asks for a reconciliation.

use serde_json::json;

use super::builtin::{Builtin, Entry, Word, nest};
use super::subject::Subject;
use super::{Effect, Error};

const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
const RECONCILE: &[Builtin] = &[Builtin::stamp("reconcile", REQUESTED_AT).unless(suspended)];
const SUSPEND: &[Builtin] =
    &[Builtin::set("suspend", "spec.suspend", Word::True), Builtin::set("resume", "spec.suspend", Word::False)];
const ALL: &[&[Builtin]] = &[RECONCILE, SUSPEND];
/// Helm's two ask for more than a look: both count only beside a request of the same time.
const HELM: &[Builtin] = &[
    Builtin::own("force-reconcile", |run| with(run, "reconcile.fluxcd.io/forceAt")).unless(suspended),
    Builtin::own("reset", |run| with(run, "reconcile.fluxcd.io/resetAt")).unless(suspended),
];
/// The operator of Flux itself has an annotation instead of the field.
const OPERATOR: &[Builtin] = &[
    Builtin::stamp("reconcile", REQUESTED_AT),
    Builtin::annotate("suspend", "fluxcd.controlplane.io/reconcile", "disabled"),
    Builtin::own("resume", |_| {
        Ok(Effect::patch(nest("metadata.annotations", json!({"fluxcd.controlplane.io/reconcile": "enabled"}))))
    })
    .unless(not_disabled),
];

pub(super) const KINDS: &[Entry] = &[
    Entry::of("helm.toolkit.fluxcd.io", "HelmRelease", &[RECONCILE, SUSPEND, HELM]),
    Entry::of("notification.toolkit.fluxcd.io", "Alert", &[SUSPEND]),
    Entry::of("notification.toolkit.fluxcd.io", "Provider", &[SUSPEND]),
    Entry::of("notification.toolkit.fluxcd.io", "Receiver", ALL),
    Entry::of("kustomize.toolkit.fluxcd.io", "Kustomization", ALL),
    Entry::of("source.toolkit.fluxcd.io", "GitRepository", ALL),
    Entry::of("source.toolkit.fluxcd.io", "OCIRepository", ALL),
    Entry::of("source.toolkit.fluxcd.io", "Bucket", ALL),
    Entry::of("source.toolkit.fluxcd.io", "HelmChart", ALL),
    Entry::of("source.toolkit.fluxcd.io", "HelmRepository", ALL),
    Entry::of("image.toolkit.fluxcd.io", "ImageRepository", ALL),
    Entry::of("image.toolkit.fluxcd.io", "ImagePolicy", ALL),
    Entry::of("image.toolkit.fluxcd.io", "ImageUpdateAutomation", ALL),
    Entry::of("infra.contrib.fluxcd.io", "Terraform", ALL),
    Entry::of("fluxcd.controlplane.io", "FluxInstance", &[OPERATOR]),
    Entry::of("fluxcd.controlplane.io", "ResourceSet", &[OPERATOR]),
];

fn suspended(object: &Subject<'_>) -> Option<String> {
    object.is_true("spec.suspend").then(|| "it is suspended: resume it first".to_owned())
}

fn not_disabled(object: &Subject<'_>) -> Option<String> {
    let word = object.annotation("fluxcd.controlplane.io/reconcile");
    (word != Some("disabled")).then(|| "it is not suspended".to_owned())
}

fn with(run: &super::builtin::Run<'_>, annotation: &str) -> Result<Effect, Error> {
    let now = run.stamp();
    Ok(Effect::patch(nest("metadata.annotations", json!({REQUESTED_AT: now, annotation: now}))))
}
