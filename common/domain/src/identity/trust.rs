//! Replacing the hub's certificate authority, in steps of which none cuts anybody off.
//!
//! 1. A new authority is made. From now on agents are given both, and what they are shown is still the old one's.
//! 2. Once every replica of the hub knows it, agents' certificates are signed by it. An agent that uses such a certificate has both authorities on disk:
//!    that use is its acknowledgement.
//! 3. When every cluster has acknowledged, or a person does without those that have not, the old one is retired: listeners show certificates of the new
//!    one, and the hub takes none of the old one any more. An agent forgets the old one with its next certificate.

use std::time::Duration;

use crate::time::Timestamp;

/// How long a new authority waits before it signs: every replica of the hub must trust it first.
pub const SETTLES: Duration = Duration::from_secs(15);

/// An authority that was made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityEntry {
    /// Counts from 0.
    pub number: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub by: String,
    /// When it was retired.
    pub retired_at: Option<Timestamp>,
}

/// A cluster that has joined, and who signed the certificate that it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The cluster's name.
    pub cluster: String,
    /// Its certificate's authority.
    pub authority: u64,
    /// Whether a session is up.
    pub connected: bool,
}

/// What comes of the wish to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advance {
    /// Make a new authority with this number.
    Make(u64),
    /// Some have not acknowledged; without force nothing is done.
    Wait(Vec<Holder>),
    /// Retire these; those clusters have not acknowledged and must join again.
    Retire {
        /// The authorities.
        numbers: Vec<u64>,
        /// The clusters that are left behind.
        without: Vec<Holder>,
    },
}

/// What a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// A new authority.
    Begin,
    /// The old one's end.
    Retire {
        /// Also without those that have not acknowledged.
        force: bool,
    },
}

/// Why a wish cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// One rotation at a time.
    #[error("a rotation is under way: retire the old authority first (windlass cluster rotate-ca --retire)")]
    UnderWay,
    /// Nothing to retire.
    #[error("no rotation is under way: begin one (windlass cluster rotate-ca)")]
    NotBegun,
    /// The new one signs nothing yet.
    #[error("the new authority was made a moment ago: try again in {} s", SETTLES.as_secs())]
    Settling,
}

/// Those that are trusted, oldest first. `entries` are in the order of their numbers.
pub fn trusted(entries: &[AuthorityEntry]) -> impl Iterator<Item = &AuthorityEntry> {
    entries.iter().filter(|entry| entry.retired_at.is_none())
}

/// The one that signs the hub's own certificates: the oldest that is trusted, which everybody knows.
pub fn serving(entries: &[AuthorityEntry]) -> Option<&AuthorityEntry> {
    trusted(entries).next()
}

/// The one that signs agents' certificates: the newest that every replica knows by now.
pub fn signing(entries: &[AuthorityEntry], now: Timestamp) -> Option<&AuthorityEntry> {
    let settled = trusted(entries).filter(|entry| entry.created_at + SETTLES <= now).last();
    settled.or_else(|| serving(entries))
}

/// Clusters that use a certificate of an older authority than the newest.
pub fn missing(entries: &[AuthorityEntry], holders: &[Holder]) -> Vec<Holder> {
    let newest = trusted(entries).last().map_or(0, |entry| entry.number);
    holders.iter().filter(|holder| holder.authority < newest).cloned().collect()
}

/// What is to be done for a wish.
///
/// # Errors
/// When it does not fit where the rotation stands.
pub fn advance(entries: &[AuthorityEntry], holders: &[Holder], wish: Wish, now: Timestamp) -> Result<Advance, NotNow> {
    let numbers: Vec<u64> = trusted(entries).map(|entry| entry.number).collect();
    let next = entries.iter().map(|entry| entry.number + 1).max().unwrap_or(0);
    match (wish, numbers.split_last()) {
        (Wish::Begin, Some((_, older))) if !older.is_empty() => Err(NotNow::UnderWay),
        (Wish::Begin, _) => Ok(Advance::Make(next)),
        (Wish::Retire { .. }, None | Some((_, []))) => Err(NotNow::NotBegun),
        (Wish::Retire { force }, Some((newest, older))) => {
            if signing(entries, now).is_none_or(|signing| signing.number != *newest) {
                return Err(NotNow::Settling);
            }
            let without = missing(entries, holders);
            if without.is_empty() || force {
                Ok(Advance::Retire { numbers: older.to_vec(), without })
            } else {
                Ok(Advance::Wait(without))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::from_millis;

    fn entry(number: u64, made_at: i64, retired: bool) -> AuthorityEntry {
        let retired_at = retired.then(|| from_millis(1));
        AuthorityEntry { number, created_at: from_millis(made_at), by: "ann".into(), retired_at }
    }

    fn holder(cluster: &str, authority: u64) -> Holder {
        Holder { cluster: cluster.into(), authority, connected: true }
    }

    #[test]
    fn agents_are_signed_by_the_new_one_only_once_everybody_knows_it() {
        let entries = [entry(0, 0, true), entry(1, 0, false), entry(2, 100_000, false)];
        let number = |at: i64| signing(&entries, from_millis(at)).map(|entry| entry.number);
        assert_eq!((number(100_000), number(114_999), number(115_000)), (Some(1), Some(1), Some(2)));
        assert_eq!(serving(&entries).map(|entry| entry.number), Some(1), "what listeners show is what all trust");
        assert_eq!(trusted(&entries).count(), 2);
        assert_eq!(
            signing(&[entry(0, 100, false)], from_millis(100)).map(|entry| entry.number),
            Some(0),
            "the first one at once"
        );
    }

    #[test]
    fn a_rotation_ends_when_all_have_acknowledged_or_by_force_with_those_named() {
        let now = from_millis(1_000_000);
        let one = [entry(0, 0, false)];
        let two = [entry(0, 0, false), entry(1, 0, false)];
        let holders = [holder("eu-1", 1), holder("us-1", 0)];
        let retire = |force| Wish::Retire { force };
        assert_eq!(advance(&one, &holders, Wish::Begin, now), Ok(Advance::Make(1)));
        assert_eq!(advance(&two, &holders, Wish::Begin, now), Err(NotNow::UnderWay));
        assert_eq!(advance(&one, &holders, retire(true), now), Err(NotNow::NotBegun));
        assert_eq!(advance(&two, &holders, retire(false), now), Ok(Advance::Wait(vec![holder("us-1", 0)])));
        let forced = Advance::Retire { numbers: vec![0], without: vec![holder("us-1", 0)] };
        assert_eq!(advance(&two, &holders, retire(true), now), Ok(forced));
        let all = Advance::Retire { numbers: vec![0], without: vec![] };
        assert_eq!(advance(&two, &holders[..1], retire(false), now), Ok(all));
        let young = [entry(0, 0, false), entry(1, 999_000, false)];
        assert_eq!(advance(&young, &holders, retire(true), now), Err(NotNow::Settling));
        let after = [entry(0, 0, true), entry(1, 0, false)];
        assert_eq!(advance(&after, &holders, Wish::Begin, now), Ok(Advance::Make(2)));
    }
}
