//! When deletions wait for a person (promise P2).

use crate::digest::Digest;
use crate::manifest::ResourceKey;
use crate::status::Hold;

/// Objects that left git and are still there: key and uid.
pub type PruneSet = Vec<(ResourceKey, String)>;

/// More than this many objects are never deleted unasked.
const MOST: usize = 100;
/// Fewer than this many always may, unless another rule holds them.
const FREE: usize = 5;
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
    /// Whether a render of zero objects may delete everything.
    pub allow_empty: bool,
}

/// Why the deletion of `set` waits for a person, if it does. `in_use` are those of it whose deletion takes others along (Namespace, CRD, PV, PVC) and that
/// were not proved empty or unused.
pub fn hold(set: &PruneSet, in_use: &[ResourceKey], circumstances: Circumstances) -> Option<Hold> {
    let Circumstances { complete, bundled, owned, allow_empty } = circumstances;
    let limit = FREE.max(owned / 2);
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
    } else if set.len() > MOST {
        format!("{} objects would be deleted; more than {MOST} need an approval", set.len())
    } else if set.len() > limit && bundled > 0 {
        format!("{} of {owned} objects would be deleted; more than {limit} need an approval", set.len())
    } else {
        return None;
    };
    let keys = set.iter().take(SHOWN).map(|(key, _)| key.clone()).collect();
    Some(Hold { reason, set: set_digest(set), count: set.len() as u64, keys })
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
        let usual = Circumstances { complete: true, bundled: 20, owned: 24, allow_empty: false };
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
