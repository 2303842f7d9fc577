//! `windlass operation list`.

use clap::Args;
use jiff::Timestamp;
use windlass_domain::name::ApplicationName;

use crate::client::Client;
use crate::commands::listing::{self, ListArgs};
use crate::commands::parse;
use crate::output::age;
use crate::view::Operation;

/// List sync operations, newest first.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass operation list --app web --limit 10")]
pub(crate) struct List {
    /// Only of this application, as name or namespace/name.
    #[arg(long, value_name = "NAME", value_parser = parse::application)]
    app: Option<ApplicationName>,
    #[command(flatten)]
    list: ListArgs,
}

impl List {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let query = vec![("application", self.app.map(|name| name.to_string()))];
        let items = listing::read(client, &["operations"], query, &self.list).await?;
        let header = ["ID", "APPLICATION", "CLUSTER", "PHASE", "REVISION", "BY", "AGE", "MESSAGE"];
        let now = Timestamp::now();
        listing::print(
            &self.list,
            items,
            |operation: &Operation| operation.id.clone(),
            &header,
            |operation| row(operation, now),
        )
    }
}

fn row(operation: &Operation, now: Timestamp) -> Vec<String> {
    let state = operation.state.clone().unwrap_or_default();
    let requested = operation.request.as_ref().and_then(|request| request.requested_at);
    let phase = if state.phase.is_empty() { "Requested".to_owned() } else { state.phase };
    vec![
        operation.id.clone(),
        operation.application.clone(),
        operation.cluster.clone(),
        phase,
        state.revision.chars().take(7).collect(),
        operation.by.clone(),
        age::since(state.started_at.or(requested), now),
        state.message,
    ]
}
