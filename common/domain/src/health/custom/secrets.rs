//! External Secrets, Sealed Secrets, Vault's operators.

use super::Entry;
use super::rule::Summary;

const EXTERNAL: &str = "external-secrets.io";
const READY: Summary = Summary::of(&["Ready"]).false_is_bad(&[]);
/// HashiCorp's operator: one kind of condition for each step; absent until the first one.
const VAULT: Summary = Summary::of(&["Ready"]).bad(&["Degraded"]).false_is_bad(&[]).silent_is_healthy();

pub(super) const KINDS: &[Entry] = &[
    Entry::summary(EXTERNAL, "ExternalSecret", READY),
    Entry::summary(EXTERNAL, "ClusterExternalSecret", READY),
    Entry::summary(EXTERNAL, "SecretStore", READY),
    Entry::summary(EXTERNAL, "ClusterSecretStore", READY),
    Entry::summary(EXTERNAL, "PushSecret", READY),
    Entry::summary("bitnami.com", "SealedSecret", Summary::of(&["Synced"]).false_is_bad(&[])),
    Entry::summary("secrets.hashicorp.com", "*", VAULT),
    Entry::summary("secrets-store.csi.x-k8s.io", "SecretProviderClass", Summary::of(&[]).silent_is_healthy()),
    Entry::summary(
        "secrets.infisical.com",
        "InfisicalSecret",
        Summary::of(&["secrets.infisical.com/ReadyToSyncSecrets"]).false_is_bad(&[]),
    ),
    Entry::summary("onepassword.com", "OnePasswordItem", READY),
];
