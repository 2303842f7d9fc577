//! `windlass operation get`.

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use crate::client::Client;
use crate::output::{self, FormatArgs, age, table};
use crate::view::Operation;

/// Show one operation with what it did.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass operation get 0193a2c4-7d1e-7000-8000-000000000001")]
pub(crate) struct Get {
    /// Id of the operation, as `operation list` shows it.
    id: String,
    #[command(flatten)]
    format: FormatArgs,
}

impl Get {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let value: Value = client.get(&["operations", &self.id], &[]).await?;
        if let Some(printed) = output::machine(self.format.output, &value, || vec![self.id.clone()]) {
            return printed;
        }
        print(&serde_json::from_value(value)?)
    }
}

fn print(operation: &Operation) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let field =
        |name: &str, text: &str| output::line(&table::single_line(&format!("{:<13}{text}", format!("{name}:"))));
    field("Operation", &operation.id)?;
    field("Application", &format!("{} on {}", operation.application, operation.cluster))?;
    field("By", &operation.by)?;
    if let Some(request) = &operation.request {
        let stop = if request.terminate { ", asked to stop" } else { "" };
        field(
            "Asked",
            &format!(
                "{} ago, prune {}{stop}, over in {}",
                age::since(request.requested_at, now),
                request.prune,
                age::until(request.deadline, now)
            ),
        )?;
    }
    let Some(state) = &operation.state else { return field("Phase", "Requested: no word from the agent yet") };
    field("Phase", &format!("{}{}", state.phase, if state.finished_at.is_some() { "" } else { ", not finished" }))?;
    field("Revision", &state.revision)?;
    field("Message", &state.message)?;
    let rows: Vec<_> = state
        .results
        .iter()
        .map(|result| vec![result.status.clone(), result.key.to_string(), result.message.clone()])
        .collect();
    if rows.is_empty() {
        Ok(())
    } else {
        output::line(&format!("\n{}", table::render(&["RESULT", "OBJECT", "MESSAGE"], rows)))
    }
}
