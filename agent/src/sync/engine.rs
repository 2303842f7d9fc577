//! The loop that owns every target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;
use windlass_domain::bundle::{Bundle, BundleEntry};
use windlass_domain::digest::Digest;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::live::DryRun;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::target::TargetRow;
use windlass_domain::time::Timestamp;
use windlass_runtime::clock::Clock;

use super::contents::{Completion, Contents};
use super::execute::Executor;
use super::input::Input;
use super::keep::Keeper;
use super::kinds::Missing;
use super::running::{Recorded, Running};
use super::target::{Record, Target, inventory_name, record_name, row_name};
use super::unused::Proof;
use super::watched::Watched;
use crate::desired::Durable;
use crate::link;
use crate::observe::{Pauses, Watches};

/// How many inputs are taken before dirty targets are evaluated: bounds the delay of each under a storm.
const BATCH: usize = 256;
/// The most dry-run answers that are kept.
pub(super) const MAX_DRY_RUNS: usize = 20_000;

/// A step of the wall clock that is not worth a word.
const CLOCK_TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);
/// How long a start waits to hear which namespaces are paused.
const PAUSES_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);
/// Operations between two collections of contents that nobody names any more, or as many as there are targets: a collection looks at all of them.
const COLLECT_EVERY: usize = 32;

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
    awaited: BTreeMap<Digest, BTreeSet<Uuid>>,
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
    /// Records on their way to the durable copy.
    pub(super) keeper: Keeper,
    /// Kinds, as `group/version` and kind, that were named when it was last decided what is watched; `None`: it is decided anew.
    watched_kinds: Option<BTreeSet<(String, String)>>,
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
        let frozen =
            engine.parts.durable.read("frozen").and_then(|b| serde_json::from_slice::<BTreeSet<Uuid>>(&b).ok());
        for application in frozen.unwrap_or_default() {
            if let Some(target) = engine.targets.get_mut(&application) {
                target.frozen = true;
            }
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
    fn cut_off(&self, record: &mut Record) -> Option<Running> {
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
        Some(recorded.resume(to))
    }

    /// Runs until told to stop. What was begun in the cluster is finished by its own task; its outcome is seen again after a restart.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Input>, stop: CancellationToken) {
        loop {
            self.mend_times();
            self.evaluate_dirty().await;
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
                () = sleep_until(&clock, wake) => self.wake_due(),
            }
            for _ in 0..BATCH {
                let Ok(input) = inbox.try_recv() else { break };
                self.take(input).await;
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
            Input::Observed(event) => self.observed(event),
            Input::Discovered(discovery) => self.discovered(discovery).await,
            Input::Paused(pauses) => {
                self.pauses = Some(pauses);
                self.dirty.extend(self.targets.keys());
            }
            Input::Kept(result) => self.kept(result).await,
            Input::Looked { key, found } => self.looked(key, found),
            Input::DryRan { digest, uid, answer } => self.dry_ran(digest, uid, answer),
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

    fn take_fetched(&mut self, asked: &[Digest], result: Result<Vec<(Digest, bytes::Bytes)>, String>) {
        for digest in asked {
            self.contents.fetching.remove(digest);
        }
        let waiting: BTreeSet<Uuid> =
            asked.iter().filter_map(|digest| self.awaited.get(digest)).flatten().copied().collect();
        let failed = match result {
            Ok(contents) => {
                let lacking = contents.len() < asked.len();
                for (digest, bytes) in contents {
                    self.stage(digest, bytes);
                    self.arrived(digest);
                }
                lacking.then(|| "the hub does not have some of them (any more)".to_owned())
            }
            Err(error) => Some(error),
        };
        let now = self.parts.clock.now();
        if let Some(error) = &failed {
            warn!(error, count = asked.len(), "contents could not be fetched; it is tried again");
        }
        for application in waiting {
            let Some(target) = self.targets.get_mut(&application) else { continue };
            if failed.is_some() && !target.lacks.is_empty() {
                target.fetches_failed = target.fetches_failed.saturating_add(1);
                let again = now + std::time::Duration::from_secs(2 << target.fetches_failed.min(5));
                target.fetch_at = Some(again);
                target.wake(again);
            } else {
                target.fetches_failed = 0;
                self.dirty.insert(application);
            }
        }
    }

    /// A target waits for these contents, and for no others.
    pub(super) fn awaits(&mut self, application: Uuid, digests: impl IntoIterator<Item = Digest>) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let before = std::mem::replace(&mut target.lacks, digests.into_iter().collect());
        for digest in before.difference(&target.lacks) {
            if let Some(waiting) = self.awaited.get_mut(digest) {
                waiting.remove(&application);
                if waiting.is_empty() {
                    self.awaited.remove(digest);
                }
            }
        }
        for digest in target.lacks.difference(&before) {
            self.awaited.entry(*digest).or_default().insert(application);
        }
    }

    /// A content came: whoever waited for nothing else looks at its bundle again.
    fn arrived(&mut self, digest: Digest) {
        for application in self.awaited.remove(&digest).unwrap_or_default() {
            let Some(target) = self.targets.get_mut(&application) else { continue };
            target.lacks.remove(&digest);
            if target.lacks.is_empty() {
                self.dirty.insert(application);
            }
        }
    }

    /// Keeps a content until its bundle is complete; contents of bundles that newer ones took the place of make room.
    fn stage(&mut self, digest: Digest, bytes: bytes::Bytes) {
        if !self.contents.stage(digest, bytes.clone()) {
            let keep = self.referenced();
            self.contents.retain(&keep);
            self.contents.stage(digest, bytes);
        }
    }

    async fn discovered(&mut self, discovery: Discovery) {
        let discovery = discovery.keeping(&self.parts.discovery);
        self.missing.read(&discovery, self.parts.clock.now());
        if discovery != self.parts.discovery {
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

    /// What is watched is decided anew: a target came, went or was rebuilt.
    pub(super) fn rewatch(&mut self) {
        self.watched_kinds = None;
    }

    /// A bundle became some target's desired one: where it names a kind that none named before, what is watched is decided anew.
    pub(super) fn rewatch_for(&mut self, bundle: &Bundle) {
        let Some(kinds) = &self.watched_kinds else { return };
        let is_known = |entry: &BundleEntry| kinds.contains(&(entry.api_version.clone(), entry.key.kind.clone()));
        if !bundle.entries.iter().all(is_known) {
            self.watched_kinds = None;
        }
    }

    /// Watches every kind that some target names or owns and that is served, where that is not done already.
    fn ensure_watches(&mut self) {
        if self.watched_kinds.is_some() {
            return;
        }
        let mut kinds: BTreeSet<(&str, &str)> = BTreeSet::new();
        for target in self.targets.values() {
            let running = target.running.as_ref().and_then(|running| running.to.as_ref());
            let bundles = target.desired.iter().chain(running);
            let named = bundles.flat_map(|d| d.bundle.entries.iter().map(|e| (&e.api_version, &e.key)));
            let owned = target.inventory.entries.iter().map(|(key, entry)| (&entry.api_version, key));
            kinds.extend(named.chain(owned).map(|(api_version, key)| (api_version.as_str(), key.kind.as_str())));
        }
        let find = |(version, kind): &(&str, &str)| self.parts.discovery.find(version, kind).cloned();
        let resources: BTreeSet<ApiResource> = kinds.iter().filter_map(find).collect();
        self.parts.watches.ensure(&resources);
        self.watched_kinds = Some(kinds.into_iter().map(|(version, kind)| (version.to_owned(), kind.to_owned())).collect());
    }

    /// Every content that some target's row, desired or synced bundle names.
    pub(super) fn referenced(&self) -> BTreeSet<Digest> {
        let (mut keep, mut bundles) = (BTreeSet::new(), BTreeSet::new());
        for target in self.targets.values() {
            if let TargetRow::Present(spec) = &target.row {
                bundles.insert(spec.bundle);
                keep.insert(spec.settings);
            }
            let running = target.record.running.iter().filter_map(Recorded::to);
            for (bundle, settings, _) in target.record.kept_bundles().chain(running) {
                bundles.insert(*bundle);
                keep.insert(*settings);
            }
        }
        let named: Vec<Digest> = keep.iter().filter_map(|settings| self.contents.named_by(settings)).collect();
        keep.extend(named);
        keep.extend(bundles.iter().flat_map(|bundle| self.members(*bundle)));
        keep.extend(bundles);
        keep
    }

    /// Now and then, and after the first operation of a process: contents of earlier bundles go.
    pub(super) fn collect(&mut self) {
        self.operations = self.operations.saturating_add(1);
        if self.operations >= COLLECT_EVERY.max(self.targets.len()) {
            self.operations = 0;
            self.keeper.collect();
            self.rewatch();
        }
    }

    /// Records of targets whose row is gone: what a crash in the middle of a removal left.
    pub(super) fn orphans(&self) -> impl Iterator<Item = (String, Option<bytes::Bytes>)> {
        let known: BTreeSet<String> =
            self.targets.keys().flat_map(|uid| [record_name(*uid), inventory_name(*uid)]).collect();
        let durable = &self.parts.durable;
        let records = durable.with_prefix("target/").into_iter().chain(durable.with_prefix("inventory/"));
        records.map(|(name, _)| name).filter(move |name| !known.contains(name)).map(|name| (name, None))
    }

    fn members(&self, bundle: Digest) -> Vec<Digest> {
        let bundle =
            self.contents.get(&bundle).and_then(|bytes| Bundle::from_bytes(&bytes).ok());
        bundle.map(|bundle| bundle.entries.iter().map(|e| e.digest).collect()).unwrap_or_default()
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
