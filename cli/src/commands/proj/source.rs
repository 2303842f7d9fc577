//! `windlass proj add-source|remove-source`.

use clap::Args;

use super::edit::edit;
use crate::client::Client;

/// Permit a repository, or every one that a glob names; a rule that begins with `!` denies.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass proj add-source shop https://git.example/shop/*\n  windlass proj add-source shop '!https://git.example/shop/secret'"
)]
pub(crate) struct AddSource {
    /// Name of the project.
    #[arg(value_name = "PROJECT")]
    project: String,
    /// The repository, or a glob of them.
    url: String,
}

/// Take a rule off a project's repositories, as it is written there.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj remove-source shop https://git.example/shop/*")]
pub(crate) struct RemoveSource {
    /// Name of the project.
    #[arg(value_name = "PROJECT")]
    project: String,
    /// The rule, as it is written there.
    url: String,
}

impl AddSource {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        edit(client, &self.project, "it has this rule already", |spec| Ok(spec.add_source(&self.url))).await
    }
}

impl RemoveSource {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        edit(client, &self.project, "it has no such rule", |spec| Ok(spec.remove_source(&self.url))).await
    }
}
