//! `windlass operation list|get`.

mod get;
mod list;

use clap::Subcommand;

use crate::client::Client;

#[derive(Subcommand)]
pub(crate) enum Operation {
    #[command(visible_alias = "ls")]
    List(list::List),
    Get(get::Get),
}

impl Operation {
    pub(crate) async fn run(self, client: Client) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run(&client).await,
            Self::Get(command) => command.run(&client).await,
        }
    }
}
