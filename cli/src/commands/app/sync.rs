//! `windlass app sync`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::follow::{Verdict, follow};
use super::list::short;
use super::name::NameArgs;
use crate::client::Client;
use crate::commands::parse;
use crate::output;
use crate::view::{Application, Started};

/// Make clusters what git says, now.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app sync web --wait\n  windlass app sync web --cluster eu-1 --prune")]
pub(crate) struct Sync {
    #[command(flatten)]
    name: NameArgs,
    /// Delete objects that left git. It never overrides a hold.
    #[arg(long)]
    prune: bool,
    /// Only on this cluster; may repeat.
    #[arg(long = "cluster", value_name = "NAME")]
    clusters: Vec<String>,
    /// Wait until the operations have ended; one that failed is an error.
    #[arg(long)]
    wait: bool,
    /// The most time to wait.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::duration)]
    timeout: Duration,
}

impl Sync {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let body = json!({"prune": self.prune, "clusters": self.clusters});
        let started: Started = client.post(&self.name.below("sync"), &body).await?;
        let ids = print(&started, "requested")?;
        let refused = started.operations.len() - ids.len();
        if self.wait {
            let judge = |application: Option<&Application>| judge(&ids, application);
            follow(client, &self.name, self.timeout, judge).await?;
            output::line(&format!("application {} synced on {} clusters", self.name, ids.len()))?;
        }
        if refused > 0 {
            bail!("application {}: could not be synced on {refused} clusters", self.name);
        }
        Ok(())
    }
}

/// One line an operation; returns (cluster, id) of those that were started.
pub(super) fn print(started: &Started, what: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut ids = BTreeMap::new();
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

/// Whether every operation has ended, and well.
fn judge(ids: &BTreeMap<String, String>, application: Option<&Application>) -> Verdict {
    let Some(application) = application else {
        return Verdict::Failed("was deleted while it was synced".to_owned());
    };
    let mut waiting = Vec::new();
    let mut failed = Vec::new();
    for (cluster, id) in ids {
        let target = application.targets.iter().find(|target| target.cluster == *cluster);
        let state = target.and_then(|target| target.operation.as_ref()).filter(|state| state.id == *id);
        match state {
            None => waiting.push(format!("{cluster} waits for its agent")),
            Some(state) if state.finished_at.is_none() => {
                waiting.push(format!("{cluster} {} {}", state.phase, state.message))
            }
            Some(state) if state.phase != "Succeeded" => {
                failed.push(format!("{cluster} {}: {}", state.phase, state.message))
            }
            Some(_) => {}
        }
    }
    if !waiting.is_empty() {
        Verdict::Waiting(waiting.join("; "))
    } else if !failed.is_empty() {
        Verdict::Failed(failed.join("; "))
    } else {
        Verdict::Reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{OperationState, Target};

    fn judged(id: &str, phase: &str, is_finished: bool) -> Verdict {
        let finished_at = is_finished.then_some(jiff::Timestamp::UNIX_EPOCH);
        let operation = OperationState { id: id.into(), phase: phase.into(), finished_at, ..OperationState::default() };
        let target = Target { cluster: "eu-1".into(), operation: Some(operation), ..Target::default() };
        let application = Application { targets: vec![target], ..Application::default() };
        judge(&[("eu-1".to_owned(), "7".to_owned())].into(), Some(&application))
    }

    #[test]
    fn only_the_operation_that_was_started_counts() {
        assert!(matches!(judged("7", "Succeeded", true), Verdict::Reached));
        assert!(matches!(judged("6", "Succeeded", true), Verdict::Waiting(_)));
        assert!(matches!(judged("7", "Running", false), Verdict::Waiting(_)));
        assert!(matches!(judged("7", "Failed", true), Verdict::Failed(_)));
    }
}
