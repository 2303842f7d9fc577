//! `windlass proj windows list`.

use clap::Args;
use serde_json::json;
use windlass_domain::project::SyncWindow;
use windlass_domain::window::WindowKind;

use crate::client::Client;
use crate::commands::proj::edit;
use crate::output::{self, FormatArgs, table};

/// List a project's windows.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj windows list shop")]
pub(crate) struct List {
    #[arg(value_name = "PROJECT")]
    project: String,
    #[command(flatten)]
    format: FormatArgs,
}

impl List {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let (_, manifest) = edit::read(client, &self.project).await?;
        let windows = manifest.spec.sync_windows;
        let numbers = || (0..windows.len()).map(|id| id.to_string()).collect();
        if let Some(printed) = output::machine(self.format.output, &json!({"items": windows}), numbers) {
            return printed;
        }
        let header = [
            "ID",
            "KIND",
            "SCHEDULE",
            "DURATION",
            "APPLICATIONS",
            "NAMESPACES",
            "CLUSTERS",
            "MANUAL",
            "OVERRUN",
            "ZONE",
            "AND",
        ];
        table::print(&header, windows.iter().enumerate().map(|(id, window)| row(id, window)).collect())
    }
}

fn row(id: usize, window: &SyncWindow) -> Vec<String> {
    let list = |globs: &[String]| if globs.is_empty() { "-".to_owned() } else { globs.join(",") };
    let yes = |on: bool| if on { "yes" } else { "no" }.to_owned();
    vec![
        id.to_string(),
        if window.kind == WindowKind::Allow { "allow" } else { "deny" }.to_owned(),
        window.schedule.clone(),
        window.duration.clone(),
        list(&window.applications),
        list(&window.namespaces),
        list(&window.clusters),
        yes(window.manual_sync),
        yes(window.sync_overrun),
        if window.time_zone.is_empty() { "UTC".to_owned() } else { window.time_zone.clone() },
        yes(window.and_operator),
    ]
}
