//! `windlass cluster rejoin`.

use clap::Args;

use super::token::Token;
use crate::client::Client;

/// Give a cluster's agent a new identity: after a revocation, a quarantine, or when the cluster was made anew. What the old one had is worthless from the new
/// one's first call on; the inventory of the same cluster stays.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster rejoin eu-1 -o join.json")]
pub(crate) struct Rejoin {
    #[command(flatten)]
    token: Token,
}

impl Rejoin {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        self.token.run(client).await
    }
}
