//! `windlass app apply`.

use clap::Args;
use reqwest::Method;

use super::manifests::{FileArgs, OUTCOME, word};
use crate::client::Client;
use crate::output;

/// Create or change applications from Argo CD Application manifests, as they stand.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app apply -f apps.yaml\n  cat app.yaml | windlass app apply -f -")]
pub(crate) struct Apply {
    #[command(flatten)]
    files: FileArgs,
}

impl Apply {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        for document in self.files.read()? {
            let name = &document.manifest.name;
            let path = ["applications", name.namespace.as_str(), name.name.as_str()];
            let outcome = client.send_for_header(Method::PUT, &path, &[], &document.value, OUTCOME).await?;
            output::line(&format!("application {name} {}", word(&outcome)))?;
        }
        Ok(())
    }
}
