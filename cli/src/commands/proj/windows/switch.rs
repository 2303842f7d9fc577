//! `windlass proj windows delete|enable-…|disable-…`: one change to one window.

use anyhow::bail;
use clap::Args;
use windlass_domain::project::{ProjectSpec, SyncWindow};

use crate::client::Client;
use crate::commands::proj::edit::edit;

/// Delete a window.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj windows delete shop 0")]
pub(crate) struct Delete {
    #[command(flatten)]
    window: WindowArgs,
}

/// Let people sync while a window blocks.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj windows enable-manual-sync shop 0")]
pub(crate) struct EnableManualSync {
    #[command(flatten)]
    window: WindowArgs,
}

/// Let nobody sync while a window blocks.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj windows disable-manual-sync shop 0")]
pub(crate) struct DisableManualSync {
    #[command(flatten)]
    window: WindowArgs,
}

/// Let a sync go on that began before a window blocks.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj windows enable-sync-overrun shop 0")]
pub(crate) struct EnableSyncOverrun {
    #[command(flatten)]
    window: WindowArgs,
}

/// Pause a sync that began before a window blocks.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj windows disable-sync-overrun shop 0")]
pub(crate) struct DisableSyncOverrun {
    #[command(flatten)]
    window: WindowArgs,
}

#[derive(Args)]
struct WindowArgs {
    /// Name of the project.
    #[arg(value_name = "PROJECT")]
    project: String,
    /// Its number in `proj windows list`.
    id: usize,
}

impl Delete {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let WindowArgs { project, id } = self.window;
        edit(client, &project, "", |spec| {
            at(spec, id)?;
            spec.sync_windows.remove(id);
            Ok(true)
        })
        .await
    }
}

impl EnableManualSync {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        change(client, &self.window.project, self.window.id, |window| window.manual_sync = true).await
    }
}

impl DisableManualSync {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        change(client, &self.window.project, self.window.id, |window| window.manual_sync = false).await
    }
}

impl EnableSyncOverrun {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        change(client, &self.window.project, self.window.id, |window| window.sync_overrun = true).await
    }
}

impl DisableSyncOverrun {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        change(client, &self.window.project, self.window.id, |window| window.sync_overrun = false).await
    }
}

/// Changes one window.
pub(super) async fn change(
    client: &Client,
    project: &str,
    id: usize,
    change: impl Fn(&mut SyncWindow),
) -> anyhow::Result<()> {
    edit(client, project, "the window is so already", |spec| {
        let window = at(spec, id)?;
        let before = window.clone();
        change(window);
        Ok(*window != before)
    })
    .await
}

fn at(spec: &mut ProjectSpec, id: usize) -> anyhow::Result<&mut SyncWindow> {
    let count = spec.sync_windows.len();
    let Some(window) = spec.sync_windows.get_mut(id) else {
        bail!("window {id}: there are {count}; `windlass proj windows list` numbers them from 0");
    };
    Ok(window)
}
