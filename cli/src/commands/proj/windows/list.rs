//! `windlass proj windows list`.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use windlass_domain::project::SyncWindow;
use windlass_domain::window::WindowKind;

use crate::client::Client;
use crate::commands::proj::edit;
use crate::output::{self, FormatArgs, age, table};

/// List a project's windows, and whether each is active now.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj windows list shop")]
pub(crate) struct List {
    /// Name of the project.
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
            "STATUS",
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
        let now = Timestamp::now();
        table::print(&header, windows.iter().enumerate().map(|(id, window)| row(id, window, now)).collect())
    }
}

/// Whether it is active, and until when that is so.
fn status(window: &SyncWindow, now: Timestamp) -> String {
    let Ok(activity) = window.window().activity(now, &|zone| TimeZone::get(zone).ok()) else {
        return "unreadable".to_owned();
    };
    match (activity.active, activity.changes_at) {
        (true, Some(end)) => format!("active for {}", age::until(Some(end), now)),
        (true, None) => "active".to_owned(),
        (false, Some(start)) => format!("begins in {}", age::until(Some(start), now)),
        (false, None) => "never begins".to_owned(),
    }
}

fn row(id: usize, window: &SyncWindow, now: Timestamp) -> Vec<String> {
    let list = |globs: &[String]| if globs.is_empty() { "-".to_owned() } else { globs.join(",") };
    let yes = |on: bool| if on { "yes" } else { "no" }.to_owned();
    vec![
        id.to_string(),
        if window.kind == WindowKind::Allow { "allow" } else { "deny" }.to_owned(),
        status(window, now),
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
