//! `windlass settings`: what holds for the whole installation.

mod get;
mod set;

use clap::Subcommand;
use serde::Deserialize;

use crate::client::Client;

#[derive(Subcommand)]
pub(crate) enum Settings {
    Get(get::Get),
    Set(set::Set),
}

/// As the hub answers.
#[derive(Deserialize)]
struct Stored {
    data: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    warnings: Vec<String>,
}

impl Settings {
    pub(crate) async fn run(self, client: Client) -> anyhow::Result<()> {
        match self {
            Self::Get(command) => command.run(&client).await,
            Self::Set(command) => command.run(&client).await,
        }
    }
}
