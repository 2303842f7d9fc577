//! One file a verb: what it takes, and what it does.

pub(crate) mod app;
pub(crate) mod cluster;
pub(crate) mod completion;
pub(crate) mod context;
pub(crate) mod explain;
pub(crate) mod freeze;
pub(crate) mod listing;
pub(crate) mod login;
pub(crate) mod operation;
pub(crate) mod parse;
pub(crate) mod proj;
pub(crate) mod repo;
pub(crate) mod settings;
pub(crate) mod version;
pub(crate) mod watch;

use crate::args::{Args, Command, ConnectionArgs};
use crate::client::Client;
use crate::context::Contexts;

/// Runs the command.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let connection = args.connection;
    match args.command {
        Command::Login(command) => command.run(&connection).await,
        Command::Context(command) => command.run(),
        Command::Completion(command) => command.run(),
        Command::Version(command) => command.run(&connection).await,
        // Its exit codes say more.
        Command::App(app::App::Diff(command)) => command.run(client(&connection)).await,
        Command::App(command) => command.run(client(&connection)?).await,
        Command::Apply(command) => command.run(&client(&connection)?).await,
        Command::Cluster(command) => command.run(client(&connection)?).await,
        Command::Proj(command) => command.run(client(&connection)?).await,
        Command::Settings(command) => command.run(client(&connection)?).await,
        Command::Repo(command) => command.run(client(&connection)?).await,
        Command::Operation(command) => command.run(client(&connection)?).await,
        Command::Freeze(command) => command.run(&client(&connection)?).await,
        Command::Thaw(command) => command.run(&client(&connection)?).await,
        Command::Freezes(command) => command.run(&client(&connection)?).await,
        Command::Explain(command) => command.run(client(&connection)?).await,
        Command::Watch(command) => command.run(client(&connection)?).await,
    }
}

fn client(args: &ConnectionArgs) -> anyhow::Result<Client> {
    Client::new(&Contexts::load()?.resolve(args)?)
}
