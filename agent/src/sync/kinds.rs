//! Kinds that were served and no longer are. A CRD that is being replaced, or an aggregated API that restarts, is away for a moment and its objects are not:
//! only two discoveries that are a while apart prove that a kind took its objects along.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::live::Observed;
use windlass_domain::manifest::{GroupKind, ResourceKey};
use windlass_domain::time::Timestamp;

use super::engine::Engine;

/// How far apart two discoveries must be.
const APART: Duration = Duration::from_secs(30);
/// How soon a discovery that was asked for is asked for again.
const AGAIN: Duration = Duration::from_secs(5);

/// Kinds that are not served, of which objects are owned.
#[derive(Debug, Default)]
pub(super) struct Missing {
    kinds: BTreeMap<GroupKind, Absence>,
}

#[derive(Debug)]
struct Absence {
    since: Timestamp,
    proved: bool,
}

// === impl Missing ===

impl Missing {
    /// The cluster's resource list was read.
    pub(super) fn read(&mut self, discovery: &Discovery, now: Timestamp) {
        self.kinds.retain(|kind, _| discovery.find_kind(&kind.group, &kind.kind).is_none());
        for (kind, absence) in &mut self.kinds {
            absence.proved |= now >= absence.since + APART && !discovery.failed_groups.contains(&kind.group);
        }
    }

    /// Whether a kind that is not served is proved to be gone; when to ask again, where it is not.
    fn proof(&mut self, kind: GroupKind, now: Timestamp) -> Result<(), Timestamp> {
        let absence = self.kinds.entry(kind).or_insert(Absence { since: now, proved: false });
        if absence.proved { Ok(()) } else { Err(absence.since + APART) }
    }
}

impl Engine {
    /// What was seen of objects whose kind is no longer served says nothing of what is there once it is served again.
    pub(super) fn lose_kinds(&mut self, now: &Discovery) {
        let lost = |resource: &&ApiResource| now.find_kind(&resource.group, &resource.kind).is_none();
        let kinds = self.parts.discovery.resources().iter().filter(lost);
        let kinds: BTreeSet<GroupKind> =
            kinds.map(|resource| GroupKind { group: resource.group.clone(), kind: resource.kind.clone() }).collect();
        for key in kinds.iter().flat_map(|kind| self.watched.believed_of(kind)).collect::<Vec<_>>() {
            self.watched.set(&key, Observed::Unknown("the cluster stopped serving its kind".into()));
        }
    }

    /// What the cluster serves, where a kind that is only away for a moment counts as one of which nothing is known.
    pub(super) fn settled_discovery(&mut self, application: Uuid) -> Discovery {
        let now = self.parts.clock.now();
        let Some(target) = self.targets.get_mut(&application) else { return self.parts.discovery.clone() };
        let discovery = &self.parts.discovery;
        let kind = |key: &ResourceKey| GroupKind { group: key.group.clone(), kind: key.kind.clone() };
        let is_away = |key: &&ResourceKey| {
            discovery.find_kind(&key.group, &key.kind).is_none() && !discovery.failed_groups.contains(&key.group)
        };
        let away: Vec<GroupKind> = target.inventory.entries.keys().filter(is_away).map(kind).collect();
        let mut failed = discovery.failed_groups.clone();
        for kind in away {
            let group = kind.group.clone();
            let Err(again) = self.missing.proof(kind, now) else { continue };
            if again <= now {
                // A request that waits already says the same.
                let _ = self.parts.rediscover.try_send(());
            }
            target.wake(again.max(now + AGAIN));
            failed.push(group);
        }
        Discovery::new(discovery.resources().to_vec(), failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_domain::time::from_millis;

    #[test]
    fn a_kind_is_gone_when_two_discoveries_that_are_apart_say_so() {
        let kind = || GroupKind { group: "shop.io".into(), kind: "Cart".into() };
        let (without, mut missing) = (Discovery::default(), Missing::default());
        assert_eq!(missing.proof(kind(), from_millis(0)), Err(from_millis(30_000)));
        missing.read(&without, from_millis(2_000));
        assert!(missing.proof(kind(), from_millis(40_000)).is_err(), "the second one came too early");
        missing.read(&Discovery::new(vec![], vec!["shop.io".into()]), from_millis(41_000));
        assert!(missing.proof(kind(), from_millis(41_000)).is_err(), "its group did not answer");
        missing.read(&without, from_millis(42_000));
        assert_eq!(missing.proof(kind(), from_millis(42_000)), Ok(()));
        let cart = ApiResource {
            group: "shop.io".into(),
            version: "v1".into(),
            kind: "Cart".into(),
            plural: "carts".into(),
            namespaced: true,
        };
        missing.read(&Discovery::new(vec![cart], vec![]), from_millis(43_000));
        assert!(missing.proof(kind(), from_millis(43_000)).is_err(), "it was back meanwhile");
    }
}
