//! `windlass settings set`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use windlass_yaml::{Limits, documents_strict};

use super::Stored;
use crate::client::Client;
use crate::output;

/// Replace the settings of the installation: health scripts, actions and ignored differences by kind, in the keys of Argo CD's argocd-cm.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass settings set -f argocd-cm.yaml")]
pub(crate) struct Set {
    /// An argocd-cm ConfigMap, or its data; `-` is stdin.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
}

impl Set {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let stdin = self.file == std::path::Path::new("-");
        let read = if stdin { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(&self.file) };
        let text = read.with_context(|| self.file.display().to_string())?;
        let name = self.file.display().to_string();
        let documents = documents_strict(&text, &Limits::default())
            .map_err(|e| anyhow::anyhow!("{name}, line {}, column {}: {}", e.line, e.column, e.kind))?;
        let [document] = documents.as_slice() else {
            anyhow::bail!("{name}: expected one document, found {}", documents.len());
        };
        let stored: Stored =
            client.send(Method::PUT, &["settings"], &[], &document.value).await.with_context(|| name.clone())?;
        stored.warnings.iter().for_each(|warning| output::note(&format!("note: {warning}")));
        output::line(&format!("settings set: {} keys", stored.data.len()))
    }
}
