//! `windlass app delete`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::follow::follow;
use super::name::NameArgs;
use super::wait::judge_deletion;
use crate::client::Client;
use crate::commands::parse;
use crate::output;
use crate::view::{Application, Page};

/// Delete an application. Its objects are treated as its finalizers say, or as the flags do.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass app delete web --cascade foreground --yes --wait\n  windlass app delete web --keep-resources"
)]
pub(crate) struct Delete {
    #[command(flatten)]
    name: NameArgs,
    /// What happens to the objects.
    #[arg(long, value_enum, value_name = "HOW")]
    cascade: Option<Cascade>,
    /// Leave the objects as they are; the same as --cascade orphan.
    #[arg(long, conflicts_with = "cascade")]
    keep_resources: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Wait until it is gone everywhere.
    #[arg(long)]
    wait: bool,
    /// The most time to wait.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::duration)]
    timeout: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cascade {
    /// Delete them, dependants first.
    Foreground,
    /// Delete them, dependants afterwards.
    Background,
    /// Leave them.
    Orphan,
}

impl Delete {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let cascade = match (self.keep_resources, self.cascade) {
            (true, _) | (false, Some(Cascade::Orphan)) => Some("orphan"),
            (false, Some(Cascade::Foreground)) => Some("foreground"),
            (false, Some(Cascade::Background)) => Some("background"),
            (false, None) => None,
        };
        self.ask(client, cascade).await?;
        client.delete(&self.name.path(), &[("cascade", cascade.map(str::to_owned))]).await?;
        if self.wait {
            follow(client, &self.name, self.timeout, judge_deletion).await?;
            return output::line(&format!("application {} deleted", self.name));
        }
        output::line(&format!("application {} is being deleted", self.name))
    }

    async fn ask(&self, client: &Client, cascade: Option<&str>) -> anyhow::Result<()> {
        let application: Application = client.get(&self.name.path(), &[]).await?;
        let page: Page = client.get(&self.name.below("resources"), &[("limit", Some("1".to_owned()))]).await?;
        let (clusters, objects) = (application.targets.len(), page.total.unwrap_or_default());
        let fate = match cascade {
            Some("orphan") => "they stay as they are",
            Some(_) => "they are deleted",
            None => "its finalizers decide about them",
        };
        output::confirm(
            &format!("Delete application {} with {objects} objects on {clusters} clusters ({fate})?", self.name),
            self.yes,
        )
    }
}
