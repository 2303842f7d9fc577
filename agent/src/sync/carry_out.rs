//! One action of an operation: from the plan to what is sent.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;
use windlass_domain::application::Cascade;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::ApiResource;
use windlass_domain::hook::DeletePolicy;
use windlass_domain::manifest::{Manifest, ResourceKey};
use windlass_domain::ownership::Owner;
use windlass_domain::sync::{SyncAction, Verb};
use windlass_domain::target::NamespaceMetadata;

use super::engine::Engine;
use super::input::{Done, Failure, Input, Overridden};
use super::lens::Eyes;
use super::target::Target;
use super::{apply, check, delete, hook, namespace, replace};
use crate::observe::Cluster;

/// Actions under way at once. Each holds its manifest, so that what waits is only named: a commit may change thousands of objects.
const AT_ONCE: usize = 32;

/// Actions that wait until there is room for them.
pub(super) struct Turns {
    waiting: VecDeque<Turn>,
    room: Arc<Semaphore>,
}

struct Turn {
    application: Uuid,
    operation: Uuid,
    index: usize,
    /// What the server would say to it is asked, and nothing done.
    asks: bool,
}

impl Default for Turns {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), room: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// An action with everything that it needs.
pub(super) enum Work {
    Namespace {
        name: String,
        metadata: Option<NamespaceMetadata>,
    },
    Apply {
        resource: ApiResource,
        object: Value,
        digest: Digest,
        options: apply::Options,
        replace: bool,
        force: bool,
        eyes: Eyes,
        /// Live values of ignored places are sent along.
        respect: bool,
    },
    Create {
        resource: ApiResource,
        object: Value,
        options: apply::Options,
        again: bool,
        mark: String,
    },
    Hook {
        resource: ApiResource,
        object: Value,
        options: apply::Options,
        hook: hook::Run,
    },
    Delete {
        resource: ApiResource,
        uid: String,
        propagation: Cascade,
    },
    Forget,
    /// It is as git says: only its health is waited for.
    Nothing,
    Impossible(String),
}

impl Engine {
    /// Begins an action of the running operation, or has the server asked what it would say to it, as soon as it is its turn.
    fn in_turn(&mut self, application: Uuid, index: usize, asks: bool) {
        let running = self.targets.get(&application).and_then(|target| target.running.as_ref());
        if let Some(operation) = running.map(|running| running.id) {
            self.turns.waiting.push_back(Turn { application, operation, index, asks });
        }
    }

    /// Begins an action of the running operation.
    pub(super) fn carry_out(&mut self, application: Uuid, index: usize) {
        self.in_turn(application, index, false);
    }

    /// Asks what the server would say to an action.
    pub(super) fn check(&mut self, application: Uuid, index: usize) {
        self.in_turn(application, index, true);
    }

    /// Begins what waits, as far as there is room. What belongs to an operation that is over is dropped.
    pub(super) fn take_turns(&mut self) {
        while !self.turns.waiting.is_empty() {
            let Ok(room) = Arc::clone(&self.turns.room).try_acquire_owned() else { return };
            let Some(turn) = self.turns.waiting.pop_front() else { return };
            let target = self.targets.get(&turn.application);
            if target.and_then(|target| target.running.as_ref()).is_some_and(|running| running.id == turn.operation) {
                match turn.asks {
                    true => self.check_now(turn.application, turn.index, room),
                    false => self.carry_out_now(turn.application, turn.index, room),
                }
            }
        }
    }

    fn carry_out_now(&mut self, application: Uuid, index: usize, room: OwnedSemaphorePermit) {
        let Some((operation, action, work)) = self.work_of(application, index) else { return };
        if matches!(work, Work::Apply { .. } | Work::Hook { .. }) {
            self.watched.begin(action.key.clone());
        }
        let cluster = self.cluster_of(application);
        self.parts.executor.spawn(async move {
            let result = perform(&cluster, &action.key, work).await;
            drop(room);
            Input::Outcome { application, operation, action: index, result }
        });
    }

    /// The cluster, for writes in the name of the target's account.
    fn cluster_of(&self, application: Uuid) -> Cluster {
        let user = self.targets.get(&application).and_then(Target::write_as);
        self.parts.executor.cluster().writing_as(user)
    }

    fn check_now(&mut self, application: Uuid, index: usize, room: OwnedSemaphorePermit) {
        let Some((operation, action, work)) = self.work_of(application, index) else { return };
        let cluster = self.cluster_of(application);
        self.parts.executor.spawn(async move {
            let answer = check::check(&cluster, &action.key, &work).await;
            drop(room);
            Input::Checked { application, operation, action: index, answer }
        });
    }

    /// Gives a hook free, and deletes it where that is asked.
    pub(super) fn clean(&mut self, application: Uuid, index: usize, delete: bool) {
        let Some((operation, action, work)) = self.work_of(application, index) else { return };
        let cluster = self.cluster_of(application);
        self.parts.executor.spawn(async move {
            let result = match (&work, &action.hook) {
                (Work::Hook { resource, .. }, Some(task)) if delete => {
                    hook::remove(&cluster, resource, &action.key, &task.mark).await.map_err(|e| e.to_string())
                }
                (Work::Hook { resource, .. }, Some(task)) => {
                    fail::fail_point!("agent::hook::release", |_| {
                        let result = Err("a failpoint refuses it".to_owned());
                        Input::Cleaned { application, operation, action: index, result }
                    });
                    hook::release(&cluster, resource, &action.key, Some(&task.mark)).await.map_err(|e| e.to_string())
                }
                // Its kind is gone, and took it along.
                _ => Ok(()),
            };
            Input::Cleaned { application, operation, action: index, result }
        });
    }

    fn work_of(&self, application: Uuid, index: usize) -> Option<(Uuid, SyncAction, Work)> {
        let target = self.targets.get(&application)?;
        let running = target.running.as_ref()?;
        let mut action = running.operation.plan().actions.get(index)?.clone();
        let owner = target.owner(&self.parts.installation);
        if let Some(resource) = self.parts.discovery.find(&action.api_version, &action.key.kind) {
            // When it was planned its kind was perhaps not served, and whether it lives in a namespace not known.
            action.key = action.key.in_namespace(&owner.default_namespace, resource.namespaced);
        }
        if let Some(why) = self.fenced(target, &action) {
            return Some((running.id, action, Work::Impossible(why)));
        }
        let metadata = running.to.as_ref().and_then(|to| to.settings.namespace_metadata.clone());
        let mark = format!("{}/{index}", running.run());
        let work = match &action.verb {
            Verb::Create { .. } => match self.prepare(&action, &owner, metadata) {
                Work::Create { resource, object, options, .. } => {
                    Work::Create { resource, object, options, again: running.resumed, mark }
                }
                other => other,
            },
            _ => self.prepare(&action, &owner, metadata),
        };
        Some((running.id, action, work))
    }

    /// What the project no longer permits, asked right before each write: it may have shrunk since the plan was made.
    fn fenced(&self, target: &Target, action: &SyncAction) -> Option<String> {
        let fence = target.desired.as_ref()?.settings.fence.as_ref()?;
        match &action.verb {
            Verb::Forget | Verb::Await => None,
            Verb::EnsureNamespace => fence.refuses_namespace(&action.key.name),
            _ => {
                let served = self.parts.discovery.find_kind(&action.key.group, &action.key.kind);
                fence.refuses(&action.key, served.is_none_or(|resource| resource.namespaced))
            }
        }
    }

    fn prepare(&self, action: &SyncAction, owner: &Owner, metadata: Option<NamespaceMetadata>) -> Work {
        let resource = self.parts.discovery.find(&action.api_version, &action.key.kind).cloned();
        let deletable = || self.parts.discovery.find_kind(&action.key.group, &action.key.kind).cloned();
        match &action.verb {
            Verb::EnsureNamespace => Work::Namespace { name: action.key.name.clone(), metadata },
            Verb::Forget => Work::Forget,
            Verb::Await => Work::Nothing,
            Verb::Delete { uid, propagation } => match resource.or_else(deletable) {
                Some(resource) => Work::Delete { resource, uid: uid.clone(), propagation: *propagation },
                None => not_served(action),
            },
            Verb::Apply { digest, .. } | Verb::Create { digest } | Verb::RunHook { digest } => {
                let manifest =
                    self.contents.get(digest).and_then(|bytes| windlass_domain::canonical::read(&bytes).ok());
                match (resource, manifest) {
                    (Some(resource), Some(manifest)) => {
                        let eyes = self.eyes(&action.key);
                        write_of(action, owner, resource, (&manifest, *digest), eyes)
                    }
                    (None, _) => not_served(action),
                    (_, None) => {
                        Work::Impossible("its manifest is not in the agent's copy; it is fetched again".into())
                    }
                }
            }
        }
    }
}

fn not_served(action: &SyncAction) -> Work {
    let (version, kind) = (&action.api_version, &action.key.kind);
    Work::Impossible(format!("the cluster does not serve {kind} in {version}; install its CustomResourceDefinition"))
}

fn write_of(
    action: &SyncAction,
    owner: &Owner,
    resource: ApiResource,
    (manifest, digest): (&Manifest, Digest),
    eyes: Eyes,
) -> Work {
    let skip_validation = action.options.skip_validation;
    let options = apply::Options { skip_validation, ..apply::Options::default() };
    let mut object = owner.decorate(manifest, &action.key);
    match (&action.verb, &action.hook) {
        (Verb::RunHook { .. }, Some(task)) => {
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("name".into(), Value::from(action.key.name.as_str()));
                metadata.remove("generateName");
            }
            let recreate = task.delete.contains(&DeletePolicy::BeforeHookCreation);
            let hook = hook::Run { mark: task.mark.clone(), recreate, owner: owner.clone() };
            Work::Hook { resource, object, options, hook }
        }
        (Verb::Create { .. }, _) => Work::Create { resource, object, options, again: false, mark: String::new() },
        (verb, _) => {
            let adopt = matches!(verb, Verb::Apply { adopt: true, .. });
            let options = apply::Options { adopt, ..options };
            let (replace, force) = (action.options.replace, action.options.force);
            let respect = action.options.respect_ignored && !eyes.selection.is_empty();
            Work::Apply { resource, object, digest, options, replace, force, eyes, respect }
        }
    }
}

async fn perform(cluster: &Cluster, key: &ResourceKey, work: Work) -> Result<Done, Failure> {
    match work {
        Work::Namespace { name, metadata } => {
            let ensured = namespace::ensure(cluster, &name, metadata.as_ref()).await;
            ensured.map(|()| Done::Ensured).map_err(|e| Failure::of(&e))
        }
        Work::Apply { resource, object, digest, options, replace, force, eyes, respect } => {
            let object = match respect {
                true => eyes
                    .respecting(cluster, &resource, key, object)
                    .await
                    .map_err(|why| Failure { why, immutable: false })?,
                false => object,
            };
            let applied = replace::put(cluster, &resource, key, &object, options, (replace, force)).await;
            let applied = applied.map_err(|e| Failure::of(&e))?;
            let overridden = Overridden { fields: applied.taken, appliers: applied.adopted };
            let (ignored, blind) = eyes.ignored(&applied.response).await;
            let response = Box::new(applied.response);
            Ok(Done::Applied { sent: Box::new(object), response, digest, overridden, ignored, blind })
        }
        Work::Create { resource, object, options, again, mark } => {
            let made = replace::create_once(cluster, &resource, key, &object, options, (&mark, again)).await;
            let name = |object: &Value| object.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
            made.map(|made| Done::Created { name: name(&made).unwrap_or_default() }).map_err(|e| Failure::of(&e))
        }
        Work::Hook { resource, object, options, hook } => {
            let made = hook::run(cluster, &resource, key, &object, options, &hook).await;
            made.map(|made| Done::Hooked { object: Box::new(made) }).map_err(|e| Failure::of(&e))
        }
        Work::Delete { resource, uid, propagation } => {
            let deleted = delete::delete(cluster, &resource, key, &uid, propagation).await;
            deleted.map(|()| Done::Deleted).map_err(|e| Failure::of(&e))
        }
        Work::Forget => Ok(Done::Forgotten),
        Work::Nothing => Ok(Done::Nothing),
        Work::Impossible(why) => Err(Failure { why, immutable: false }),
    }
}
