//! `windlass cluster rotate-ca`.

use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::output::{self, FormatArgs, age, table};

/// Replace the hub's certificate authority: begin, look how far it is, and retire the old one.
#[derive(Args)]
#[command(
    name = "rotate-ca",
    after_help = "Example:\n  windlass cluster rotate-ca --begin\n  windlass cluster rotate-ca\n  windlass cluster rotate-ca --retire"
)]
pub(crate) struct RotateCa {
    /// Make a new authority; agents get both, and certificates of the new one.
    #[arg(long, conflicts_with = "retire")]
    begin: bool,
    /// Retire the old authority, once every cluster has a certificate of the new one.
    #[arg(long)]
    retire: bool,
    /// Retire it also while clusters have none: they are listed, and must join again.
    #[arg(long, requires = "retire")]
    force: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Authorities {
    items: Vec<Authority>,
    signing: u64,
    not_after: Option<Timestamp>,
    clusters: u64,
    missing: Vec<Missing>,
    pins: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Authority {
    number: u64,
    created_at: Option<Timestamp>,
    by: String,
    retired_at: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Missing {
    cluster: String,
    authority: u64,
    connected: bool,
}

impl RotateCa {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let value: Value = if self.begin || self.retire {
            if self.retire {
                output::confirm(
                    "Retire the old authority? Whoever trusts only it, people's contexts too, is cut off.",
                    self.yes,
                )?;
            }
            client.post(&["authorities"], &json!({"retire": self.retire, "force": self.force})).await?
        } else {
            client.get(&["authorities"], &[]).await?
        };
        if let Some(printed) = output::machine(self.format.output, &value, Vec::new) {
            return printed;
        }
        print(&serde_json::from_value(value)?, self.retire)
    }
}

fn print(found: &Authorities, has_retired: bool) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let row = |authority: &Authority| {
        let state = match (authority.retired_at, authority.number == found.signing) {
            (Some(_), _) => "retired",
            (None, true) => "signs",
            (None, false) => "trusted",
        };
        vec![authority.number.to_string(), state.into(), age::since(authority.created_at, now), authority.by.clone()]
    };
    output::line(
        table::render(&["AUTHORITY", "STATE", "AGE", "BY"], found.items.iter().map(row).collect()).trim_end(),
    )?;
    for pin in &found.pins {
        output::line(&format!("pin {pin}"))?;
    }
    output::note(&format!("the authority that signs ends in {}", age::until(found.not_after, now)));
    if found.missing.is_empty() {
        output::note(&format!("all of {} clusters have a certificate of the newest authority", found.clusters));
        return Ok(());
    }
    let row = |missing: &Missing| {
        let connection = if missing.connected { "Connected" } else { "Disconnected" };
        vec![missing.cluster.clone(), missing.authority.to_string(), connection.into()]
    };
    let left =
        if has_retired { "left behind; they must join again (windlass cluster rejoin)" } else { "not yet there" };
    output::note(&format!("{} of {} clusters: {left}", found.missing.len(), found.clusters));
    output::line(
        table::render(&["CLUSTER", "AUTHORITY", "CONNECTION"], found.missing.iter().map(row).collect()).trim_end(),
    )
}
