//! `windlass watch`.

use clap::Args;
use jiff::Timestamp;

use crate::client::{Client, Event};
use crate::output::{self, Format, age, table};
use crate::view::{Application, Cluster, Operation};

/// Print changes as they come, until interrupted.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass watch\n  windlass watch --app web -o json | jq .object.status.sync")]
pub(crate) struct Watch {
    /// Only this application, as name or namespace/name.
    #[arg(long, value_name = "NAME", value_parser = super::parse::application)]
    app: Option<windlass_domain::name::ApplicationName>,
    /// Begin behind this revision instead of now.
    #[arg(long, value_name = "REVISION")]
    after: Option<u64>,
    /// How to print: a line of words, or a JSON object a line.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

impl Watch {
    pub(crate) async fn run(self, client: Client) -> anyhow::Result<()> {
        let mut events = client.watch(self.app.map(|name| name.to_string()), self.after, true);
        loop {
            let Event::Change(change) = events.next().await? else { continue };
            match self.output {
                Format::Json => output::line(&change.raw.to_string())?,
                Format::Yaml => output::line(&format!("---\n{}", output::yaml::to_string(&change.raw).trim_end()))?,
                Format::Name => output::line(&format!("{}/{}", change.kind, change.name))?,
                Format::Table | Format::Wide => {
                    let words = if change.deleted { "deleted".to_owned() } else { words(&change.kind, change.object) };
                    let text = format!(
                        "{}  {:<12} {:<32} {words}",
                        Timestamp::now().strftime("%H:%M:%S"),
                        change.kind,
                        change.name
                    );
                    output::line(&table::single_line(&text))?;
                }
            }
        }
    }
}

fn words(kind: &str, object: Option<serde_json::Value>) -> String {
    let Some(object) = object else { return "changed".to_owned() };
    let now = Timestamp::now();
    let words = match kind {
        "application" => serde_json::from_value::<Application>(object).map(|app| {
            let revision = app.source.revision.as_deref().map_or("-", |revision| revision.get(..7).unwrap_or(revision));
            format!(
                "{} {} {revision} ({})",
                app.status.sync,
                app.status.health,
                age::freshness(&app.status.freshness, now)
            )
        }),
        "cluster" => serde_json::from_value::<Cluster>(object).map(|cluster| {
            format!(
                "{} generation {}/{} ({})",
                cluster.connection,
                cluster.acked_generation,
                cluster.generation,
                age::freshness(&cluster.freshness, now)
            )
        }),
        "operation" => serde_json::from_value::<Operation>(object).map(|operation| {
            let state = operation.state.unwrap_or_default();
            let phase = if state.phase.is_empty() { "Requested" } else { &state.phase };
            format!("{phase} {} on {} {}", operation.application, operation.cluster, state.message)
        }),
        _ => Ok("changed".to_owned()),
    };
    words.unwrap_or_else(|_| "changed".to_owned())
}
