//! `windlass settings get`.

use clap::Args;

use super::Stored;
use crate::client::Client;
use crate::output;

/// Print the settings of the installation, as `settings set` takes them.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass settings get > settings.yaml")]
pub(crate) struct Get {}

impl Get {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let stored: Stored = client.get(&["settings"], &[]).await?;
        stored.warnings.iter().for_each(|warning| output::note(&format!("note: {warning}")));
        for (key, value) in &stored.data {
            output::line(&format!("{}: |", serde_json::to_string(key)?))?;
            for line in value.trim_end_matches('\n').lines() {
                output::line(format!("  {line}").trim_end())?;
            }
        }
        if stored.data.is_empty() {
            output::line("{}")?;
        }
        Ok(())
    }
}
