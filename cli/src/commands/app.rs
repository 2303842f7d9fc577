//! `windlass app ...`.

mod adopt;
pub(crate) mod apply;
mod approve;
mod create;
mod delete;
mod follow;
mod get;
mod list;
mod manifests;
mod name;
mod refresh;
mod resources;
mod sync;
mod terminate;
mod wait;

use clap::Subcommand;

use crate::client::Client;

#[derive(Subcommand)]
pub(crate) enum App {
    Apply(apply::Apply),
    Create(create::Create),
    #[command(visible_alias = "ls")]
    List(list::List),
    Get(get::Get),
    Resources(resources::Resources),
    Refresh(refresh::Refresh),
    Sync(sync::Sync),
    Wait(wait::Wait),
    Terminate(terminate::Terminate),
    Approve(approve::Approve),
    Adopt(adopt::Adopt),
    #[command(visible_alias = "rm")]
    Delete(delete::Delete),
}

impl App {
    pub(crate) async fn run(self, client: Client) -> anyhow::Result<()> {
        match self {
            Self::Apply(command) => command.run(&client).await,
            Self::Create(command) => command.run(&client).await,
            Self::List(command) => command.run(&client).await,
            Self::Get(command) => command.run(&client).await,
            Self::Resources(command) => command.run(&client).await,
            Self::Refresh(command) => command.run(&client).await,
            Self::Sync(command) => command.run(&client).await,
            Self::Wait(command) => command.run(&client).await,
            Self::Terminate(command) => command.run(&client).await,
            Self::Approve(command) => command.run(&client).await,
            Self::Adopt(command) => command.run(&client).await,
            Self::Delete(command) => command.run(&client).await,
        }
    }
}
