//! The loop that owns every target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_domain::live::DryRun;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::target::TargetRow;
use windlass_domain::time::Timestamp;
use windlass_runtime::clock::Clock;

use super::carry_out::Turns;
use super::contents::{Completion, Contents};
use super::execute::Executor;
use super::input::Input;
use super::keep::Keeper;
use super::kinds::Missing;
use super::running::Running;
use super::target::{Record, Target, inventory_name, record_name, row_name};
use super::unused::Proof;
use super::watched::Watched;
use crate::desired::Durable;
use crate::link;
use crate::observe::{Event, Pauses, Watches};

/// How many inputs are taken before dirty targets are evaluated: bounds the delay of each under a storm.
const BATCH: usize = 256;
/// The most dry-run answers that are kept.
pub(super) const MAX_DRY_RUNS: usize = 20_000;

/// A step of the wall clock that is not worth a word.
const CLOCK_TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);
/// How long a start waits to hear which namespaces are paused.
const PAUSES_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// What the engine works with.
pub struct Parts {
    /// Our installation's id, for ownership.
    pub installation: String,
    /// Time.
    pub clock: Clock,
    /// The durable copy.
    pub durable: Durable,
    /// The cluster's watches.
    pub watches: Watches,
    /// What the cluster serves.
    pub discovery: Discovery,
    /// Carries out actions and questions.
    pub executor: Executor,
    /// Has the cluster's resource list read again.
    pub rediscover: mpsc::Sender<()>,
    /// The namespace that the agent runs in: a pause of it pauses everything.
    pub home: String,
    /// To the hub.
    pub link: mpsc::Sender<link::Input>,
    /// Asks the hub for contents.
    pub fetcher: Arc<dyn Fetch>,
}

/// Asks the hub for contents; the answer is verified.
#[async_trait::async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Contents by address: what the hub has of them, or why nothing came.
    async fn fetch(&self, digests: Vec<Digest>) -> Result<Vec<(Digest, bytes::Bytes)>, String>;
}

/// The engine's state. Its fields are shared with the files of this module that do its work.
pub struct Engine {
    pub(super) parts: Parts,
    pub(super) targets: BTreeMap<Uuid, Target>,
    pub(super) watched: Watched,
    pub(super) contents: Contents,
    /// Who waits for which contents.
    pub(super) awaited: BTreeMap<Digest, BTreeSet<Uuid>>,
    pub(super) dry_runs: BTreeMap<(Digest, String), DryRun>,
    pub(super) dry_running: BTreeSet<(Digest, String)>,
    /// Objects whose baseline is being made anew.
    pub(super) rebasing: BTreeSet<ResourceKey>,
    /// Of objects that left git and take others along.
    pub(super) proofs: BTreeMap<ResourceKey, Proof>,
    /// A sweep for lost inventories: `Some(None)` while it is under way, `Some(Some(at))` when it is tried again then.
    pub(super) recover_at: Option<Option<Timestamp>>,
    /// Kinds that are owned and not served.
    pub(super) missing: Missing,
    /// Namespaces that an operator paused; `None` while that is not known yet.
    pub(super) pauses: Option<Pauses>,
    /// When it is taken for none.
    pub(super) unpaused_at: Timestamp,
    pub(super) dirty: BTreeSet<Uuid>,
    /// Actions that wait for their turn.
    pub(super) turns: Turns,
    /// Records on their way to the durable copy.
    pub(super) keeper: Keeper,
    /// Kinds, as `group/version` and kind, that were named when it was last decided what is watched; `None`: it is decided anew.
    pub(super) watched_kinds: Option<BTreeSet<(String, String)>>,
    /// Operations since contents that nobody names any more were last dropped.
    pub(super) operations: usize,
    pub(super) inbox: mpsc::Sender<Input>,
    /// The latest time that the engine saw.
    latest: Timestamp,
}

// === impl Engine ===

impl Engine {
    /// An engine over what the durable copy holds.
    pub fn restore(parts: Parts, inbox: mpsc::Sender<Input>) -> Self {
        let contents = Contents::new(parts.durable.clone());
        let mut engine = Self {
            contents,
            targets: BTreeMap::new(),
            watched: Watched::default(),
            awaited: BTreeMap::new(),
            dry_runs: BTreeMap::new(),
            dry_running: BTreeSet::new(),
            rebasing: BTreeSet::new(),
            proofs: BTreeMap::new(),
            recover_at: None,
            missing: Missing::default(),
            pauses: None,
            unpaused_at: parts.clock.now() + PAUSES_LIMIT,
            dirty: BTreeSet::new(),
            operations: usize::MAX - 1,
            turns: Turns::default(),
            keeper: Keeper::default(),
            watched_kinds: None,
            inbox,
            latest: parts.clock.now(),
            parts,
        };
        for (name, bytes) in engine.parts.durable.with_prefix("row/") {
            match serde_json::from_slice::<TargetRow>(&bytes) {
                Ok(row) => engine.restore_target(row),
                Err(error) => warn!(record = name, %error, "a durable row is unreadable; the hub is asked again"),
            }
        }
        let frozen = engine.parts.durable.read("frozen").map(|bytes| serde_json::from_slice::<BTreeSet<Uuid>>(&bytes));
        for (application, target) in &mut engine.targets {
            // Where it cannot be read which ones are, the intake names that, and all of them are until the hub's list says otherwise.
            target.frozen =
                frozen.as_ref().is_some_and(|read| read.as_ref().map_or(true, |of| of.contains(application)));
        }
        engine.ensure_watches();
        engine
    }

    fn restore_target(&mut self, row: TargetRow) {
        let application = row.application();
        let mut target = Target::new(row);
        let durable = &self.parts.durable;
        let records = (durable.read(&record_name(application)), durable.read(&inventory_name(application)));
        let restored = match &records {
            (Some(record), Some(inventory)) => target.restore(record, inventory),
            _ => Err("it is not there".to_owned()),
        };
        if let Err(error) = restored {
            // Without its inventory nothing of this target may be deleted; what git names is claimed again by its tracking-id.
            warn!(%application, error, "a target's durable state cannot be read; it is rebuilt from the cluster");
            target.record.lost = true;
        }
        if let Some((bundle, settings, revision)) = target.record.desired.clone()
            && let Completion::Complete(complete, _) = self.contents.assemble(bundle, settings, &revision)
        {
            target.desired = Some(complete);
        }
        target.running = self.cut_off(&mut target.record);
        self.targets.insert(application, target);
        self.update_interest(application);
        self.dirty.insert(application);
    }

    /// The operation that a restart cut off. One whose bundle is not at hand any more is planned anew.
    fn cut_off(&self, record: &mut Record) -> Option<Box<Running>> {
        let recorded = record.running.clone()?;
        let to = match recorded.to() {
            None => None,
            Some((bundle, settings, revision)) => match self.contents.assemble(*bundle, *settings, revision) {
                Completion::Complete(complete, _) => Some(complete),
                Completion::Missing(_) | Completion::Unreadable(_) => {
                    record.running = None;
                    return None;
                }
            },
        };
        Some(Box::new(recorded.resume(to)))
    }

    /// Runs until told to stop. What was begun in the cluster is finished by its own task; its outcome is seen again after a restart.
    ///
    /// What watches saw comes in a channel of its own: however much that is, what the hub, people and the engine's own work say does not wait behind it.
    pub async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Input>,
        mut seen: mpsc::Receiver<Event>,
        stop: CancellationToken,
    ) {
        loop {
            self.mend_times();
            self.evaluate_dirty().await;
            self.take_turns();
            self.write_kept();
            self.ensure_watches();
            let wake = self.targets.values().filter_map(|t| t.wake_at).chain(self.keeper.due()).min();
            let clock = self.parts.clock.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                input = inbox.recv() => match input {
                    Some(input) => self.take(input).await,
                    None => return,
                },
                Some(event) = seen.recv() => self.observed(event),
                () = sleep_until(&clock, wake) => self.wake_due(),
            }
            for _ in 0..BATCH {
                match (inbox.try_recv(), seen.try_recv()) {
                    (Err(_), Err(_)) => break,
                    (input, event) => {
                        if let Ok(event) = event {
                            self.observed(event);
                        }
                        if let Ok(input) = input {
                            self.take(input).await;
                        }
                    }
                }
            }
        }
    }

    /// A resumed machine or NTP may step the wall clock back by hours: nothing that is due in seconds may wait for as long.
    fn mend_times(&mut self) {
        let now = self.parts.clock.now();
        let back = self.latest.duration_since(now);
        if back > CLOCK_TOLERANCE {
            warn!(seconds = back.as_secs(), "the clock stepped back");
            self.targets.values_mut().for_each(|target| target.stepped_back(back));
            self.keeper.stepped_back(back);
        }
        self.latest = now;
    }

    fn wake_due(&mut self) {
        let now = self.parts.clock.now();
        for (application, target) in &mut self.targets {
            if target.wake_at.is_some_and(|at| at <= now) {
                target.wake_at = None;
                self.dirty.insert(*application);
            }
        }
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Rows { changed, finished, frozen, first } => {
                self.take_rows(changed, finished, &frozen, first).await;
            }
            Input::Content { digest, bytes } => {
                self.stage(digest, bytes);
                self.arrived(digest);
            }
            Input::Fetched { asked, result } => self.take_fetched(&asked, result),
            Input::Discovered(discovery) => self.discovered(discovery).await,
            Input::Paused(pauses) => {
                self.pauses = Some(pauses);
                self.dirty.extend(self.targets.keys());
            }
            Input::Kept(result) => self.kept(result).await,
            Input::Looked { key, found } => self.looked(key, found),
            Input::DryRan { digest, uid, answer } => self.dry_ran(digest, uid, answer),
            Input::Manifests { application, reply } => {
                // Whoever asked may have gone.
                let _ = reply.send(self.manifests(application));
            }
            Input::Judged(verdict) => self.judged(verdict),
            Input::Rebased { application, key, digest, result } => self.rebased(application, &key, digest, result),
            Input::Swept(found) => self.recovered(found),
            Input::Proved { key, uid, unused } => self.proved(key, uid, unused),
            Input::Outcome { application, operation, action, result } => {
                self.outcome(application, operation, action, result).await;
            }
            Input::Facts { application, reply } => {
                // Who asked may have given up.
                let _ = reply.send(self.facts(application));
            }
            Input::Said { application, key, reply } => {
                let _ = reply.send(self.said(application, &key));
            }
            answer @ (Input::Checked { .. } | Input::Cleaned { .. }) => self.answered(answer).await,
        }
    }

    async fn take_rows(&mut self, changed: Vec<TargetRow>, finished: Vec<Uuid>, frozen: &BTreeSet<Uuid>, first: bool) {
        for row in changed {
            let application = row.application();
            let target = self.targets.entry(application).or_insert_with(|| {
                let mut target = Target::new(row.clone());
                // The hub's first word to this state directory, which may not be the first to this cluster; or the end of what was never begun here.
                target.record.lost = first || matches!(row, TargetRow::Removing(_));
                target
            });
            let bundle = |row: &TargetRow| {
                if let TargetRow::Present(spec) = row { Some((spec.bundle, spec.settings)) } else { None }
            };
            if bundle(&target.row) != bundle(&row) {
                (target.fetch_at, target.fetches_failed) = (None, 0);
            }
            target.row = row;
            // A person or a commit changed something: what failed before may work now.
            target.retry_at = None;
            self.dirty.insert(application);
        }
        for application in finished {
            self.drop_target(application);
        }
        for (application, target) in &mut self.targets {
            let is_frozen = frozen.contains(application);
            if target.frozen != is_frozen {
                target.frozen = is_frozen;
                self.dirty.insert(*application);
            }
        }
    }

    /// The hub knows that the removal is finished: nothing of ours is left, or it was left on purpose.
    fn drop_target(&mut self, application: Uuid) {
        self.awaits(application, []);
        if let Some(target) = self.targets.remove(&application) {
            info!(application = %target.name(), "target removed");
            self.watched.forget(application);
            let records = [record_name(application), inventory_name(application), row_name(application)];
            self.keep_dropped(application, records.into_iter().map(|name| (name, None)).collect());
            self.collect();
            self.watched_kinds = None;
        }
    }

    async fn discovered(&mut self, discovery: Discovery) {
        let discovery = discovery.keeping(&self.parts.discovery);
        self.missing.read(&discovery, self.parts.clock.now());
        if discovery != self.parts.discovery {
            self.lose_kinds(&discovery);
            self.parts.discovery = discovery.clone();
            self.watched_kinds = None;
            self.ensure_watches();
            let all: Vec<Uuid> = self.targets.keys().copied().collect();
            for application in all {
                // A kind that is served only now says whether its objects live in a namespace.
                self.update_interest(application);
                if let Some(target) = self.targets.get_mut(&application) {
                    target.retry_at = None;
                    target.kinds_changed = target.running.is_some();
                }
                self.dirty.insert(application);
                self.kinds_came(application);
            }
            self.tell(link::Input::Discovered(discovery)).await;
        }
    }

    /// The link empties its inbox whether or not the hub is there: this never waits for the hub.
    pub(super) async fn tell(&self, input: link::Input) {
        if self.parts.link.send(input).await.is_err() {
            warn!("the link is gone; the agent is stopping");
        }
    }

    /// What a target names and owns, so that events of it reach it.
    pub(super) fn update_interest(&mut self, application: Uuid) {
        let Some(target) = self.targets.get(&application) else { return };
        let namespace = target.owner("").default_namespace;
        let named = target.desired.iter().flat_map(|d| d.bundle.entries.iter()).map(|entry| {
            let served = self.parts.discovery.find(&entry.api_version, &entry.key.kind);
            entry.key.clone().in_namespace(&namespace, served.is_none_or(|r| r.namespaced))
        });
        let acted = target.running.iter().flat_map(|running| &running.operation.plan().actions);
        let acted = acted.map(|action| self.scoped(target, action));
        let keys: BTreeSet<_> = named.chain(acted).chain(target.inventory.entries.keys().cloned()).collect();
        if let Some(target) = self.targets.get_mut(&application) {
            // The answer to a question that nobody asks any more finds nobody.
            target.looking.retain(|key| keys.contains(key));
            target.resting.retain(|key| keys.contains(key));
        }
        self.watched.interest(application, keys);
    }
}

async fn sleep_until(clock: &Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
