//! When deletions wait for a person (promise P2).

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::manifest::ResourceKey;
use crate::prune_limits::PruneLimits;
use crate::status::Hold;

/// Objects that left git and are still there: key and uid.
pub type PruneSet = Vec<(ResourceKey, String)>;

/// How many keys a hold names.
const SHOWN: usize = 100;

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// Whether the render saw everything it asked for.
    pub complete: bool,
    /// Objects in the bundle.
    pub bundled: usize,
    /// Objects in the inventory.
    pub owned: usize,
    /// How many of the set only change their name's hash: another one of the same kind takes its place.
    pub replaced: usize,
    /// Whether a render of zero objects may delete everything.
    pub allow_empty: bool,
    /// The application's limits.
    pub limits: PruneLimits,
}

/// Why the deletion of `set` waits for a person, if it does. `in_use` are those of it whose deletion takes others along (Namespace, CRD, PV, PVC) and that
/// were not proved empty or unused.
pub fn hold(set: &PruneSet, in_use: &[ResourceKey], circumstances: Circumstances) -> Option<Hold> {
    let Circumstances { complete, bundled, owned, replaced, allow_empty, limits } = circumstances;
    let share = owned.saturating_mul(limits.percent as usize) / 100;
    let (limit, most) = ((limits.free as usize).max(share), limits.most as usize);
    let counted = set.len().saturating_sub(replaced);
    let reason = if set.is_empty() {
        return None;
    } else if !complete {
        "the render is incomplete: nothing is deleted for it".to_owned()
    } else if bundled == 0 && !allow_empty {
        format!(
            "git has no objects any more and {} would be deleted; set syncPolicy.automated.allowEmpty to allow it always",
            set.len()
        )
    } else if let Some(key) = in_use.first() {
        format!("{key} would be deleted with everything in it or that uses it")
    } else if counted > most {
        format!("{counted} objects would be deleted; more than {most} need an approval")
    } else if counted > limit && bundled > 0 {
        format!("{counted} of {owned} objects would be deleted; more than {limit} need an approval")
    } else {
        return None;
    };
    let keys = set.iter().take(SHOWN).map(|(key, _)| key.clone()).collect();
    Some(Hold { reason, set: set_digest(set), count: set.len() as u64, keys })
}

/// How many of `set` have a successor in the bundle: same kind and place, same name up to the hash that Kustomize appends.
pub fn replaced<'a>(set: &PruneSet, bundled: impl Iterator<Item = &'a ResourceKey>) -> usize {
    let stem = |key: &ResourceKey| Some((key.group.clone(), key.kind.clone(), without_hash(&key.name)?.to_owned()));
    let successors: BTreeSet<_> = bundled.filter_map(stem).collect();
    set.iter().filter(|(key, _)| stem(key).is_some_and(|stem| successors.contains(&stem))).count()
}

/// The name without Kustomize's hash: ten characters of its alphabet after a dash.
fn without_hash(name: &str) -> Option<&str> {
    let (stem, hash) = name.rsplit_once('-')?;
    let is_hash = hash.len() == 10 && hash.bytes().all(|byte| b"bcdfghkmt2456789".contains(&byte));
    is_hash.then_some(stem)
}

/// Digest of the sorted (key, uid) set: what an approval names.
pub fn set_digest(set: &PruneSet) -> Digest {
    let mut lines: Vec<String> = set.iter().map(|(key, uid)| format!("{key} {uid}\n")).collect();
    lines.sort_unstable();
    Digest::of(lines.concat().as_bytes())
}

/// Kinds whose deletion takes others along.
pub fn takes_others_along(key: &ResourceKey) -> bool {
    matches!(
        (key.group.as_str(), key.kind.as_str()),
        ("", "Namespace" | "PersistentVolume" | "PersistentVolumeClaim")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(count: usize) -> PruneSet {
        let key = |i: usize| ResourceKey {
            group: String::new(),
            kind: "ConfigMap".into(),
            namespace: "shop".into(),
            name: format!("c{i}"),
        };
        (0..count).map(|i| (key(i), format!("uid-{i}"))).collect()
    }

    #[test]
    fn deletions_wait_by_the_rules_of_p2() {
        let usual = Circumstances {
            complete: true,
            bundled: 20,
            owned: 24,
            replaced: 0,
            allow_empty: false,
            limits: PruneLimits::default(),
        };
        let with = |f: &dyn Fn(&mut Circumstances)| {
            let mut c = usual;
            f(&mut c);
            c
        };
        let held = |count: usize, c: Circumstances| hold(&set(count), &[], c).map(|h| h.reason);
        assert_eq!(held(0, usual), None);
        assert_eq!(held(12, usual), None, "half is free");
        assert!(held(13, usual).is_some_and(|r| r.contains("13 of 24")));
        assert_eq!(held(5, with(&|c| c.owned = 6)), None, "five are free");
        assert!(held(1, with(&|c| c.complete = false)).is_some_and(|r| r.contains("incomplete")));
        assert!(held(1, with(&|c| c.bundled = 0)).is_some_and(|r| r.contains("allowEmpty")));
        let emptied = with(&|c| (c.bundled, c.allow_empty) = (0, true));
        assert_eq!(held(24, emptied), None, "allowEmpty is the word for it");
        assert!(held(101, with(&|c| c.owned = 1000)).is_some());
        let namespace = ResourceKey {
            group: String::new(),
            kind: "Namespace".into(),
            namespace: String::new(),
            name: "shop".into(),
        };
        assert!(hold(&set(1), &[namespace], usual).is_some_and(|h| h.reason.contains("Namespace shop")));
    }

    #[test]
    fn the_set_is_the_same_in_any_order_and_another_with_any_other_object() {
        let mut reversed = set(3);
        reversed.reverse();
        assert_eq!(set_digest(&set(3)), set_digest(&reversed));
        reversed[0].1 = "recreated".into();
        assert_ne!(set_digest(&set(3)), set_digest(&reversed));
    }
}
