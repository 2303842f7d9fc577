//! `windlass proj add-destination|remove-destination`.

use clap::Args;
use windlass_domain::project::ProjectDestination;

use super::create::to;
use super::edit::edit;
use crate::client::Client;

/// Permit a namespace of a cluster; each part is a glob, and denies when it begins with `!`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass proj add-destination shop eu-1 'shop-*'\n  windlass proj add-destination shop https://10.0.0.1 shop\n  \
    windlass proj add-destination shop '*' '!kube-system'"
)]
pub(crate) struct AddDestination {
    /// Name of the project.
    #[arg(value_name = "PROJECT")]
    project: String,
    /// The cluster's name, or its address.
    cluster: String,
    /// The namespace; a glob.
    namespace: String,
    /// The first argument is a name, whatever it looks like.
    #[arg(long)]
    name: bool,
}

/// Take a destination away from a project.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj remove-destination shop eu-1 'shop-*'")]
pub(crate) struct RemoveDestination {
    /// Name of the project.
    #[arg(value_name = "PROJECT")]
    project: String,
    /// The cluster's name, or its address, as it is written there.
    cluster: String,
    /// The namespace, as it is written there.
    namespace: String,
}

impl AddDestination {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let destination = if self.name {
            ProjectDestination { server: String::new(), name: self.cluster, namespace: self.namespace }
        } else {
            to(&self.cluster, &self.namespace)
        };
        edit(client, &self.project, "it has this destination already", |spec| {
            Ok(spec.add_destination(destination.clone()))
        })
        .await
    }
}

impl RemoveDestination {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        edit(client, &self.project, "it has no such destination", |spec| {
            Ok(spec.remove_destination(&self.cluster, &self.namespace))
        })
        .await
    }
}
