//! What is asked of the cluster before more can be said of a target.

use std::time::Duration;

use uuid::Uuid;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::sync::{Assessment, Need, ObjectState};

use super::engine::Engine;
use super::lens::Eyes;
use super::target::Target;

/// How often an object is looked at that git names, that we did not apply and that no watch covers.
const LOOK_EVERY: Duration = Duration::from_secs(60);

impl Engine {
    /// Asks the cluster what must be known, each thing once at a time.
    pub(super) fn ask(&mut self, application: Uuid, needs: &[Need]) {
        let Some(target) = self.targets.get_mut(&application) else { return };
        let owner = target.owner(&self.parts.installation);
        // An automated target is about to apply; anybody else's health is shown until then.
        let whole = target.desired.as_ref().is_some_and(|d| !d.settings.automated);
        let mut rebase = Vec::new();
        for need in needs {
            match need {
                Need::Look { key, api_version } => {
                    let discovery = &self.parts.discovery;
                    // A version that is no longer served: any other shows the same object's metadata.
                    let resource =
                        discovery.find(api_version, &key.kind).or_else(|| discovery.find_kind(&key.group, &key.kind));
                    if let Some(resource) = resource.filter(|_| target.begins_look(key.clone())) {
                        self.parts.executor.look(resource.clone(), key.clone(), whole);
                    }
                }
                Need::DryRun { key, digest, uid } => {
                    let manifest = self.contents.get(digest).and_then(|b| windlass_domain::canonical::read(&b).ok());
                    let resource = manifest.as_ref().and_then(|m| self.parts.discovery.find(&m.api_version, &key.kind));
                    if let (Some(manifest), Some(resource)) = (manifest, resource)
                        && self.dry_running.insert((*digest, uid.clone()))
                    {
                        let object = owner.decorate(&manifest, key);
                        let eyes = target.desired.as_ref().map(|d| d.lens(key).selection).unwrap_or_default();
                        let eyes = Eyes { selection: eyes, jq: self.parts.executor.judge().jq().clone() };
                        self.parts.executor.dry_run(
                            resource.clone(),
                            key.clone(),
                            object,
                            (*digest, uid.clone()),
                            eyes,
                            target.write_as(),
                        );
                    }
                }
                Need::Rebase { key, digest } => rebase.push((key.clone(), *digest)),
            }
        }
        for (key, digest) in rebase {
            self.rebase(application, &key, digest);
        }
    }

    /// Objects that do not carry our label are not watched: while git names them and nothing was applied, they are looked at now and then.
    pub(super) fn look_at_unwatched(&mut self, application: Uuid, assessment: &Assessment) {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return };
        let unwatched = assessment.objects.iter().filter(|(key, standing)| {
            standing.digest.is_some()
                && target.inventory.applied_uid(key).is_none()
                && standing.state != ObjectState::NotServed
        });
        let unwatched: Vec<(ResourceKey, String)> =
            unwatched.map(|(k, s)| (k.clone(), s.api_version.clone())).collect();
        if unwatched.is_empty() {
            target.look_at = None;
            return;
        }
        let due = *target.look_at.get_or_insert(now + LOOK_EVERY);
        if now < due {
            return target.wake(due);
        }
        target.look_at = Some(now + LOOK_EVERY);
        target.wake(now + LOOK_EVERY);
        for (key, api_version) in unwatched {
            let resource = self.parts.discovery.find(&api_version, &key.kind);
            if let Some(resource) = resource.filter(|_| target.begins_look(key.clone())) {
                self.parts.executor.look(resource.clone(), key, true);
            }
        }
    }
}

impl Target {
    /// Whether a look of the object may begin: none is under way, and the next one is not a while off.
    fn begins_look(&mut self, key: ResourceKey) -> bool {
        !self.resting.contains(&key) && self.looking.insert(key)
    }
}
