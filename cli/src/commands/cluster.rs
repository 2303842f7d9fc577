//! `windlass cluster add|list|get|label|token|rejoin|revoke|approve|rotate-ca|set|upgrade|remove`.

mod add;
mod approve;
mod get;
mod install;
mod join;
mod label;
mod list;
mod rejoin;
mod remove;
mod revoke;
mod rotate_ca;
mod set;
mod token;
mod upgrade;

use clap::Subcommand;

use crate::client::Client;

#[derive(Subcommand)]
pub(crate) enum Cluster {
    Add(add::Add),
    #[command(visible_alias = "ls")]
    List(list::List),
    Get(get::Get),
    Label(label::Label),
    Token(token::Token),
    Rejoin(rejoin::Rejoin),
    Revoke(revoke::Revoke),
    Approve(approve::Approve),
    RotateCa(rotate_ca::RotateCa),
    Set(set::Set),
    Upgrade(upgrade::Upgrade),
    #[command(visible_alias = "rm")]
    Remove(remove::Remove),
}

impl Cluster {
    pub(crate) async fn run(self, client: Client) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run(&client).await,
            Self::List(command) => command.run(&client).await,
            Self::Get(command) => command.run(&client).await,
            Self::Label(command) => command.run(&client).await,
            Self::Token(command) => command.run(&client).await,
            Self::Rejoin(command) => command.run(&client).await,
            Self::Revoke(command) => command.run(&client).await,
            Self::Approve(command) => command.run(&client).await,
            Self::Set(command) => command.run(&client).await,
            Self::Upgrade(command) => command.run(&client).await,
            Self::RotateCa(command) => command.run(&client).await,
            Self::Remove(command) => command.run(&client).await,
        }
    }
}
