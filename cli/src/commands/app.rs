//! `windlass app ...`.

mod actions;
mod adopt;
pub(crate) mod apply;
mod approve;
mod confirm_deletion;
mod create;
mod delete;
pub(crate) mod diff;
mod events;
mod follow;
mod get;
mod get_resource;
mod history;
mod list;
mod logs;
mod manifests;
mod name;
mod refresh;
mod resources;
mod resume;
mod rollback;
mod sync;
mod terminate;
mod tree;
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
    GetResource(get_resource::GetResource),
    Resources(resources::Resources),
    Tree(tree::Tree),
    Logs(logs::Logs),
    Actions(actions::Actions),
    Refresh(refresh::Refresh),
    Sync(sync::Sync),
    Wait(wait::Wait),
    Terminate(terminate::Terminate),
    History(history::History),
    Events(events::Events),
    Rollback(rollback::Rollback),
    Resume(resume::Resume),
    Approve(approve::Approve),
    ConfirmDeletion(confirm_deletion::ConfirmDeletion),
    Adopt(adopt::Adopt),
    #[command(visible_alias = "rm")]
    Delete(delete::Delete),
    Diff(diff::Diff),
}

impl App {
    pub(crate) async fn run(self, client: Client) -> anyhow::Result<()> {
        match self {
            Self::Apply(command) => command.run(&client).await,
            Self::Create(command) => command.run(&client).await,
            Self::List(command) => command.run(&client).await,
            Self::Get(command) => command.run(&client).await,
            Self::GetResource(command) => command.run(&client).await,
            Self::Resources(command) => command.run(&client).await,
            Self::Tree(command) => command.run(&client).await,
            Self::Logs(command) => command.run(&client).await,
            Self::Actions(command) => command.run(&client).await,
            Self::Refresh(command) => command.run(&client).await,
            Self::Sync(command) => command.run(&client).await,
            Self::Wait(command) => command.run(&client).await,
            Self::Terminate(command) => command.run(&client).await,
            Self::History(command) => command.run(&client).await,
            Self::Events(command) => command.run(&client).await,
            Self::Rollback(command) => command.run(&client).await,
            Self::Resume(command) => command.run(&client).await,
            Self::ConfirmDeletion(command) => command.run(&client).await,
            Self::Approve(command) => command.run(&client).await,
            Self::Adopt(command) => command.run(&client).await,
            Self::Delete(command) => command.run(&client).await,
            Self::Diff(command) => command.run(Ok(client)).await,
        }
    }
}
