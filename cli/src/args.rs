//! What the command line takes.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::{
    app, cluster, completion, context, explain, freeze, login, operation, proj, repo, settings, version, watch,
};

/// Windlass keeps fleets of Kubernetes clusters in the state that git describes.
#[derive(Parser)]
#[command(name = "windlass", version, propagate_version = true, arg_required_else_help = true)]
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

/// Which hub, and as whom; what is not given comes from the context that `windlass login` saved.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// The hub's API: https://host:port.
    #[arg(long, global = true, env = "WINDLASS_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File that holds the API token; `-` is stdin. The variable WINDLASS_TOKEN may hold the token itself.
    #[arg(long, global = true, env = "WINDLASS_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// CA certificates of the hub, as PEM; only these are trusted then.
    #[arg(long, global = true, env = "WINDLASS_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// A saved context other than the current one.
    #[arg(long = "hub-context", global = true, env = "WINDLASS_CONTEXT", value_name = "NAME", id = "hub-context")]
    pub(crate) context: Option<String>,
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
}
