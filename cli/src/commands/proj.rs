//! `windlass proj`: projects, in the words of `argocd proj`.

mod apply;
mod create;
mod delete;
mod destination;
mod edit;
mod get;
mod list;
mod resource;
mod source;
mod windows;

use clap::Subcommand;

use crate::client::Client;

#[derive(Subcommand)]
pub(crate) enum Proj {
    #[command(visible_alias = "ls")]
    List(list::List),
    Get(get::Get),
    Apply(apply::Apply),
    Create(create::Create),
    #[command(visible_alias = "rm")]
    Delete(delete::Delete),
    AddSource(source::AddSource),
    RemoveSource(source::RemoveSource),
    AddDestination(destination::AddDestination),
    RemoveDestination(destination::RemoveDestination),
    AllowClusterResource(resource::AllowCluster),
    DenyClusterResource(resource::DenyCluster),
    AllowNamespaceResource(resource::AllowNamespace),
    DenyNamespaceResource(resource::DenyNamespace),
    /// When the applications of a project may sync.
    #[command(subcommand)]
    Windows(windows::Windows),
}

impl Proj {
    pub(crate) async fn run(self, client: Client) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run(&client).await,
            Self::Get(command) => command.run(&client).await,
            Self::Apply(command) => command.run(&client).await,
            Self::Create(command) => command.run(&client).await,
            Self::Delete(command) => command.run(&client).await,
            Self::AddSource(command) => command.run(&client).await,
            Self::RemoveSource(command) => command.run(&client).await,
            Self::AddDestination(command) => command.run(&client).await,
            Self::RemoveDestination(command) => command.run(&client).await,
            Self::AllowClusterResource(command) => command.run(&client).await,
            Self::DenyClusterResource(command) => command.run(&client).await,
            Self::AllowNamespaceResource(command) => command.run(&client).await,
            Self::DenyNamespaceResource(command) => command.run(&client).await,
            Self::Windows(command) => command.run(&client).await,
        }
    }
}
