//! Lets go on what waited for other applications, as soon as these are ready. Needs neither git nor a render: what waits is desired already.

use std::sync::Arc;
use std::time::Duration;

use windlass_domain::name::ApplicationName;
use windlass_domain::target::PauseKind;
use windlass_runtime::clock::Clock;
use windlass_store::{Error, Store};

use super::pause;
use crate::agents::Registry;

/// Between a change in the feed and the look at who waits: many changes are one look.
const SETTLE: Duration = Duration::from_millis(200);
/// While somebody waits: facts are proved, and become old, without a change in the feed.
const EVERY: Duration = Duration::from_secs(5);

/// Looks at those who wait.
pub(super) struct Waits {
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Registry,
    pub(super) clock: Clock,
}

// === impl Waits ===

impl Waits {
    /// Until the store is closed.
    pub(super) async fn run(self) {
        let mut newest = self.store.newest();
        let mut somebody_waits = true;
        loop {
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return },
                () = self.clock.sleep(EVERY), if somebody_waits => {}
            }
            self.clock.sleep(SETTLE).await;
            newest.borrow_and_update();
            somebody_waits = match self.look().await {
                Ok(waiting) => waiting,
                Err(error) => {
                    tracing::warn!(%error, "who waits for other applications could not be read; trying again");
                    true
                }
            };
        }
    }

    /// Whether somebody still waits.
    async fn look(&self) -> Result<bool, Error> {
        let waiting = self.store.waiting().await?;
        let mut still = false;
        for name in waiting {
            still |= self.look_at(&name).await?;
        }
        Ok(still)
    }

    async fn look_at(&self, name: &ApplicationName) -> Result<bool, Error> {
        let Some(view) = self.store.application_view(name).await? else { return Ok(false) };
        let (application, now) = (&view.application, self.clock.now());
        let states = pause::states(&*self.store, application, now).await?;
        let circle = pause::circle_of(&*self.store, application).await?;
        let mut found = Vec::new();
        for target in &view.targets {
            let Some(spec) = &target.spec else { continue };
            let Some(before) = spec.paused.as_ref().filter(|paused| paused.kind == PauseKind::DependsOn) else {
                continue;
            };
            let waits = pause::waits(application, &spec.revision, target.cluster, &states);
            found.push((
                target.cluster,
                spec.bundle,
                pause::pause(application, &waits, circle.as_deref(), Some(before), now),
            ));
        }
        let still = found.iter().any(|(_, _, paused)| paused.is_some());
        let positions = self.store.set_waits(application.uid, &found).await?;
        if !positions.is_empty() {
            tracing::info!(application = %name, clusters = positions.len(), "what it waited for has changed");
        }
        self.registry.notify(&positions);
        Ok(still)
    }
}
