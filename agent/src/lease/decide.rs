//! Whether a replica may take the Lease: decided by how long its record stayed as it is before this replica's own eyes, so that clocks need not agree.

use std::time::Duration;

/// The Lease as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record {
    /// Who holds it; empty after it was given back.
    pub(super) holder: String,
    /// For how long, without a word of the holder.
    pub(super) duration: Duration,
    /// How often it was taken.
    pub(super) transitions: u64,
    /// The object's version, for the write that takes it.
    pub(super) version: String,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it, with this epoch.
    Take { epoch: u64 },
    /// Somebody works; look again after this time.
    Wait(Duration),
}

/// How often a Lease that somebody holds is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Decides about a Lease that has not changed for `unchanged`. `least` is an epoch that nobody holds any more: a Lease that was deleted counts from there.
pub(super) fn decide(record: Option<&Record>, unchanged: Duration, me: &str, least: u64) -> Verdict {
    let Some(record) = record else { return Verdict::Take { epoch: least + 1 } };
    let take = Verdict::Take { epoch: record.transitions.max(least) + 1 };
    // Under my own name: an earlier process of this Pod, which is dead.
    if record.holder.is_empty() || record.holder == me {
        return take;
    }
    match record.duration.checked_sub(unchanged) {
        None | Some(Duration::ZERO) => take,
        Some(left) => Verdict::Wait(left.min(LOOK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_taken_when_nobody_holds_it_any_more() {
        let second = Duration::from_secs;
        let held = |by: &str| Record { holder: by.into(), duration: second(15), transitions: 4, version: "1".into() };
        let (take, wait) = (|epoch| Verdict::Take { epoch }, |seconds| Verdict::Wait(second(seconds)));
        for (record, unchanged, least, want) in [
            (None, 0, 0, take(1)),
            (None, 0, 7, take(8)),
            (Some(held("")), 0, 0, take(5)),
            (Some(held("me")), 0, 0, take(5)),
            (Some(held("other")), 0, 0, wait(2)),
            (Some(held("other")), 14, 0, wait(1)),
            (Some(held("other")), 15, 0, take(5)),
            (Some(held("other")), 15, 9, take(10)),
        ] {
            assert_eq!(decide(record.as_ref(), second(unchanged), "me", least), want, "{record:?} {unchanged}");
        }
    }
}
