//! `windlass app sync`.

pub(super) mod progress;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use windlass_domain::name::ApplicationName;
use windlass_domain::target::Selector;

use super::list::short;
use super::name::NameArgs;
use crate::client::Client;
use crate::commands::parse;
use crate::output;
use crate::view::{Application, Page, Started};

/// Waited for beyond an operation's own time: its agent has to hear of it, and its word has to come back.
const MARGIN: Duration = Duration::from_secs(30);

/// Make clusters what git says, now, and follow it to its end. An operation that fails is an error.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass app sync web\n  windlass app sync web --prune --dry-run\n  windlass app sync web \
    --resource apps:Deployment:shop/web --cluster eu-1\n  windlass app sync -l team=shop --async"
)]
pub(crate) struct Sync {
    /// Name, or namespace/name; several are synced one after the other.
    #[arg(value_name = "NAME", value_parser = parse::application, required_unless_present = "selector")]
    names: Vec<ApplicationName>,
    /// Every application with this label; may repeat, all must match.
    #[arg(short = 'l', long, value_name = "KEY=VALUE", value_parser = parse::pair, conflicts_with = "names")]
    selector: Vec<(String, String)>,
    /// Delete objects that left git. It never overrides a hold.
    #[arg(long)]
    prune: bool,
    /// Another commit, branch or tag. The application is held there until `app resume`, or a sync without it.
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// Only on this cluster; may repeat.
    #[arg(long = "cluster", value_name = "NAME")]
    clusters: Vec<String>,
    /// Only these objects, or with `!` all but these; `*` is any text; may repeat. No hooks run, and no history is written.
    #[arg(long = "resource", value_name = "[!]GROUP:KIND:[NAMESPACE/]NAME", value_parser = selector)]
    resources: Vec<String>,
    /// Only objects with these labels, as `kubectl -l` takes it.
    #[arg(long = "label", value_name = "SELECTOR")]
    label: Option<String>,
    /// Write nothing: ask each cluster what it would say.
    #[arg(long)]
    dry_run: bool,
    /// `apply` leaves hooks out.
    #[arg(long, value_enum, value_name = "STRATEGY")]
    strategy: Option<Strategy>,
    /// Replace objects instead of applying them.
    #[arg(long)]
    replace: bool,
    /// Delete and make again what cannot be changed.
    #[arg(long)]
    force: bool,
    /// Leave alone what is as git says.
    #[arg(long)]
    apply_out_of_sync_only: bool,
    /// Switch the server's field validation off.
    #[arg(long)]
    skip_validation: bool,
    /// Retries after the first failure; -1: without end.
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    retry_limit: Option<i64>,
    /// Before the first retry.
    #[arg(long, value_name = "TIME", requires = "retry_limit")]
    retry_backoff_duration: Option<String>,
    /// By what each wait is longer than the one before.
    #[arg(long, value_name = "FACTOR", requires = "retry_limit")]
    retry_backoff_factor: Option<u32>,
    /// The longest wait.
    #[arg(long, value_name = "TIME", requires = "retry_limit")]
    retry_backoff_max_duration: Option<String>,
    /// A retry takes the newest commit.
    #[arg(long, requires = "retry_limit")]
    retry_refresh: bool,
    /// A note that is shown with the operation; may repeat.
    #[arg(long = "info", value_name = "NAME=VALUE", value_parser = parse::pair)]
    info: Vec<(String, String)>,
    /// Do not follow it.
    #[arg(long = "async")]
    is_async: bool,
    /// It is followed anyway.
    #[arg(long, hide = true, conflicts_with = "is_async")]
    wait: bool,
    /// How long one attempt may take; the application's own timeout when absent.
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Strategy {
    /// Hooks run, as the source asks for.
    Hook,
    /// No hooks.
    Apply,
}

impl Sync {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let names = if self.names.is_empty() { self.chosen(client).await? } else { self.names.clone() };
        let mut begun = Vec::new();
        let mut refused = 0;
        for name in names {
            let name = NameArgs::of(name);
            let started: Started = client.post(&name.below("sync"), &self.body()).await?;
            let ids = print(&started, "requested")?;
            refused += started.operations.len() - ids.len();
            begun.push((name, ids));
        }
        let mut failed = Vec::new();
        for (name, ids) in begun.iter().filter(|_| !self.is_async) {
            failed.extend(progress::follow(client, name, ids, self.limit()).await?);
        }
        ensure(refused, &failed)
    }

    /// The applications with these labels.
    async fn chosen(&self, client: &Client) -> anyhow::Result<Vec<ApplicationName>> {
        let labels = self.selector.iter().map(|(key, value)| ("label", Some(format!("{key}={value}"))));
        let query: Vec<_> = labels.chain([("limit", Some("1000".to_owned()))]).collect();
        let page: Page = client.get(&["applications"], &query).await?;
        if page.next.is_some() {
            bail!("more than 1000 applications have these labels; sync fewer at once");
        }
        let names = page.items.into_iter().map(|item| {
            let application: Application = serde_json::from_value(item)?;
            ApplicationName::new(&application.namespace, &application.name).context("the hub's answer")
        });
        let names = names.collect::<anyhow::Result<Vec<_>>>()?;
        anyhow::ensure!(!names.is_empty(), "no application has these labels");
        Ok(names)
    }

    fn body(&self) -> Value {
        let info: Vec<_> = self.info.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let retry = self.retry_limit.map(|limit| {
            json!({
                "limit": limit,
                "duration": self.retry_backoff_duration,
                "factor": self.retry_backoff_factor,
                "maxDuration": self.retry_backoff_max_duration,
                "refresh": self.retry_refresh,
            })
        });
        let strategy = self.strategy.map(|strategy| if strategy == Strategy::Apply { "apply" } else { "hook" });
        json!({
            "prune": self.prune,
            "clusters": self.clusters,
            "revision": self.revision,
            "resources": self.resources,
            "labelSelector": self.label,
            "dryRun": self.dry_run,
            "strategy": strategy,
            "replace": self.replace,
            "force": self.force,
            "applyOutOfSyncOnly": self.apply_out_of_sync_only,
            "skipValidation": self.skip_validation,
            "retry": retry,
            "timeoutSeconds": self.timeout.map(|timeout| timeout.as_secs()),
            "info": info,
        })
    }

    /// How long it is followed: the hub ends every operation at its own deadline.
    fn limit(&self) -> Option<Duration> {
        let attempts = self.retry_limit.map_or(1, |limit| u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1));
        self.timeout.map(|timeout| timeout.saturating_mul(attempts).saturating_add(MARGIN))
    }
}

/// An error when anything was refused or did not succeed.
pub(super) fn ensure(refused: usize, failed: &[String]) -> anyhow::Result<()> {
    match (refused, failed) {
        (0, []) => Ok(()),
        (0, [one]) => bail!("{one}"),
        (refused, []) => bail!("could not be synced on {refused} clusters"),
        (_, failed) => bail!("{} operations did not succeed: {}", failed.len(), failed.join("; ")),
    }
}

fn selector(text: &str) -> Result<String, String> {
    text.parse::<Selector>().map(|selector| selector.to_string()).map_err(|error| error.to_string())
}

/// One line an operation; returns (cluster, id) of those that were started.
pub(super) fn print(started: &Started, what: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut ids = BTreeMap::new();
    if let Some(held) = &started.held {
        output::note(held);
    }
    for operation in &started.operations {
        if let Some(error) = &operation.error {
            output::note(&format!("cluster {}: {error}", operation.cluster));
        }
        if let Some(id) = &operation.id {
            output::line(&format!(
                "operation {id} {what} on {} at {}",
                operation.cluster,
                short(Some(&operation.revision))
            ))?;
            ids.insert(operation.cluster.clone(), id.clone());
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        sync: Sync,
    }

    fn parse(line: &str) -> Result<Sync, clap::Error> {
        Command::try_parse_from(std::iter::once("sync").chain(line.split(' '))).map(|command| command.sync)
    }

    #[test]
    fn flags_are_what_the_hub_is_asked_for() {
        let sync = parse(
            "web --resource !apps:Deployment:shop/web --dry-run --strategy apply --retry-limit -1 --timeout 2m --info why=fix",
        );
        let body = sync.expect("a command").body();
        assert_eq!(body["resources"], json!(["!apps:Deployment:shop/web"]));
        assert_eq!(
            (&body["dryRun"], &body["strategy"], &body["timeoutSeconds"]),
            (&json!(true), &json!("apply"), &json!(120))
        );
        assert_eq!((&body["retry"]["limit"], &body["info"][0]["name"]), (&json!(-1), &json!("why")));
        assert_eq!(parse("web").expect("a command").body()["retry"], json!(null));
    }

    #[test]
    fn what_is_wrong_is_refused_before_the_hub_is_asked() {
        for wrong in
            ["", "web --resource web", "web --retry-refresh", "web -l a=b", "web --async --wait", "web --timeout 5x"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse("-l team=shop").is_ok());
    }

    #[test]
    fn anything_that_did_not_succeed_is_an_error() {
        assert!(ensure(0, &[]).is_ok());
        assert!(ensure(1, &[]).is_err() && ensure(0, &["eu-1 Failed".into()]).is_err());
    }
}
