//! `windlass repo remove`.

use clap::Args;

use crate::client::Client;
use crate::output;

/// Forget a repository's settings and credentials. Applications of it stay.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass repo remove https://git.example/team/app.git --yes")]
pub(crate) struct Remove {
    /// URL of the repository, as `repo list` shows it.
    url: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

impl Remove {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        output::confirm(&format!("Forget the settings and credentials of {}?", self.url), self.yes)?;
        client.delete(&["repositories"], &[("url", Some(self.url.clone()))]).await?;
        output::note(&format!("repository {} removed", self.url));
        Ok(())
    }
}
