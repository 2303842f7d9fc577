//! `windlass proj allow|deny-cluster|namespace-resource`.

use clap::{Args, ValueEnum};
use windlass_domain::project::{KindList, KindScope, ResourceRule};

use super::edit::edit;
use crate::client::Client;

/// Permit a cluster-scoped kind: it goes off the list of denied kinds and, unless something there names it, on that of allowed ones.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass proj allow-cluster-resource shop '' Namespace\n  windlass proj allow-cluster-resource shop rbac.authorization.k8s.io ClusterRole 'shop-*'"
)]
pub(crate) struct AllowCluster {
    #[command(flatten)]
    rule: RuleArgs,
    /// Only objects of this name; a glob.
    name: Option<String>,
}

/// Forbid a cluster-scoped kind: it goes off the list of allowed kinds and, while something there still names it, on that of denied ones.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj deny-cluster-resource shop '' Namespace")]
pub(crate) struct DenyCluster {
    #[command(flatten)]
    rule: RuleArgs,
    /// Only objects of this name; a glob.
    name: Option<String>,
}

/// Permit a namespaced kind. Every one is permitted while no list of allowed kinds is given.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass proj allow-namespace-resource shop '' Secret\n  windlass proj allow-namespace-resource shop apps '*' --list allow"
)]
pub(crate) struct AllowNamespace {
    #[command(flatten)]
    rule: RuleArgs,
}

/// Forbid a namespaced kind.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj deny-namespace-resource shop '' ResourceQuota")]
pub(crate) struct DenyNamespace {
    #[command(flatten)]
    rule: RuleArgs,
}

#[derive(Args)]
struct RuleArgs {
    /// Name of the project.
    #[arg(value_name = "PROJECT")]
    project: String,
    /// API group; '' for the core group; a glob.
    group: String,
    /// Kind; a glob.
    kind: String,
    /// Change this list only, as argocd does.
    #[arg(short, long, value_enum, value_name = "LIST")]
    list: Option<List>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum List {
    /// The allowed kinds.
    Allow,
    /// The denied kinds.
    Deny,
}

impl AllowCluster {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        self.rule.run(client, KindScope::Cluster, true, self.name).await
    }
}

impl DenyCluster {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        self.rule.run(client, KindScope::Cluster, false, self.name).await
    }
}

impl AllowNamespace {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        self.rule.run(client, KindScope::Namespace, true, None).await
    }
}

impl DenyNamespace {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        self.rule.run(client, KindScope::Namespace, false, None).await
    }
}

impl RuleArgs {
    async fn run(self, client: &Client, scope: KindScope, allow: bool, name: Option<String>) -> anyhow::Result<()> {
        let rule = ResourceRule { group: self.group, kind: self.kind, name: name.unwrap_or_default() };
        let nothing = if allow { "it permits this kind already" } else { "it does not permit this kind as it is" };
        edit(client, &self.project, nothing, |spec| {
            Ok(match (self.list, allow) {
                (None, true) => spec.allow(scope, &rule),
                (None, false) => spec.deny(scope, &rule),
                (Some(List::Allow), add) => spec.edit_list(scope, KindList::Allow, &rule, add),
                (Some(List::Deny), allow) => spec.edit_list(scope, KindList::Deny, &rule, !allow),
            })
        })
        .await
    }
}
