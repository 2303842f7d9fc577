//! What the command line takes.

use clap::{Parser, Subcommand};

use crate::commands::{
    app, cluster, completion, context, explain, freeze, login, operation, proj, repo, settings, version, watch,
};
use crate::connection::ConnectionArgs;

/// Windlass keeps fleets of Kubernetes clusters in the state that git describes.
#[derive(Parser)]
#[command(name = "windlass", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed or not reached, 2 wrong usage.\n\nExample:\n  \
    windlass login https://hub.example:8443 --token-file admin.token --ca ca.pem\n  \
    windlass cluster add eu-1 --label env=prod -o join.json\n  \
    windlass app apply -f app.yaml\n  \
    windlass app wait web")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Save the hub's address, its CA and your token as a context.
    Login(login::Login),
    /// Saved contexts.
    #[command(subcommand)]
    Context(context::Context),
    /// Applications.
    #[command(subcommand, visible_alias = "application")]
    App(app::App),
    /// Create or change applications from files: short for `app apply`.
    Apply(app::apply::Apply),
    /// Clusters.
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    /// Projects.
    #[command(subcommand, visible_alias = "project")]
    Proj(proj::Proj),
    /// Repositories.
    #[command(subcommand, visible_alias = "repository")]
    Repo(repo::Repo),
    /// Settings of the whole installation.
    #[command(subcommand)]
    Settings(settings::Settings),
    /// Sync operations.
    #[command(subcommand, visible_alias = "op")]
    Operation(operation::Operation),
    /// Stop all writes of an application, a project, a cluster or everything.
    Freeze(freeze::Freeze),
    /// Let writes go on.
    Thaw(freeze::Thaw),
    /// What is frozen.
    Freezes(freeze::Freezes),
    /// Why an application is as it is.
    Explain(explain::Explain),
    /// Print changes as they come.
    Watch(watch::Watch),
    /// Print a completion script for a shell.
    Completion(completion::Completion),
    /// Print the version of this command and of the hub.
    Version(version::Version),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        fn walk(command: &clap::Command) {
            let subcommands: Vec<_> = command.get_subcommands().collect();
            let has_example = command.get_after_help().is_some_and(|help| help.to_string().contains("Example:"));
            assert!(!subcommands.is_empty() || has_example, "{} has no example", command.get_name());
            assert!(command.get_about().is_some(), "{} says nothing of itself", command.get_name());
            subcommands.into_iter().for_each(walk);
        }
        walk(&<Args as clap::CommandFactory>::command());
    }

    #[test]
    fn every_argument_says_what_it_is() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let (of, named) = (command.get_name(), argument.get_id());
                assert!(argument.get_help().is_some(), "{of}: {named} says nothing of itself");
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&<Args as clap::CommandFactory>::command());
    }
}
