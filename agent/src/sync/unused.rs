//! Proofs that what left git is empty or unused: asked for when such an object would be deleted, and again right before it is.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::sync::prune::takes_others_along;
use windlass_domain::sync::{Assessment, ObjectState};
use windlass_domain::time::Timestamp;

use super::engine::Engine;
use super::prove::Question;

/// How often it is asked whether what is held is unused by now.
const ASK_EVERY: Duration = Duration::from_secs(300);
/// How old a proof may be when the deletion begins.
const FRESH: Duration = Duration::from_secs(10);

/// What was found out of one object.
pub(super) struct Proof {
    uid: String,
    unused: bool,
    /// When it was asked; the answer is as old.
    at: Timestamp,
    asking: bool,
}

impl Engine {
    /// Asks what is not known of objects that left git and take others along, and says whether all of it is known. With `fresh`, right before a prune, an
    /// answer that says "unused" must be seconds old.
    pub(super) fn proves_unused(&mut self, application: Uuid, assessment: &Assessment, fresh: bool) -> bool {
        let extra = assessment.objects.iter().filter_map(|(key, standing)| match &standing.state {
            ObjectState::Extra(uid) => Some((key, uid)),
            _ => None,
        });
        let leaving: Vec<(&ResourceKey, &String)> = extra.collect();
        if !leaving.iter().any(|(key, _)| takes_others_along(key)) {
            return true;
        }
        let now = self.parts.clock.now();
        let uids: BTreeSet<String> = leaving.iter().map(|(_, uid)| (*uid).clone()).collect();
        let mut known = true;
        for (key, uid) in leaving.into_iter().filter(|(key, _)| takes_others_along(key)) {
            known &= self.proves(application, key, uid, &uids, now, fresh);
        }
        known
    }

    fn proves(
        &mut self,
        application: Uuid,
        key: &ResourceKey,
        uid: &str,
        leaving: &BTreeSet<String>,
        now: Timestamp,
        fresh: bool,
    ) -> bool {
        if let Some(proof) = self.proofs.get(key).filter(|proof| proof.uid == uid) {
            if proof.asking {
                return false;
            }
            let lasts = if fresh && proof.unused { FRESH } else { ASK_EVERY };
            let again = proof.at + lasts;
            if now < again {
                if !fresh && let Some(target) = self.targets.get_mut(&application) {
                    target.wake(again);
                }
                return true;
            }
        }
        let Some(resource) = self.parts.discovery.find_kind(&key.group, &key.kind).cloned() else { return true };
        let unused = self.proofs.get(key).is_some_and(|proof| proof.uid == uid && proof.unused);
        self.proofs.insert(key.clone(), Proof { uid: uid.to_owned(), unused, at: now, asking: true });
        let question = Question { key: key.clone(), resource, leaving: leaving.clone() };
        self.parts.executor.prove(self.parts.discovery.clone(), question, uid.to_owned());
        false
    }

    /// The answer. What was not answered is not proved.
    pub(super) fn proved(&mut self, key: ResourceKey, uid: String, answer: Result<bool, String>) {
        if let Err(error) = &answer {
            tracing::warn!(%key, error, "whether it is in use is not known; its deletion waits for a person");
        }
        let at = self.parts.clock.now();
        self.dirty.extend(self.watched.interested_in(&key));
        self.proofs.insert(key, Proof { uid, unused: answer.unwrap_or(false), at, asking: false });
    }

    /// Of these objects the ones that are proved empty or unused.
    pub(super) fn unused_of<'a>(&self, keys: impl Iterator<Item = &'a ResourceKey>) -> BTreeSet<ResourceKey> {
        keys.filter(|key| self.proofs.get(key).is_some_and(|proof| proof.unused)).cloned().collect()
    }
}
