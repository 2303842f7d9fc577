//! `windlass version`.

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::connection::ConnectionArgs;
use crate::output::{self, FormatArgs};

/// Print the version of this command and of the hub.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass version -o json")]
pub(crate) struct Version {
    /// Do not ask the hub.
    #[arg(long)]
    client: bool,
    #[command(flatten)]
    format: FormatArgs,
}

impl Version {
    pub(crate) async fn run(self, connection: &ConnectionArgs) -> anyhow::Result<()> {
        let own = env!("CARGO_PKG_VERSION");
        let hub = if self.client { None } else { Some(hub(connection).await) };
        let value = json!({"client": own, "hub": hub.as_ref().and_then(|hub| hub.as_ref().ok())});
        if let Some(printed) = output::machine(self.format.output, &value, || vec![own.to_owned()]) {
            return printed;
        }
        output::line(&format!("client  {own}"))?;
        match hub {
            None => Ok(()),
            Some(Ok(version)) => output::line(&format!("hub     {version}")),
            Some(Err(error)) => Err(error),
        }
    }
}

async fn hub(connection: &ConnectionArgs) -> anyhow::Result<String> {
    let version: Value = Client::of(connection)?.get(&["version"], &[]).await?;
    Ok(version["version"].as_str().unwrap_or("unknown").to_owned())
}
