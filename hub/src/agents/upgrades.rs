//! Upgrades of agents, carried out: whoever is due is asked, and asked again, until each cluster's answer is in the store.
//!
//! Nothing is kept here: a hub that starts goes on with what the store has. A change that somebody else made meanwhile wins, and the next round reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use windlass_domain::question::{Question, RefusalCode, What};
use windlass_domain::upgrade::own::{Answer, Request};
use windlass_domain::upgrade::{Entry, Event, Stage, Standing, Upgrade, step};
use windlass_runtime::clock::Clock;
use windlass_store::{Expected, Store, StoredUpgrade};

use super::calls::{AgentCalls, CallError, Calls};
use super::registry::Registry;

/// Time between two rounds while agents are changed.
const ROUND: Duration = Duration::from_secs(3);
/// Time between two looks while the upgrade only waits for clusters that are away.
const PATIENT: Duration = Duration::from_secs(15);
/// How long an agent may take for its answer; it looks at its Deployment and its Pods.
const ANSWER: Duration = Duration::from_secs(15);
const MOST_BYTES: usize = 64 * 1024;
/// Agents that are asked at once.
const AT_ONCE: usize = 32;
/// Given-up clusters may still say what became of them, for so long after the upgrade began.
const MEMORY: Duration = Duration::from_secs(86_400);

/// Carries out the newest upgrade until told to stop.
pub async fn run(store: Arc<dyn Store>, registry: Registry, clock: Clock, stop: CancellationToken) {
    let driver = Driver { calls: Calls::new(registry.clone(), clock.clone()), store, registry, clock };
    tokio::select! {
        () = stop.cancelled() => {}
        () = driver.drive() => {}
    }
}

struct Driver {
    store: Arc<dyn Store>,
    registry: Registry,
    calls: Calls,
    clock: Clock,
}

/// When the next round is.
enum Next {
    In(Duration),
    /// When something was written.
    OnChange,
}

// === impl Driver ===

impl Driver {
    async fn drive(&self) {
        let mut newest = self.store.newest();
        loop {
            newest.mark_unchanged();
            let next = self.round().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "an upgrade of agents could not go on; it is tried again");
                Next::In(PATIENT)
            });
            match next {
                Next::In(wait) => self.clock.sleep(wait).await,
                Next::OnChange => {
                    // Gone with the store; then there is nothing to do.
                    if newest.changed().await.is_err() {
                        return;
                    }
                    self.clock.sleep(ROUND).await;
                }
            }
        }
    }

    async fn round(&self) -> windlass_store::Result<Next> {
        let Some(stored) = self.store.upgrades(1).await?.pop() else { return Ok(Next::OnChange) };
        let remembered = stored.upgrade.started_at + MEMORY > self.clock.now();
        let lost = stored.upgrade.clusters.iter().any(|entry| matches!(entry.stage, Stage::Lost { .. }));
        if stored.upgrade.is_over() && !(lost && remembered) {
            return Ok(Next::OnChange);
        }
        let fleet = self.fleet(&stored.upgrade).await?;
        // What is about to be asked is written first: a hub that dies in between asks again.
        let Some(stored) = self.take(stored, &[Event::Tick], &fleet).await? else { return Ok(Next::In(ROUND)) };
        let events = self.ask(&stored.upgrade, &fleet).await;
        let fleet = self.fleet(&stored.upgrade).await?;
        let Some(stored) = self.take(stored, &events, &fleet).await? else { return Ok(Next::In(ROUND)) };
        Ok(Next::In(if stored.upgrade.is_under_way() { ROUND } else { PATIENT }))
    }

    /// What was decided, stored; `None` where somebody else has changed it.
    async fn take(
        &self,
        stored: StoredUpgrade,
        events: &[Event],
        fleet: &BTreeMap<Uuid, Standing>,
    ) -> windlass_store::Result<Option<StoredUpgrade>> {
        let now = self.clock.now();
        let decided = events.iter().fold(stored.upgrade.clone(), |upgrade, event| step(upgrade, event, fleet, now));
        if decided == stored.upgrade {
            return Ok(Some(stored));
        }
        log(&stored.upgrade, &decided);
        match self.store.put_upgrade(&decided, Expected::Revision(stored.revision)).await {
            Ok(stored) => Ok(Some(stored)),
            Err(windlass_store::Error::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The clusters that there are. When a cluster was verified is read only of those that are changed right now.
    async fn fleet(&self, upgrade: &Upgrade) -> windlass_store::Result<BTreeMap<Uuid, Standing>> {
        let there: BTreeSet<Uuid> = self.store.clusters().await?.iter().map(|cluster| cluster.uid).collect();
        let mut fleet = BTreeMap::new();
        for Entry { cluster, name, stage } in upgrade.clusters.iter().filter(|entry| there.contains(&entry.cluster)) {
            let verified_at = match stage {
                Stage::Asked { .. } => self.store.cluster_view(name).await?.and_then(|view| view.verified_at),
                _ => None,
            };
            fleet.insert(*cluster, Standing { connected: self.registry.is_connected(*cluster), verified_at });
        }
        Ok(fleet)
    }

    async fn ask(&self, upgrade: &Upgrade, fleet: &BTreeMap<Uuid, Standing>) -> Vec<Event> {
        let request = Request { id: upgrade.id, to: upgrade.to.clone(), patience_seconds: upgrade.patience_seconds };
        let asked = upgrade.due(fleet).into_iter().map(|cluster| {
            let request = request.clone();
            async move { self.ask_one(cluster, request).await }
        });
        futures::stream::iter(asked).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
    }

    async fn ask_one(&self, cluster: Uuid, request: Request) -> Option<Event> {
        let question = Question { application: Uuid::nil(), what: What::Upgrade(request) };
        let answer = async { self.calls.ask(cluster, &question, ANSWER).await?.json::<Answer>(MOST_BYTES).await };
        match answer.await {
            Ok(answer) => Some(Event::Answered { cluster, answer }),
            Err(CallError::Refused(refused)) if refused.code == RefusalCode::Unsupported => {
                let reason = "its agent is too old to be upgraded from here: run the command that windlass cluster token prints for it";
                Some(Event::Refused { cluster, reason: reason.into() })
            }
            // It is being replaced, or the apiserver there does not answer: it is asked again.
            Err(error) => {
                tracing::debug!(%cluster, %error, "a cluster's agent did not say how far its upgrade is");
                None
            }
        }
    }
}

fn log(before: &Upgrade, after: &Upgrade) {
    for entry in &after.clusters {
        let stage = before.stage(entry.cluster);
        if stage.is_some_and(|stage| std::mem::discriminant(stage) != std::mem::discriminant(&entry.stage)) {
            tracing::info!(upgrade = %after.id, cluster = entry.name, stage = ?entry.stage, "an agent's upgrade");
        }
    }
    if let (None, Some(why)) = (&before.stopped, &after.stopped) {
        tracing::warn!(upgrade = %after.id, why, "the upgrade of agents was stopped");
    }
}
