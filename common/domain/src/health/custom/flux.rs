//! Flux: kstatus conditions, and `spec.suspend`.

use super::Entry;
use super::rule::Summary;

/// `Stalled` before `Reconciling` before `Ready`; these reasons of `Ready=False` are said while Flux is still at it.
const FLUX: Summary = Summary::of(&["Ready"])
    .stop(&["spec.suspend"])
    .bad(&["Stalled"])
    .busy(&["Reconciling"])
    .false_is_bad(&["Progressing", "ProgressingWithRetry", "DependencyNotReady", "NewGeneration"]);
/// Notification's static kinds have no status in their newer versions.
const STATIC: Summary = FLUX.silent_is_healthy();

pub(super) const KINDS: &[Entry] = &[
    Entry::summary("kustomize.toolkit.fluxcd.io", "Kustomization", FLUX),
    Entry::summary("helm.toolkit.fluxcd.io", "HelmRelease", FLUX),
    Entry::summary("source.toolkit.fluxcd.io", "GitRepository", FLUX),
    Entry::summary("source.toolkit.fluxcd.io", "OCIRepository", FLUX),
    Entry::summary("source.toolkit.fluxcd.io", "Bucket", FLUX),
    Entry::summary("source.toolkit.fluxcd.io", "HelmChart", FLUX),
    Entry::summary("source.toolkit.fluxcd.io", "ExternalArtifact", FLUX),
    // An OCI HelmRepository is static: nothing reconciles it.
    Entry::summary("source.toolkit.fluxcd.io", "HelmRepository", STATIC),
    Entry::summary("image.toolkit.fluxcd.io", "ImageRepository", FLUX),
    Entry::summary("image.toolkit.fluxcd.io", "ImagePolicy", FLUX),
    Entry::summary("image.toolkit.fluxcd.io", "ImageUpdateAutomation", FLUX),
    Entry::summary("notification.toolkit.fluxcd.io", "Receiver", FLUX),
    Entry::summary("notification.toolkit.fluxcd.io", "Alert", STATIC),
    Entry::summary("notification.toolkit.fluxcd.io", "Provider", STATIC),
    Entry::summary("fluxcd.controlplane.io", "FluxInstance", FLUX),
    Entry::summary("fluxcd.controlplane.io", "ResourceSet", FLUX),
];
