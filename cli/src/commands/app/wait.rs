//! `windlass app wait`.

use std::time::Duration;

use clap::Args;

use super::follow::{Verdict, follow, words};
use super::name::NameArgs;
use crate::client::Client;
use crate::commands::parse;
use crate::output;
use crate::view::{Application, Target};

/// Wait until an application is in sync and healthy on all its clusters, on the watch.
///
/// What is stale, or was reported of an older commit, does not count.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app wait web --timeout 2m\n  windlass app wait web --sync")]
pub(crate) struct Wait {
    #[command(flatten)]
    name: NameArgs,
    /// Wait for Synced; with neither flag, for both.
    #[arg(long)]
    sync: bool,
    /// Wait for Healthy; with neither flag, for both.
    #[arg(long)]
    health: bool,
    /// Wait until it runs this commit (its beginning is enough).
    #[arg(long, value_name = "COMMIT")]
    revision: Option<String>,
    /// Only on these clusters; may repeat.
    #[arg(long = "cluster", value_name = "NAME")]
    clusters: Vec<String>,
    /// Wait until it is deleted.
    #[arg(long, conflicts_with_all = ["sync", "health", "revision", "clusters"])]
    delete: bool,
    /// The most time to wait.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = parse::duration)]
    timeout: Duration,
}

impl Wait {
    pub(crate) async fn run(mut self, client: &Client) -> anyhow::Result<()> {
        if self.delete {
            follow(client, &self.name, self.timeout, judge_deletion).await?;
            return output::line(&format!("application {} deleted", self.name));
        }
        if !self.sync && !self.health {
            (self.sync, self.health) = (true, true);
        }
        follow(client, &self.name, self.timeout, |application| self.judge(application)).await?;
        let reached = [self.sync.then_some("Synced"), self.health.then_some("Healthy")];
        let reached: Vec<_> = reached.into_iter().flatten().collect();
        output::line(&format!("application {} {}", self.name, reached.join(" ")))
    }

    fn judge(&self, application: Option<&Application>) -> Verdict {
        let Some(application) = application else {
            return Verdict::Failed("does not exist, or was deleted".to_owned());
        };
        let wanted: Vec<&Target> = application
            .targets
            .iter()
            .filter(|target| self.clusters.is_empty() || self.clusters.contains(&target.cluster))
            .collect();
        let hub = application.status.conditions.iter().find(|condition| condition.cluster.is_none());
        if wanted.is_empty() {
            let why = hub.map_or("no target yet", |condition| &condition.message);
            return Verdict::Waiting(format!("{} {}: {why}", application.status.sync, application.status.health));
        }
        if let Some(revision) = &self.revision
            && !application.source.revision.as_deref().is_some_and(|current| current.starts_with(revision.as_str()))
        {
            return Verdict::Waiting(format!("at {}", application.source.revision.as_deref().unwrap_or("no commit")));
        }
        if wanted.iter().all(|target| self.is_reached(target)) {
            return Verdict::Reached;
        }
        let missing: Vec<_> =
            wanted.iter().filter(|target| !self.is_reached(target)).map(|target| words(target)).collect();
        Verdict::Waiting(missing.join("; "))
    }

    fn is_reached(&self, target: &Target) -> bool {
        let sync = !self.sync || target.sync == "Synced";
        let health = !self.health || target.health == "Healthy";
        target.current && !target.freshness.stale && sync && health
    }
}

pub(super) fn judge_deletion(application: Option<&Application>) -> Verdict {
    match application {
        None => Verdict::Reached,
        Some(application) => {
            let left: Vec<_> = application.targets.iter().map(words).collect();
            Verdict::Waiting(format!("being deleted; left: {}", left.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Freshness;

    fn wait() -> Wait {
        let name = NameArgs::of(windlass_domain::name::ApplicationName::parse("web").expect("a name"));
        Wait {
            name,
            sync: true,
            health: true,
            revision: None,
            clusters: vec![],
            delete: false,
            timeout: Duration::ZERO,
        }
    }

    fn application(change: impl FnOnce(&mut Target)) -> Application {
        let freshness = Freshness { stale: false, connected: true, verified_at: None };
        let mut target =
            Target { sync: "Synced".into(), health: "Healthy".into(), current: true, freshness, ..Target::default() };
        change(&mut target);
        Application { targets: vec![target], ..Application::default() }
    }

    fn is_reached(change: impl FnOnce(&mut Target)) -> bool {
        matches!(wait().judge(Some(&application(change))), Verdict::Reached)
    }

    #[test]
    fn only_what_is_current_and_fresh_counts() {
        assert!(is_reached(|_| {}));
        assert!(!is_reached(|target| target.freshness.stale = true));
        assert!(!is_reached(|target| target.current = false));
        assert!(!is_reached(|target| target.sync = "OutOfSync".into()));
        assert!(!is_reached(|target| target.health = "Progressing".into()));
    }

    #[test]
    fn no_target_is_not_reached_and_no_application_never_will_be() {
        assert!(matches!(wait().judge(Some(&Application::default())), Verdict::Waiting(_)));
        assert!(matches!(wait().judge(None), Verdict::Failed(_)));
    }
}
