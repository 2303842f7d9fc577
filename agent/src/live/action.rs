//! Actions on live objects: which there are, and running one. The one part of this module that writes.

mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;
use windlass_domain::action::{self, Change, Effect, ObjectActions, Offered, Ran, RunAction};
use windlass_domain::customization::Actions as Scripts;
use windlass_domain::manifest::{GroupKind, ResourceKey};
use windlass_domain::question::{ObjectSelector, RefusalCode, Refused};

use super::target::Target;
use super::{ask, resource, shown};
use crate::observe::Cluster;
use crate::script::jq::Jq;
use crate::script::{self, ActionScript, DiscoveryScript};
use crate::sync::input::Input;
use crate::sync::said::Said;

/// Users' scripts that run at once: each may take a second of a core, and the cluster is small.
const SCRIPTS: usize = 1;

/// Lists and runs actions. Clones share the turns of scripts.
#[derive(Clone)]
pub(super) struct Actions {
    cluster: Cluster,
    engine: mpsc::Sender<Input>,
    jq: Jq,
    turns: Arc<Semaphore>,
}

// === impl Actions ===

impl Actions {
    pub(super) fn new(cluster: Cluster, engine: mpsc::Sender<Input>, jq: Jq) -> Self {
        Self { cluster, engine, jq, turns: Arc::new(Semaphore::new(SCRIPTS)) }
    }

    /// The actions of the objects that a selector fits; objects without any are left out.
    pub(super) async fn list(&self, target: &Target, selector: &ObjectSelector) -> Result<Offered, Refused> {
        let (keys, truncated) = resource::select(target, selector);
        let mut offered = Offered { items: Vec::new(), truncated };
        let (mut found, mut why_not) = (false, None);
        // A script that overran once would do so for every object of its kind.
        let mut overran: BTreeMap<GroupKind, String> = BTreeMap::new();
        for key in keys {
            let object = match resource::one(&self.cluster, target, &key).await {
                Ok(Some(object)) => object,
                Ok(None) => continue,
                Err(error) => {
                    why_not = Some(error);
                    continue;
                }
            };
            found = true;
            let answer = match overran.get(&key.group_kind()) {
                Some(error) => Err(error.clone()),
                None => self.offers(target, &key, &object).await.map_err(|error| {
                    let words = error.to_string();
                    if matches!(error, script::Error::TooSlow(_) | script::Error::TooBig(_)) {
                        overran.insert(key.group_kind(), words.clone());
                    }
                    words
                }),
            };
            let (actions, error) = match answer {
                Ok(actions) if actions.is_empty() => continue,
                Ok(actions) => (actions, None),
                Err(error) => (Vec::new(), Some(error)),
            };
            let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
            offered.items.push(ObjectActions { key, api_version, actions, error });
        }
        match why_not {
            Some(error) if !found => Err(error),
            None if !found => Err(resource::none(selector)),
            _ => Ok(offered),
        }
    }

    /// Runs one action. What was begun is brought to its end also when nobody waits for the answer any more.
    pub(super) async fn run(&self, target: &Target, application: Uuid, mut asked: RunAction) -> Result<Ran, Refused> {
        // A namespace that is not said is the application's own.
        let namespaced = target.resource(&asked.object).is_some_and(|resource| resource.namespaced);
        if namespaced && asked.object.namespace.is_empty() {
            target.facts.owner.default_namespace.clone_into(&mut asked.object.namespace);
        }
        let key = &asked.object;
        let said = self.said(application, key).await?;
        if let Some(why) = &said.frozen {
            return Err(Refused::new(RefusalCode::Forbidden, format!("nothing is written: {why}")));
        }
        let object = resource::one(&self.cluster, target, key).await?;
        let object = object.ok_or_else(|| resource::none(&ObjectSelector::exactly(key)))?;
        let effect = self.effect(target, &asked, &object).await?;
        let writes = write::prepare(target, key, &effect.changes).map_err(|refused| untold(key, refused))?;
        let notes = self.notes(&effect, &said, &object).await;
        let (cluster, key) = (self.cluster.writing_as(target.facts.write_as()), asked.object.clone());
        let carried_out = tokio::spawn(async move { write::carry_out(&cluster, &key, writes).await });
        let mut ran = carried_out.await.map_err(|_| {
            Refused::new(RefusalCode::Internal, "the action ended in a fault; the agent's log has it")
        })??;
        ran.notes = notes;
        tracing::info!(object = %asked.object, action = asked.action, by = asked.by, outcome = ran.words(), "an action was run");
        Ok(ran)
    }

    async fn offers(
        &self,
        target: &Target,
        key: &ResourceKey,
        object: &Value,
    ) -> Result<Vec<action::Offer>, script::Error> {
        let Some(scripts) = scripts(target, key) else { return Ok(action::offered(object)) };
        // Without a discovery script, what is defined is there.
        let discovered = match scripts.discovery.is_empty() {
            true => scripts.definitions.iter().map(|one| action::plain(&one.name)).collect(),
            false => {
                // What a script says of a Secret is told to people: it never sees the values.
                let (script, object) = (DiscoveryScript::new(scripts.discovery.clone()), shown(object.clone()));
                self.in_turn(move |clock| script.discover(&object, clock)).await?
            }
        };
        Ok(action::merged(object, &scripts, discovered))
    }

    async fn effect(&self, target: &Target, asked: &RunAction, object: &Value) -> Result<Effect, Refused> {
        let invalid = |error: &dyn std::fmt::Display| Refused::new(RefusalCode::Invalid, error.to_string());
        let built_in = || {
            let now = self.cluster.clock().now();
            action::run(object, &asked.action, &asked.parameters, now).map_err(|error| invalid(&error))
        };
        let Some(scripts) = scripts(target, &asked.object) else { return built_in() };
        let offers = self.offers(target, &asked.object, object).await.map_err(|error| invalid(&error))?;
        let offer = offers.iter().find(|offer| offer.name == asked.action);
        let offer = offer.ok_or_else(|| invalid(&action::unknown(object, &asked.action, &offers)))?;
        let definition = scripts.definitions.iter().find(|one| one.name == asked.action);
        let Some(definition) = definition else { return built_in() };
        let given = action::allowed(offer, &asked.parameters).map_err(|error| invalid(&error))?;
        let (script, input) = (ActionScript::new(definition.script.clone()), object.clone());
        let returned = self.in_turn(move |clock| script.run(&input, &given, clock)).await;
        let effect = returned
            .map_err(|error| invalid(&error))
            .and_then(|returned| action::scripted(object, returned).map_err(|error| invalid(&error)));
        effect.map_err(|refused| untold(&asked.object, refused))
    }

    /// Runs a script where nothing else waits for it.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&windlass_runtime::clock::Clock) -> Result<T, script::Error> + Send + 'static,
    ) -> Result<T, script::Error> {
        // It fails when the semaphore is closed, and nobody does that.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        let clock = self.cluster.clock().clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&clock);
            drop(turn);
            done
        });
        done.await.unwrap_or_else(|_| Err(script::Error::Failed("the interpreter ended in a fault".into())))
    }

    /// What a person is told beside what was done. What differences are ignored of is not put back.
    async fn notes(&self, effect: &Effect, said: &Said, object: &Value) -> Vec<String> {
        let (mut contested, mut unknown) = (Vec::new(), None);
        if let Some(manifest) = &said.manifest {
            // An expression that fails ignores nothing: the warning is one too many, not one too few.
            let ignored = self.jq.ignored_as(&said.ignored, manifest, object).await;
            let ignored = ignored.map_err(|why| unknown = Some(why)).unwrap_or_default();
            let manifest = ignored.without(manifest);
            let patches = effect.changes.iter().filter_map(|change| match change {
                Change::Patch(patch) => Some(patch),
                Change::Create(_) => None,
            });
            contested.extend(patches.flat_map(|patch| action::contested(patch, &manifest)));
        }
        effect.note.iter().cloned().chain(action::warning(&contested, said.heals)).chain(unknown).collect()
    }

    async fn said(&self, application: Uuid, key: &ResourceKey) -> Result<Said, Refused> {
        let said = ask(&self.engine, |reply| Input::Said { application, key: key.clone(), reply }).await?;
        said.ok_or_else(|| Refused::new(RefusalCode::NotFound, "the application has just left this cluster"))
    }
}

/// What is said of what a script made of a Secret may hold what the Secret holds.
fn untold(key: &ResourceKey, refused: Refused) -> Refused {
    match key.is_secret() {
        true => Refused::new(
            refused.code,
            "the script failed, or what it made is not possible; what is said of a Secret is not told",
        ),
        false => refused,
    }
}

/// The customization of a kind.
fn scripts(target: &Target, key: &ResourceKey) -> Option<Scripts> {
    let customizations = &target.facts.desired.as_ref()?.customizations;
    customizations.actions_of(&key.group, &key.kind).map(|(_, scripts)| scripts.clone())
}
