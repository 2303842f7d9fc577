//! `windlass repo add|list|remove`.

mod add;
mod list;
mod remove;

use clap::Subcommand;

use crate::client::Client;

#[derive(Subcommand)]
pub(crate) enum Repo {
    Add(Box<add::Add>),
    #[command(visible_alias = "ls")]
    List(list::List),
    #[command(visible_alias = "rm")]
    Remove(remove::Remove),
}

impl Repo {
    pub(crate) async fn run(self, client: Client) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run(&client).await,
            Self::List(command) => command.run(&client).await,
            Self::Remove(command) => command.run(&client).await,
        }
    }
}
