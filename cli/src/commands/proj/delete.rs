//! `windlass proj delete`.

use clap::Args;

use crate::client::Client;
use crate::output;

/// Delete projects. `default`, and projects that applications name, cannot be deleted.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj delete shop")]
pub(crate) struct Delete {
    /// Names of the projects.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

impl Delete {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        for name in &self.names {
            client.delete(&["projects", name], &[]).await?;
            output::line(&format!("project {name} deleted"))?;
        }
        Ok(())
    }
}
