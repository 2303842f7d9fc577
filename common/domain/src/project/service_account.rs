//! Whose rights the writes of a project's applications have: `destinationServiceAccounts`, as Argo CD's impersonation reads it.

use serde::{Deserialize, Serialize};

use super::ProjectSpec;
use super::pattern::NamePattern;
use crate::application::Application;
use crate::cluster::Cluster;
use crate::name::subdomain;

/// One entry of `destinationServiceAccounts`. The first whose server and namespace both match decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationServiceAccount {
    /// Glob of addresses of clusters; `*` also takes a cluster without one.
    pub server: String,
    /// Glob of the application's own `destination.namespace`.
    pub namespace: String,
    /// `NAME`, of the application's namespace, or `NAMESPACE:NAME`.
    pub default_service_account: String,
}

// === impl DestinationServiceAccount ===

impl DestinationServiceAccount {
    /// What is wrong with it: the field, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        for (field, text) in [("server", &self.server), ("namespace", &self.namespace)] {
            if text.contains('!') {
                return Err((field, format!("{text:?}: nothing is denied here; leave the `!` out")));
            }
            NamePattern::new(text).map_err(|error| (field, error.to_string()))?;
        }
        let account = &self.default_service_account;
        let parts = account.split(':').map(|part| subdomain("service account", part));
        let parts = parts.collect::<Result<Vec<_>, _>>();
        match parts.map(|parts| parts.len()) {
            Ok(1 | 2) => Ok(()),
            _ => Err(("defaultServiceAccount", format!("{account:?} is neither NAME nor NAMESPACE:NAME"))),
        }
    }

    fn takes(&self, cluster: &Cluster, namespace: &str) -> bool {
        let fits = |glob: &str, text: &str| NamePattern::new(glob).is_ok_and(|glob| glob.is_match(text));
        let server = self.server == "*" || cluster.server_aliases.iter().any(|alias| fits(&self.server, alias));
        server && fits(&self.namespace, namespace)
    }

    /// The user that Kubernetes knows the account by.
    fn user(&self, namespace: &str) -> String {
        let account = &self.default_service_account;
        match account.contains(':') {
            true => format!("system:serviceaccount:{account}"),
            false => format!("system:serviceaccount:{namespace}:{account}"),
        }
    }
}

// === impl ProjectSpec ===

impl ProjectSpec {
    /// The user as whom everything of an application is written on a cluster; `None` where no entry matches.
    pub fn user_for(&self, application: &Application, cluster: &Cluster) -> Option<String> {
        let given = application.spec.destination.namespace.as_str();
        let found = self.destination_service_accounts.iter().find(|entry| entry.takes(cluster, given))?;
        let own = application.name.namespace.as_str();
        Some(found.user(if given.is_empty() { own } else { given }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{cluster, project};
    use super::*;
    use crate::application::ApplicationManifest;

    fn application(namespace: &str) -> Application {
        let manifest = ApplicationManifest::parse(&json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"},
            "spec": {"project": "shop", "source": {"repoURL": "https://git.test/a", "path": "."}, "destination": {"name": "eu-1", "namespace": namespace}},
        }));
        let manifest = manifest.expect("an application");
        Application {
            uid: uuid::Uuid::from_u128(1),
            name: manifest.name,
            metadata: manifest.metadata,
            spec: manifest.spec,
            origin: crate::application::Origin::Api,
            created_at: crate::time::from_millis(0),
            deletion: None,
            revision: 1,
        }
    }

    #[test]
    fn the_first_entry_that_matches_names_the_account() {
        let server = "https://eu-1.test";
        let spec = json!({"destinationServiceAccounts": [
            {"server": "https://other.test", "namespace": "*", "defaultServiceAccount": "nobody"},
            {"server": "https://*.test", "namespace": "shop-*", "defaultServiceAccount": "deployer"},
            {"server": "https://*.test", "namespace": "shop-a", "defaultServiceAccount": "later"},
            {"server": "*", "namespace": "", "defaultServiceAccount": "cluster-wide"},
            {"server": "*", "namespace": "ops", "defaultServiceAccount": "accounts:operator"},
        ]});
        let spec = project(spec).spec;
        let user =
            |namespace: &str, aliases: &[&str]| spec.user_for(&application(namespace), &cluster("eu-1", aliases));
        let account = |text: &str| Some(format!("system:serviceaccount:{text}"));
        assert_eq!(user("shop-a", &[server]), account("shop-a:deployer"));
        assert_eq!(user("shop-a", &[]), None, "a cluster without an address is none of the named ones");
        assert_eq!(user("ops", &[]), account("accounts:operator"), "a namespace of its own");
        assert_eq!(user("", &[server]), account("argocd:cluster-wide"), "the application's own namespace");
        assert_eq!(user("elsewhere", &[server]), None);
    }

    #[test]
    fn what_could_name_no_account_is_refused() {
        let entry = |server: &str, namespace: &str, account: &str| DestinationServiceAccount {
            server: server.into(),
            namespace: namespace.into(),
            default_service_account: account.into(),
        };
        for (given, field) in [
            (entry("!x", "*", "a"), "server"),
            (entry("*", "!x", "a"), "namespace"),
            (entry("[", "*", "a"), "server"),
            (entry("*", "*", ""), "defaultServiceAccount"),
            (entry("*", "*", "a:b:c"), "defaultServiceAccount"),
            (entry("*", "*", "a:"), "defaultServiceAccount"),
            (entry("*", "*", "a*"), "defaultServiceAccount"),
        ] {
            assert_eq!(given.check().expect_err("refused").0, field, "{given:?}");
        }
        assert_eq!(entry("*", "shop", "a:b.c").check(), Ok(()));
    }
}
