//! Where join files come from, and joining again by a new one while there is no session.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use uuid::Uuid;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::identity::JoinFile;
use windlass_runtime::clock::Clock;
use zeroize::Zeroizing;

use crate::home::Home;
use crate::identity::{self, Credentials, Files};
use crate::link::Connection;

/// The entry of a Secret.
pub(super) const JOIN_ENTRY: &str = "join.json";
/// Time between two looks while there is no session.
const LOOK: Duration = Duration::from_secs(5);

/// The place of a join file.
#[derive(Clone)]
pub(super) enum JoinSource {
    File(PathBuf),
    Secret(Home, String),
}

/// Looks for a new join file.
pub(super) struct Rejoining {
    pub(super) source: JoinSource,
    pub(super) credentials: Credentials,
    pub(super) files: Files,
    pub(super) facts: ClusterFacts,
    pub(super) clock: Clock,
}

// === impl JoinSource ===

impl JoinSource {
    /// For people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Secret(home, name) => format!("{JOIN_ENTRY} of Secret {}/{name}", home.namespace()),
        }
    }

    /// The text; nothing where there is none, or where it cannot be read now.
    pub(super) async fn text(&self) -> Option<Zeroizing<Vec<u8>>> {
        let found = match self {
            Self::File(path) => std::fs::read(path).ok().map(Zeroizing::new),
            Self::Secret(home, name) => home.entry(name, JOIN_ENTRY).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "Secret {}/{name} cannot be read yet", home.namespace());
                None
            }),
        };
        found.filter(|text| !text.is_empty())
    }

    /// A join file by which this agent has not joined yet.
    pub(super) async fn news(&self, files: &Files) -> Result<Option<(Uuid, JoinFile)>> {
        let Some(text) = self.text().await else { return Ok(None) };
        let file = read_join(&text, &self.place())?;
        let token = identity::token_of(&file)?;
        Ok(identity::is_new(files, token).await?.then_some((token, file)))
    }
}

// === impl Rejoining ===

impl Rejoining {
    /// Looks while there is no session, for ever. A file that is refused is not tried again.
    pub(super) async fn run(self, mut connection: watch::Receiver<Connection>) {
        let mut refused = None;
        loop {
            let is_down = |now: &Connection| matches!(now, Connection::Down { reason, .. } if !reason.is_empty());
            // The sender lives as long as the link.
            if connection.wait_for(is_down).await.is_err() {
                return;
            }
            if let Err(error) = self.once(&mut refused).await {
                tracing::error!("{error:#}; put a new join file into {}", self.source.place());
            }
            self.clock.sleep(LOOK).await;
        }
    }

    async fn once(&self, refused: &mut Option<Uuid>) -> Result<()> {
        let Some((token, file)) = self.source.news(&self.files).await? else { return Ok(()) };
        if *refused == Some(token) {
            return Ok(());
        }
        tracing::info!(place = self.source.place(), "there is a new join file");
        match identity::rejoin_running(&file, &self.credentials, &self.files, &self.facts, &self.clock).await {
            Ok(()) => Ok(()),
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, "joining again did not work yet");
                Ok(())
            }
            Err(error) => {
                *refused = Some(token);
                Err(error.into())
            }
        }
    }
}

/// The parser's words could repeat what it read, and that is a secret.
pub(super) fn read_join(text: &[u8], place: &str) -> Result<JoinFile> {
    serde_json::from_slice(text)
        .map_err(|e| anyhow::anyhow!("{place} is not a join file (line {}, column {})", e.line(), e.column()))
}
