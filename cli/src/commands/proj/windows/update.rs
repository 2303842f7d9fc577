//! `windlass proj windows update`.

use clap::Args;
use windlass_domain::project::SyncWindow;

use super::switch::change;
use crate::client::Client;

/// Change a window; what is not given stays.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj windows update shop 0 --duration 4h")]
pub(crate) struct Update {
    /// Name of the project.
    #[arg(value_name = "PROJECT")]
    project: String,
    /// Its number in `proj windows list`.
    id: usize,
    #[command(flatten)]
    when: When,
}

/// When a window is active, and what it is about.
#[derive(Args)]
pub(super) struct When {
    /// When it begins: five cron fields.
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// How long it lasts: 30m, 1h30m.
    #[arg(long, value_name = "TIME")]
    duration: Option<String>,
    /// Names of applications; globs, by comma.
    #[arg(long, value_name = "GLOBS", value_delimiter = ',')]
    applications: Vec<String>,
    /// Namespaces that applications go to; globs, by comma.
    #[arg(long, value_name = "GLOBS", value_delimiter = ',')]
    namespaces: Vec<String>,
    /// Names or addresses of clusters; globs, by comma.
    #[arg(long, value_name = "GLOBS", value_delimiter = ',')]
    clusters: Vec<String>,
    /// In which the schedule is read; UTC when absent.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// For people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Update {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        change(client, &self.project, self.id, |window| self.when.put(window)).await
    }
}

impl When {
    pub(super) fn put(&self, window: &mut SyncWindow) {
        let texts = [
            (&self.schedule, &mut window.schedule),
            (&self.duration, &mut window.duration),
            (&self.time_zone, &mut window.time_zone),
            (&self.description, &mut window.description),
        ];
        for (given, field) in texts {
            if let Some(given) = given {
                field.clone_from(given);
            }
        }
        let lists = [
            (&self.applications, &mut window.applications),
            (&self.namespaces, &mut window.namespaces),
            (&self.clusters, &mut window.clusters),
        ];
        for (given, field) in lists {
            if !given.is_empty() {
                field.clone_from(given);
            }
        }
    }
}
