//! Which kinds live in a namespace, where no cluster can be asked.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::manifest::{group_of, version_of};
use windlass_domain::traits;

/// Kubernetes' own kinds that do not.
const CLUSTER_SCOPED: &[&str] = &[
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "IPAddress",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PodSecurityPolicy",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ResourceSlice",
    "RuntimeClass",
    "ServiceCIDR",
    "StorageClass",
    "StorageVersion",
    "StorageVersionMigration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeAttributesClass",
];

/// What a cluster would serve: every kind of the files, without those that only these manifests define.
pub(super) fn discovery<'a>(
    desired: impl Iterator<Item = &'a Value> + Clone,
    live: impl Iterator<Item = &'a Value> + Clone,
) -> Discovery {
    let defined = |objects: &mut dyn Iterator<Item = &'a Value>| -> BTreeMap<(String, String), bool> {
        let defines = objects.filter_map(|object| traits::of(object).defines);
        defines.map(|defines| ((defines.group, defines.kind), defines.namespaced)).collect()
    };
    let (comes, has) = (defined(&mut desired.clone()), defined(&mut live.clone()));
    let resources = desired.map(|object| (object, false)).chain(live.map(|object| (object, true)));
    let resources = resources.filter_map(|(object, is_live)| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        let (group, version) = (group_of(api_version), version_of(api_version));
        let name = (group.to_owned(), kind.to_owned());
        if comes.contains_key(&name) && !has.contains_key(&name) && !is_live {
            return None;
        }
        let defined = has.get(&name).or_else(|| comes.get(&name)).copied();
        let namespaced = defined.unwrap_or_else(|| is_namespaced(group, kind));
        let plural = kind.to_lowercase();
        Some(ApiResource { group: name.0, version: version.to_owned(), kind: name.1, plural, namespaced })
    });
    Discovery::new(resources.collect(), vec![])
}

fn is_namespaced(group: &str, kind: &str) -> bool {
    let built_in = !group.contains('.') || group.ends_with(".k8s.io");
    !(built_in && CLUSTER_SCOPED.contains(&kind))
}
