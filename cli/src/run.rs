//! From what was typed to the command that does it, with the hub that it needs.

use clap::CommandFactory;

use crate::args::{Args, Command};
use crate::client::Client;
use crate::commands::app;

/// Runs the command.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let connection = args.connection;
    match args.command {
        Command::Login(command) => command.run(&connection).await,
        Command::Context(command) => command.run(),
        Command::Completion(command) => command.run(&mut Args::command()),
        Command::Version(command) => command.run(&connection).await,
        // Its exit codes say more.
        Command::App(app::App::Diff(command)) => command.run(Client::of(&connection)).await,
        Command::App(command) => command.run(Client::of(&connection)?).await,
        Command::Apply(command) => command.run(&Client::of(&connection)?).await,
        Command::Cluster(command) => command.run(Client::of(&connection)?).await,
        Command::Proj(command) => command.run(Client::of(&connection)?).await,
        Command::Settings(command) => command.run(Client::of(&connection)?).await,
        Command::Repo(command) => command.run(Client::of(&connection)?).await,
        Command::Operation(command) => command.run(Client::of(&connection)?).await,
        Command::Freeze(command) => command.run(&Client::of(&connection)?).await,
        Command::Thaw(command) => command.run(&Client::of(&connection)?).await,
        Command::Freezes(command) => command.run(&Client::of(&connection)?).await,
        Command::Explain(command) => command.run(Client::of(&connection)?).await,
        Command::Watch(command) => command.run(Client::of(&connection)?).await,
    }
}
