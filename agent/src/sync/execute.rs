//! Carries out one action or one question in a task of its own, and comes back with the answer.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::ApiResource;
use windlass_domain::live::Observed;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::sync::{SyncAction, Verb};

use super::engine::Engine;
use super::input::{Done, Found, Input};
use super::{apply, delete, dry_run, namespace};
use crate::observe::{Cluster, look};

/// How long an unanswered question waits before it is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Sends requests to the cluster and answers to the engine.
#[derive(Clone)]
pub struct Executor {
    cluster: Cluster,
    inbox: mpsc::Sender<Input>,
}

// === impl Executor ===

impl Executor {
    /// To this cluster, and back to this inbox.
    pub fn new(cluster: Cluster, inbox: mpsc::Sender<Input>) -> Self {
        Self { cluster, inbox }
    }

    fn spawn(&self, work: impl Future<Output = Input> + Send + 'static) {
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let input = work.await;
            // The engine is gone only when the agent stops.
            let _ = inbox.send(input).await;
        });
    }

    /// One GET: of the metadata, or of the whole object where it has a baseline to be compared with.
    pub fn look(&self, resource: ApiResource, key: ResourceKey, whole: bool) {
        let cluster = self.cluster.clone();
        self.spawn(async move {
            let found = if whole {
                match look::get(&cluster, &resource, &key).await {
                    Ok(Some(object)) => Found::Object(Box::new(object)),
                    Ok(None) => Found::Observed(Observed::Absent),
                    Err(error) => Found::Observed(Observed::Unknown(error.to_string())),
                }
            } else {
                Found::Observed(look::look(&cluster, &resource, &key).await)
            };
            Input::Looked { key, found }
        });
    }

    /// One forced server-side dry run, asked until it is answered.
    pub fn dry_run(&self, resource: ApiResource, key: ResourceKey, object: Value, digest: Digest, uid: String) {
        let cluster = self.cluster.clone();
        self.spawn(async move {
            loop {
                match dry_run::dry_run(&cluster, &resource, &key, &object, false).await {
                    Ok(compared) => return Input::DryRan { digest, uid, answer: compared.answer },
                    Err(error) => {
                        tracing::warn!(%key, %error, "a dry run was not answered; it is asked again");
                        cluster.clock().sleep(ASK_AGAIN).await;
                    }
                }
            }
        });
    }
}

/// An action with everything that it needs.
enum Work {
    Namespace(String),
    Apply { resource: ApiResource, object: Value, digest: Digest, options: apply::Options },
    Delete { resource: ApiResource, uid: String, propagation: windlass_domain::application::Cascade },
    Forget,
    Impossible(String),
}

impl Engine {
    /// Begins an action of the running operation.
    pub(super) fn carry_out(&mut self, application: Uuid, index: usize) {
        let Some(target) = self.targets.get(&application) else { return };
        let Some(running) = &target.running else { return };
        let operation = running.id;
        let Some(action) = running.operation.plan().actions.get(index).cloned() else { return };
        let skip_validation = running.to.as_ref().is_some_and(|to| to.settings.skip_validation);
        let owner = target.owner(&self.parts.installation);
        let work = self.prepare(&action, &owner, skip_validation);
        if matches!(work, Work::Apply { .. }) {
            self.watched.begin(action.key.clone());
        }
        let cluster = self.parts.executor.cluster.clone();
        self.parts.executor.spawn(async move {
            let result = perform(&cluster, &action.key, work).await;
            Input::Outcome { application, operation, action: index, result }
        });
    }

    fn prepare(&self, action: &SyncAction, owner: &windlass_domain::ownership::Owner, skip_validation: bool) -> Work {
        let resource = self.parts.discovery.find(&action.api_version, &action.key.kind).cloned();
        let not_served = || {
            let (version, kind) = (&action.api_version, &action.key.kind);
            Work::Impossible(format!(
                "the cluster does not serve {kind} in {version}; install its CustomResourceDefinition"
            ))
        };
        match &action.verb {
            Verb::EnsureNamespace => Work::Namespace(action.key.name.clone()),
            Verb::Forget => Work::Forget,
            Verb::Delete { uid, propagation } => match resource {
                Some(resource) => Work::Delete { resource, uid: uid.clone(), propagation: *propagation },
                None => not_served(),
            },
            Verb::Apply { digest, adopt } => {
                let manifest =
                    self.contents.get(digest).and_then(|bytes| windlass_domain::canonical::read(&bytes).ok());
                match (resource, manifest) {
                    (Some(resource), Some(manifest)) => {
                        let options = apply::Options { adopt: *adopt, dry_run: false, skip_validation };
                        Work::Apply {
                            resource,
                            object: owner.decorate(&manifest, &action.key),
                            digest: *digest,
                            options,
                        }
                    }
                    (None, _) => not_served(),
                    (_, None) => {
                        Work::Impossible("its manifest is not in the agent's copy; it is fetched again".into())
                    }
                }
            }
        }
    }
}

async fn perform(cluster: &Cluster, key: &ResourceKey, work: Work) -> Result<Done, String> {
    match work {
        Work::Namespace(name) => {
            namespace::ensure(cluster, &name).await.map(|()| Done::Ensured).map_err(|e| e.to_string())
        }
        Work::Apply { resource, object, digest, options } => {
            let applied = apply::apply(cluster, &resource, key, &object, options).await.map_err(|e| e.to_string())?;
            Ok(Done::Applied { sent: Box::new(object), response: Box::new(applied.response), digest })
        }
        Work::Delete { resource, uid, propagation } => delete::delete(cluster, &resource, key, &uid, propagation)
            .await
            .map(|()| Done::Deleted)
            .map_err(|e| e.to_string()),
        Work::Forget => Ok(Done::Forgotten),
        Work::Impossible(why) => Err(why),
    }
}
