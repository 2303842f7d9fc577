//! `windlass proj windows add`.

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde_json::Map;
use windlass_domain::project::SyncWindow;
use windlass_domain::window::WindowKind;

use crate::client::Client;
use crate::commands::proj::edit::edit;

/// Add a window. Name applications, namespaces or clusters: one that names none is about nothing.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass proj windows add shop --kind deny --schedule '0 22 * * *' --duration 8h --applications '*' --time-zone Europe/Berlin"
)]
pub(crate) struct Add {
    /// Name of the project.
    #[arg(value_name = "PROJECT")]
    project: String,
    /// What it does while it is active. While any allow window is about an application, it syncs in those only.
    #[arg(short, long, value_enum)]
    kind: Kind,
    #[command(flatten)]
    when: super::update::When,
    /// A person may sync all the same.
    #[arg(long)]
    manual_sync: bool,
    /// What began before may go on.
    #[arg(long)]
    sync_overrun: bool,
    /// Every list that is given must match, not one of them.
    #[arg(long)]
    use_and_operator: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Syncs are allowed.
    Allow,
    /// Syncs are denied.
    Deny,
}

impl Add {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let mut window = SyncWindow {
            kind: if self.kind == Kind::Allow { WindowKind::Allow } else { WindowKind::Deny },
            manual_sync: self.manual_sync,
            sync_overrun: self.sync_overrun,
            and_operator: self.use_and_operator,
            rest: Map::new(),
            ..SyncWindow::default()
        };
        self.when.put(&mut window);
        if window.applications.is_empty() && window.namespaces.is_empty() && window.clusters.is_empty() {
            bail!("a window that names nothing is about nothing: give --applications '*', --namespaces or --clusters");
        }
        edit(client, &self.project, "it has this window already", |spec| {
            let new = !spec.sync_windows.contains(&window);
            if new {
                spec.sync_windows.push(window.clone());
            }
            Ok(new)
        })
        .await
    }
}
