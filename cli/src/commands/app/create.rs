//! `windlass app create`.

use clap::Args;
use reqwest::Method;

use super::manifests::{FileArgs, OUTCOME, word};
use crate::client::Client;
use crate::output;

/// Create applications; one that exists already is an error, unless --upsert.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app create -f app.yaml")]
pub(crate) struct Create {
    #[command(flatten)]
    files: FileArgs,
    /// Change those that exist already.
    #[arg(long)]
    upsert: bool,
}

impl Create {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        for document in self.files.read()? {
            let query = [("upsert", self.upsert.then(|| "true".to_owned()))];
            let outcome =
                client.send_for_header(Method::POST, &["applications"], &query, &document.value, OUTCOME).await?;
            output::line(&format!("application {} {}", document.manifest.name, word(&outcome)))?;
        }
        Ok(())
    }
}
