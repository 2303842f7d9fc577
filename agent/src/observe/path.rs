//! Paths of the Kubernetes API.

use std::fmt::Write as _;

use windlass_domain::discovery::ApiResource;

/// All objects of a kind, of one namespace or of all.
pub(crate) fn collection(resource: &ApiResource, namespace: Option<&str>) -> String {
    let mut path = match resource.group.as_str() {
        "" => format!("/api/{}", resource.version),
        group => format!("/apis/{group}/{}", resource.version),
    };
    if let (true, Some(namespace)) = (resource.namespaced, namespace) {
        path.push_str("/namespaces/");
        push_segment(&mut path, namespace);
    }
    path.push('/');
    path.push_str(&resource.plural);
    path
}

/// One object. The namespace is ignored where the kind has none.
pub(crate) fn object(resource: &ApiResource, namespace: &str, name: &str) -> String {
    let mut path = collection(resource, Some(namespace));
    path.push('/');
    push_segment(&mut path, name);
    path
}

/// Names of RBAC objects and custom ones may hold almost anything.
pub(crate) fn push_segment(path: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, plural: &str, namespaced: bool) -> ApiResource {
        let (version, kind) = ("v1".into(), "X".into());
        ApiResource { group: group.into(), version, kind, plural: plural.into(), namespaced }
    }

    #[test]
    fn paths_are_those_of_kubernetes() {
        let (maps, deployments) = (resource("", "configmaps", true), resource("apps", "deployments", true));
        let roles = resource("rbac.authorization.k8s.io", "clusterroles", false);
        assert_eq!(collection(&maps, None), "/api/v1/configmaps");
        assert_eq!(collection(&deployments, Some("shop")), "/apis/apps/v1/namespaces/shop/deployments");
        assert_eq!(object(&maps, "shop", "web"), "/api/v1/namespaces/shop/configmaps/web");
        let role = object(&roles, "shop", "system:a/b%?");
        assert_eq!(role, "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%2Fb%25%3F");
    }
}
