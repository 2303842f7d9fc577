//! Learns what was written without this process being told: by another hub, or by a call whose answer was lost. While nothing is committed nothing is read.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use windlass_domain::digest::Digest;
use windlass_runtime::clock::Clock;
use windlass_store::{Error, Store};

use super::inbox::Inbox;

/// Between a change in the feed and the look at it: what is written here is told directly and was looked at by then, and many changes are one look.
const SETTLE: Duration = Duration::from_millis(500);
/// How long a store that does not answer is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells the inbox of records that people wrote.
pub(super) struct Follow {
    store: Arc<dyn Store>,
    inbox: Arc<Inbox>,
    clock: Clock,
    newest: watch::Receiver<u64>,
    /// What was read up to.
    cursor: u64,
    /// What applications' destinations depend on, as it was when they were last looked at for it.
    clusters: Option<Digest>,
}

// === impl Follow ===

impl Follow {
    pub(super) fn new(store: Arc<dyn Store>, inbox: Arc<Inbox>, clock: Clock) -> Self {
        let newest = store.newest();
        let cursor = *newest.borrow();
        Self { store, inbox, clock, newest, cursor, clusters: None }
    }

    /// Takes the clusters as they are now for known, as soon as the store says.
    pub(super) async fn begin(&mut self) {
        while self.clusters.is_none() {
            match self.read_clusters().await {
                Ok(clusters) => self.clusters = Some(clusters),
                Err(error) => self.pause(&error).await,
            }
        }
    }

    /// Follows until the store is closed.
    pub(super) async fn run(mut self) {
        loop {
            let doubted = tokio::select! {
                changed = self.newest.changed() => if changed.is_err() { return } else { false },
                () = self.inbox.clusters_doubted() => true,
            };
            let clusters = doubted || self.settle().await;
            while let Err(error) = self.look(clusters).await {
                self.pause(&error).await;
            }
        }
    }

    /// Lets more changes come; whether clusters are doubted meanwhile, which waits for nothing.
    async fn settle(&mut self) -> bool {
        let doubted = tokio::select! {
            () = self.clock.sleep(SETTLE) => false,
            () = self.inbox.clusters_doubted() => true,
        };
        self.newest.borrow_and_update();
        doubted
    }

    async fn look(&mut self, clusters: bool) -> Result<(), Error> {
        let written = self.store.written(self.cursor).await?;
        let found = if clusters || written.clusters { Some(self.read_clusters().await?) } else { None };
        self.cursor = written.revision;
        // Whoever changed the settings looks at every application too; it may have died before it did.
        let moved = (found.is_some() && found != self.clusters) || written.settings;
        self.clusters = found.or(self.clusters);
        if moved || !written.applications.is_empty() || !written.projects.is_empty() {
            self.inbox.ask(|asked| {
                asked.written.extend(written.applications);
                asked.clusters |= moved;
                asked.projects.extend(written.projects);
            });
        }
        Ok(())
    }

    /// Facts, which agents report, lead no application anywhere.
    async fn read_clusters(&self) -> Result<Digest, Error> {
        let clusters = self.store.clusters().await?;
        let mut named: Vec<_> = clusters
            .iter()
            .map(|cluster| (cluster.uid, &cluster.name, &cluster.labels, &cluster.server_aliases))
            .collect();
        named.sort_unstable();
        let bytes = serde_json::to_vec(&named).map_err(|error| Error::Corrupt(error.to_string()))?;
        Ok(Digest::of(&bytes))
    }

    async fn pause(&self, error: &Error) {
        tracing::error!(%error, "what was written could not be read; trying again");
        self.clock.sleep(PAUSE).await;
    }
}
