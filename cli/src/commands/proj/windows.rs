//! `windlass proj windows`.

mod add;
mod list;
mod switch;
mod update;

use clap::Subcommand;

use crate::client::Client;

#[derive(Subcommand)]
pub(crate) enum Windows {
    #[command(visible_alias = "ls")]
    List(list::List),
    Add(add::Add),
    Update(update::Update),
    #[command(visible_alias = "rm")]
    Delete(switch::Delete),
    EnableManualSync(switch::EnableManualSync),
    DisableManualSync(switch::DisableManualSync),
    EnableSyncOverrun(switch::EnableSyncOverrun),
    DisableSyncOverrun(switch::DisableSyncOverrun),
}

impl Windows {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run(client).await,
            Self::Add(command) => command.run(client).await,
            Self::Update(command) => command.run(client).await,
            Self::Delete(command) => command.run(client).await,
            Self::EnableManualSync(command) => command.run(client).await,
            Self::DisableManualSync(command) => command.run(client).await,
            Self::EnableSyncOverrun(command) => command.run(client).await,
            Self::DisableSyncOverrun(command) => command.run(client).await,
        }
    }
}
