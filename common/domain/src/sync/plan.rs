//! From how a target stands to what is done about it.

use serde::{Deserialize, Serialize};

use super::order::{self, Task};
use super::{Assessment, Facts, ObjectState, Standing, assess, hooks};
use crate::application::Cascade;
use crate::digest::Digest;
use crate::hook::{DeletePolicy, Phase};
use crate::manifest::ResourceKey;
use crate::status::Hold;
use crate::target::{OperationOptions, Selector};
use crate::traits::Traits;

/// What a sync is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intent {
    /// Whether objects that left git are deleted.
    pub prune: bool,
    /// Only what was changed or deleted in the cluster is restored; what git changed waits for a sync. No hooks.
    pub heal_only: bool,
    /// A person asked: what waits for a confirmation is waited for, and the server is asked first.
    pub manual: bool,
    /// The operation and its attempt, in a form that names may have: names and marks of hooks are made of it.
    pub run: String,
    /// What the person asked otherwise.
    pub options: OperationOptions,
}

/// Actions in the order in which they are carried out; those of one group may run at the same time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncPlan {
    /// What is done.
    pub actions: Vec<SyncAction>,
    /// Deletions that were left out, because they wait for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Objects that were left alone: key and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<(ResourceKey, String)>,
    /// The first wave that lacks an object that was left alone: later ones do not begin.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped_wave: i32,
    /// Objects that git no longer has and that were kept: key and why. No failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<(ResourceKey, String)>,
    /// Whether the server is asked first.
    pub dry_run: DryRunStage,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(wave: &i32) -> bool {
    *wave == 0
}

/// Whether the server is asked what it would say before anything is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DryRunStage {
    /// No.
    #[default]
    No,
    /// It is; a refusal ends the operation with nothing written.
    First,
    /// It is, and nothing is written after it.
    Only,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncAction {
    /// Groups run one after the other; a group lies in one phase and wave.
    pub group: u32,
    /// Its phase.
    pub phase: Phase,
    /// Its wave.
    pub wave: i32,
    /// What is done.
    pub verb: Verb,
    /// To what, the namespace filled in; the name of a `generateName` object ends in `*` until it is made.
    pub key: ResourceKey,
    /// `group/version`.
    pub api_version: String,
    /// Why, for people.
    pub reason: String,
    /// How it is written.
    #[serde(default, skip_serializing_if = "WriteOptions::is_default")]
    pub options: WriteOptions,
    /// What makes it a hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookTask>,
    /// It waits for a person's confirmation ([`Event::Confirmed`](crate::operation::Event::Confirmed)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
}

/// What makes an action a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookTask {
    /// Which run of which operation it is: written on the object ([`crate::hook::MARK`]). An object that carries it was made by this very action.
    pub mark: String,
    /// When it is deleted; never empty.
    pub delete: Vec<DeletePolicy>,
}

/// How an object is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WriteOptions {
    /// Replaced instead of applied.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// Deleted and made again where it cannot be changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Without the server's field validation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_validation: bool,
    /// Live values of ignored fields are sent along.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub respect_ignored: bool,
    /// Not asked about first when its kind is not served.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_dry_run_on_missing: bool,
}

/// What is done to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// Made when missing; claims nothing (CreateNamespace).
    EnsureNamespace,
    /// Server-side apply.
    Apply {
        /// The manifest.
        digest: Digest,
        /// Whether the object is there without being ours yet: its previous owner's fields are taken over.
        adopt: bool,
    },
    /// Made under a name that the server completes, once per operation; nothing is kept of it (`generateName`).
    Create {
        /// The manifest.
        digest: Digest,
    },
    /// A hook is made: found by its mark, or made anew after what has its name is gone.
    RunHook {
        /// The manifest.
        digest: Digest,
    },
    /// Looked at only: it is as git says, and what comes in later waves waits until it is healthy.
    Await,
    /// Deleted, when its uid is still this one, and forgotten once it is proved gone.
    Delete {
        /// The object that was assessed.
        uid: String,
        /// How the garbage collector treats dependants.
        propagation: Cascade,
    },
    /// Dropped from the inventory: it is proved gone, or somebody else's.
    Forget,
}

/// Plans a sync of what [`assess`] finds.
pub fn plan(facts: &Facts<'_>, intent: &Intent) -> (Assessment, SyncPlan) {
    let assessment = assess(facts);
    if facts.settings.observe {
        return (assessment, SyncPlan::default());
    }
    let mut planned = Planned { facts, intent, tasks: Vec::new(), plan: SyncPlan::default() };
    for (key, standing) in &assessment.objects {
        planned.object(key, standing, &assessment);
    }
    if !intent.is_partial() {
        planned.tasks.extend(hooks::generated(facts, intent));
        if !intent.options.apply_only {
            planned.tasks.extend(hooks::of_sync(facts, &intent.run));
        }
    }
    planned.ensure_namespace();
    let Planned { tasks, mut plan, .. } = planned;
    plan.actions = order::arrange(tasks);
    plan.drop_idle_waits();
    plan.hold = assessment.hold.clone().filter(|_| intent.prune && !intent.heal_only);
    plan.dry_run = plan.stage(intent);
    (assessment, plan)
}

/// A plan in the making.
struct Planned<'a> {
    facts: &'a Facts<'a>,
    intent: &'a Intent,
    tasks: Vec<Task>,
    plan: SyncPlan,
}

impl Planned<'_> {
    fn object(&mut self, key: &ResourceKey, standing: &Standing, assessment: &Assessment) {
        if !Selector::choose(&self.intent.options.resources, key) {
            return;
        }
        match (&standing.state, standing.digest) {
            (ObjectState::Gone, _) => self.push(key, standing, Verb::Forget, "gone"),
            (ObjectState::Extra(uid), _) => self.deletion(key, standing, uid, false, assessment),
            (ObjectState::Unconfirmed(uid), _) => {
                self.deletion(key, standing, uid, !self.facts.deletion_confirmed, assessment);
            }
            (ObjectState::Kept(option), _) => {
                if self.intent.prune && !self.intent.heal_only {
                    self.plan.kept.push((key.clone(), format!("{option} keeps it")));
                }
            }
            // What was brought already is not written again because nobody can tell how it stands.
            (ObjectState::Incomparable(_), Some(digest)) if !self.intent.manual && self.is_brought(key, digest) => {}
            (state, Some(digest)) => match self.apply_reason(state, digest) {
                Some(reason) => {
                    let first = matches!(state, ObjectState::Unadopted | ObjectState::Incomparable(_));
                    let adopt = first && !self.is_brought(key, digest);
                    self.push(key, standing, Verb::Apply { digest, adopt }, reason);
                }
                None if *state == ObjectState::Synced && !self.intent.is_partial() => {
                    self.push(key, standing, Verb::Await, "as git says; later waves wait for its health");
                }
                None => self.plan.skip(key, state, self.facts.traits.get(&digest).wave),
            },
            (state, None) => self.plan.skip(key, state, 0),
        }
    }

    fn deletion(&mut self, key: &ResourceKey, standing: &Standing, uid: &str, confirm: bool, assessment: &Assessment) {
        if !self.intent.prune || self.intent.heal_only || assessment.hold.is_some() {
            return;
        }
        if confirm && !self.intent.manual {
            // Nobody waits for an automated operation to be confirmed: it ends, and the word of a person begins another one.
            self.plan.kept.push((key.clone(), "waits for a confirmation (Prune=confirm)".into()));
            return;
        }
        let live = self.facts.live.present(key);
        let propagation = self.facts.settings.propagation.unwrap_or(Cascade::Foreground);
        let mut task = self.task(key, standing, Verb::Delete { uid: uid.to_owned(), propagation }, "no longer in git");
        task.action.wave = live.as_ref().map_or(0, |live| live.wave);
        task.action.confirm = confirm;
        task.last = self.facts.settings.prune_last || live.is_some_and(|live| live.pruned_last);
        self.tasks.push(task);
    }

    fn push(&mut self, key: &ResourceKey, standing: &Standing, verb: Verb, reason: &str) {
        let task = self.task(key, standing, verb, reason);
        self.tasks.push(task);
    }

    fn task(&self, key: &ResourceKey, standing: &Standing, verb: Verb, reason: &str) -> Task {
        let traits = standing.digest.map(|digest| self.facts.traits.get(&digest));
        let mut task = Task::new(key, &standing.api_version, verb, reason);
        if let Some(traits) = traits {
            task.action.wave = traits.wave;
            task.action.options = write_options(self.facts, self.intent, traits);
            task.defines = traits.defines.as_ref().map(|defines| (defines.group.clone(), defines.kind.clone()));
        }
        task
    }

    fn apply_reason(&self, state: &ObjectState, digest: Digest) -> Option<&'static str> {
        let heal_only = self.intent.heal_only;
        match state {
            ObjectState::Missing => Some("missing"),
            ObjectState::Drifted(_) => Some("changed in the cluster"),
            ObjectState::Outdated if !heal_only => Some("git has a newer version"),
            ObjectState::Unadopted if !heal_only => Some("first apply"),
            // Somebody asked for a sync: the answer of a comparison is not waited for, an apply of the same changes nothing.
            ObjectState::Incomparable(_) if !heal_only => Some("not compared"),
            ObjectState::Awaited if !heal_only => Some("missing; its kind comes with this sync"),
            // To replace or recreate what is as git says is what a person asks these options for.
            ObjectState::Synced if self.intent.manual && !self.out_of_sync_only() => {
                let options = write_options(self.facts, self.intent, self.facts.traits.get(&digest));
                (options.replace || options.force).then_some("asked to be written anew")
            }
            _ => None,
        }
    }

    fn is_brought(&self, key: &ResourceKey, digest: Digest) -> bool {
        self.facts.inventory.entries.get(key).is_some_and(|entry| entry.digest == Some(digest))
    }

    fn out_of_sync_only(&self) -> bool {
        self.facts.settings.apply_out_of_sync_only || self.intent.options.apply_out_of_sync_only
    }

    /// Only where something is about to be created in it, or where it has metadata of its own: an existing namespace is not asked about otherwise. It takes
    /// the place of the first action: a namespace alone does not make several waves of one.
    fn ensure_namespace(&mut self) {
        let Facts { settings, owner, bundle, .. } = self.facts;
        let namespace = &owner.default_namespace;
        let is_write = |task: &&Task| !matches!(task.action.verb, Verb::Forget | Verb::Await | Verb::Delete { .. });
        let creates = self.tasks.iter().filter(is_write).any(|task| {
            let is_new = !matches!(task.action.verb, Verb::Apply { .. }) || task.action.reason.starts_with("missing");
            is_new && task.action.key.namespace == *namespace
        });
        let kept = settings.namespace_metadata.is_some() && !self.intent.is_partial();
        let declared = bundle
            .entries
            .iter()
            .any(|entry| entry.key.kind == "Namespace" && entry.key.group.is_empty() && entry.key.name == *namespace);
        if !settings.create_namespace || !(creates || kept) || declared || namespace.is_empty() {
            return;
        }
        let key = ResourceKey {
            group: String::new(),
            kind: "Namespace".into(),
            namespace: String::new(),
            name: namespace.clone(),
        };
        let mut task = Task::new(&key, "v1", Verb::EnsureNamespace, "CreateNamespace=true");
        let first = self.tasks.iter().filter(is_write).filter(|task| task.action.phase < Phase::SyncFail);
        let first = first.map(|task| (task.action.phase, task.action.wave)).min();
        (task.action.phase, task.action.wave) = first.unwrap_or_default();
        self.tasks.push(task);
    }
}

/// How an object is written: what a person asks of one operation, then the object's own options, then its application's.
pub(super) fn write_options(facts: &Facts<'_>, intent: &Intent, traits: &Traits) -> WriteOptions {
    let (settings, asked, own) = (facts.settings, &intent.options, &traits.options);
    WriteOptions {
        replace: asked.replace || own.replace.unwrap_or(settings.replace),
        force: asked.force || own.force.unwrap_or(settings.force),
        skip_validation: asked.skip_validation || own.skip_validation.unwrap_or(settings.skip_validation),
        respect_ignored: settings.respect_ignore_differences,
        skip_dry_run_on_missing: own.skip_dry_run_on_missing_resource || settings.skip_dry_run_on_missing_resource,
    }
}

// === impl Intent ===

impl Intent {
    /// Whether only some objects are looked after, and no hooks.
    pub fn is_partial(&self) -> bool {
        self.heal_only || !self.options.resources.is_empty()
    }
}

// === impl WriteOptions ===

impl WriteOptions {
    /// Whether it is applied as everything is.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

// === impl SyncAction ===

impl SyncAction {
    /// Its phase and wave: what runs before anything of the next begins.
    pub fn step(&self) -> (Phase, i32) {
        (self.phase, self.wave)
    }

    /// Whether it is a hook.
    pub fn is_hook(&self) -> bool {
        matches!(self.verb, Verb::RunHook { .. })
    }
}

// === impl SyncPlan ===

impl SyncPlan {
    /// Whether it has several phases or waves, hooks after a failure aside: each then waits for the health of the one before.
    pub fn is_multi_step(&self) -> bool {
        let mut steps = self.actions.iter().map(SyncAction::step).filter(|(phase, _)| *phase != Phase::SyncFail);
        let first = steps.next();
        steps.any(|step| Some(step) != first)
    }

    /// Whether there is nothing to do but what every full sync does: hooks, objects made anew each time, looking on.
    pub fn is_idle(&self) -> bool {
        let idle = |verb: &Verb| {
            matches!(verb, Verb::RunHook { .. } | Verb::Create { .. } | Verb::Await | Verb::EnsureNamespace)
        };
        self.actions.iter().all(|action| idle(&action.verb))
    }

    /// Whether a restart cannot simply plan anew: the operation's own record must survive it.
    pub fn needs_record(&self) -> bool {
        self.dry_run != DryRunStage::No
            || self.is_multi_step()
            || self
                .actions
                .iter()
                .any(|action| action.is_hook() || action.confirm || matches!(action.verb, Verb::Create { .. }))
    }

    /// A manual sync is asked about first, and one that deletes or that cannot be taken back half-way.
    fn stage(&self, intent: &Intent) -> DryRunStage {
        let deletes = self.actions.iter().any(|action| matches!(action.verb, Verb::Delete { .. }));
        let writes = self
            .actions
            .iter()
            .any(|action| matches!(action.verb, Verb::Apply { .. } | Verb::Create { .. } | Verb::RunHook { .. }));
        if intent.options.dry_run {
            DryRunStage::Only
        } else if writes
            && !intent.heal_only
            && (intent.manual || deletes || self.is_multi_step() || self.actions.iter().any(SyncAction::is_hook))
        {
            DryRunStage::First
        } else {
            DryRunStage::No
        }
    }

    /// What is as git says is looked at only where something comes after its wave.
    fn drop_idle_waits(&mut self) {
        let acts = |action: &&SyncAction| {
            !matches!(action.verb, Verb::Await | Verb::Forget) && action.phase != Phase::SyncFail
        };
        let last = self.actions.iter().filter(acts).map(SyncAction::step).max();
        self.actions.retain(|action| !matches!(action.verb, Verb::Await) || Some(action.step()) < last);
    }

    fn skip(&mut self, key: &ResourceKey, state: &ObjectState, wave: i32) {
        let why = match state {
            ObjectState::Refused(owner) => format!("belongs to {owner}"),
            ObjectState::Fenced(rule) => rule.clone(),
            ObjectState::Deleting => "is being deleted".to_owned(),
            // Whether it lives in a namespace is not known either. The cluster's next resource list leads back here.
            ObjectState::NotServed => {
                "waits for its kind: the cluster does not serve it; install its CustomResourceDefinition".to_owned()
            }
            ObjectState::Unknown(why) => why.clone(),
            _ => return,
        };
        self.skipped_wave = if self.skipped.is_empty() { wave } else { self.skipped_wave.min(wave) };
        self.skipped.push((key.clone(), why));
    }
}
