//! `windlass cluster get`.

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::list::{counts, or_dash};
use crate::client::Client;
use crate::output::{self, FormatArgs, age, table};
use crate::view::{Alert, Cluster};

/// Show one cluster.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster get eu-1")]
pub(crate) struct Get {
    /// Name of the cluster.
    name: String,
    #[command(flatten)]
    format: FormatArgs,
}

impl Get {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let value: Value = client.get(&["clusters", &self.name], &[]).await?;
        if let Some(printed) = output::machine(self.format.output, &value, || vec![self.name.clone()]) {
            return printed;
        }
        print(&serde_json::from_value(value)?)
    }
}

fn print(cluster: &Cluster) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let field =
        |name: &str, text: &str| output::line(&table::single_line(&format!("{:<13}{text}", format!("{name}:"))));
    let labels: Vec<_> = cluster.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    field("Name", &cluster.name)?;
    field("UID", &cluster.uid)?;
    field("Labels", &or_dash(&labels.join(", ")))?;
    field("Aliases", &or_dash(&cluster.server_aliases.join(", ")))?;
    field("Created", &format!("{} ago", age::since(cluster.created_at, now)))?;
    let since = cluster.connection_changed_at.map(|at| format!(" for {}", age::ago(at, now))).unwrap_or_default();
    field("Connection", &format!("{}{since}", cluster.connection))?;
    if let Some(frozen) = &cluster.frozen {
        field("Frozen", frozen)?;
    }
    field("Verified", &age::freshness(&cluster.freshness, now))?;
    field("Agent", &or_dash(&cluster.agent_version))?;
    if let Some(upgrade) = &cluster.upgrade {
        let said = if upgrade.message.is_empty() { String::new() } else { format!(": {}", upgrade.message) };
        field("Upgrade", &format!("to {}, {}{said}", upgrade.to, upgrade.stage))?;
    }
    field("Kubernetes", &or_dash(&cluster.kubernetes_version))?;
    field("Generation", &format!("{} of {} at the agent", cluster.acked_generation, cluster.generation))?;
    if !matches!(cluster.identity.state.as_str(), "" | "NotJoined") {
        let reason = &cluster.identity.reason;
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        field("Trust", &format!("{}{reason}", cluster.identity.state))?;
    }
    if !cluster.identity.next_step.is_empty() {
        field("Next step", &cluster.identity.next_step)?;
    }
    if let Some(certificate) = &cluster.certificate {
        field("Identity", &certificate.identity)?;
        let next = cluster.identity.next_serial.as_ref().map(|next| format!(" (next: {next})")).unwrap_or_default();
        field("Serial", &format!("{}{next}", certificate.serial))?;
        let state = match (certificate.revoked, certificate.days_left) {
            (true, _) => "revoked".to_owned(),
            (false, days) if days < 0 => format!("ended {} ago", age::since(certificate.not_after, now)),
            (false, days) => format!("{days} days left"),
        };
        field("Certificate", &format!("{state}, issued or renewed {} ago", age::since(certificate.issued_at, now)))?;
        if !cluster.identity.from.is_empty() {
            field("From", &cluster.identity.from)?;
        }
    } else if cluster.certificate_not_after.is_some() {
        field("Certificate", &format!("ends in {}", age::until(cluster.certificate_not_after, now)))?;
    }
    if cluster.join_token_expires_at.is_some() {
        field("Join token", &format!("unused, valid for {}", age::until(cluster.join_token_expires_at, now)))?;
    }
    if let Some(removing) = &cluster.removing {
        field("Removing", removing)?;
    }
    for alert in &cluster.identity.alerts {
        field("Alert", &alert_line(alert, now))?;
    }
    field("Targets", &counts(&cluster.targets))?;
    if !cluster.frozen_targets.is_empty() {
        output::line("\nTargets that the hub does not list, and the agent leaves as they are:")?;
        for target in &cluster.frozen_targets {
            output::line(&table::single_line(&format!("  {}  (uid {})", or_dash(&target.application), target.uid)))?;
        }
    }
    Ok(())
}

fn alert_line(alert: &Alert, now: Timestamp) -> String {
    let mut line = format!("{} {} ago", alert.kind, age::since(alert.at, now));
    if !alert.from.is_empty() {
        line.push_str(&format!(" from {}", alert.from));
    }
    if !alert.serial.is_empty() {
        line.push_str(&format!(", serial {}", alert.serial));
    }
    if alert.count > 1 {
        line.push_str(&format!(", {} times", alert.count));
    }
    line
}
