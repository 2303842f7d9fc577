//! `windlass app resume`.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::list::short;
use super::name::NameArgs;
use crate::client::Client;
use crate::output;

/// Let an application follow git again that a rollback, or a sync to a named revision, holds at a commit.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app resume web && windlass app wait web")]
pub(crate) struct Resume {
    #[command(flatten)]
    name: NameArgs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Resumed {
    revision: Option<String>,
}

impl Resume {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let resumed: Resumed = client.post(&self.name.below("resume"), &json!({})).await?;
        output::line(&format!("application {} follows git again, at {}", self.name, short(resumed.revision.as_deref())))
    }
}
