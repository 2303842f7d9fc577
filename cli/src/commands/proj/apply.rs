//! `windlass proj apply`.

use clap::Args;
use reqwest::Method;

use super::create::FileArgs;
use super::edit::warn;
use crate::client::Client;
use crate::output;
use crate::view::Project;

/// Create or change projects from Argo CD AppProject manifests, as they stand.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj apply -f projects.yaml")]
pub(crate) struct Apply {
    #[command(flatten)]
    files: FileArgs,
}

impl Apply {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        for (manifest, value) in self.files.read()? {
            let project: Project = client.send(Method::PUT, &["projects", &manifest.name], &[], &value).await?;
            warn(&project);
            output::line(&format!("project {} applied", manifest.name))?;
        }
        Ok(())
    }
}
