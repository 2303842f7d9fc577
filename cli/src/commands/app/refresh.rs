//! `windlass app refresh`.

use clap::Args;
use serde_json::json;

use super::list::short;
use super::name::NameArgs;
use crate::client::Client;
use crate::output;
use crate::view::Refreshed;

/// Look at the source now. What could not be rendered is said on stderr; the last good state stays.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app refresh web && windlass app wait web")]
pub(crate) struct Refresh {
    #[command(flatten)]
    name: NameArgs,
}

impl Refresh {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let refreshed: Refreshed = client.post(&self.name.below("refresh"), &json!({})).await?;
        for condition in &refreshed.conditions {
            output::note(&format!("{}: {}", condition.kind, condition.message));
        }
        let what = if refreshed.changed { "changed" } else { "unchanged" };
        output::line(&format!("application {} {what}, revision {}", self.name, short(refreshed.revision.as_deref())))
    }
}
