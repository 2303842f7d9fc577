//! A cluster's desired state: rows, in an order that cannot go back unseen.
//!
//! Each generation has `chain = H(previous chain, what it changed)`. A hub that lacks an agent's (generation, chain) has been rolled back, whatever its
//! number. Only the hub makes chains; for agents they are 32 bytes to be told again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::digest::Digest;
use crate::target::TargetRow;

/// Where in a cluster's history a state stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Minted by an operator after a restore; an agent takes no other without their word.
    pub incarnation: Uuid,
    /// Grows by one with every change of the cluster's rows.
    pub generation: u64,
    /// Hash of the history up to here.
    pub chain: Chain,
}

/// A 32-byte history hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Chain(pub [u8; 32]);

/// All rows of a cluster at a position.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DesiredState {
    /// Rows by application uid.
    pub rows: BTreeMap<Uuid, TargetRow>,
    /// Rows that the hub's last full list no longer had: held, reported, and no part of what both ends agree on.
    pub frozen: BTreeSet<Uuid>,
    /// What the digest covers of each row, made when the row came: a step costs what it changes, hashing aside.
    chained: BTreeMap<Uuid, Arc<[u8]>>,
}

/// The step from one generation to a later one.
#[derive(Debug, Clone, PartialEq)]
pub struct Delta {
    /// The generation that it starts from; ignored when `full`.
    pub from: u64,
    /// Where it leads.
    pub to: Position,
    /// Digest of all rows after it, operations aside.
    pub digest: Digest,
    /// Rows that are new or changed; every row, when `full`.
    pub rows: Vec<TargetRow>,
    /// Targets whose removal is finished: their rows go. A target that is merely missing from a full list is frozen, never removed.
    pub finished: Vec<Uuid>,
    /// Whether `rows` is the whole list.
    pub full: bool,
}

/// Why an agent does not take a delta.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The hub's history is another one than the agent's: an operator must mint a new incarnation or bring the old hub back.
    #[error("the hub offers incarnation {offered}, this cluster belongs to {held}")]
    Incarnation {
        /// What came.
        offered: Uuid,
        /// What is held.
        held: Uuid,
    },
    /// It leads back.
    #[error("the hub offers generation {offered}, this cluster already holds {held}")]
    Backwards {
        /// What came.
        offered: u64,
        /// What is held.
        held: u64,
    },
    /// It starts elsewhere than the agent stands.
    #[error("the change starts at generation {from}, this cluster holds {held}")]
    Gap {
        /// Where it starts.
        from: u64,
        /// What is held.
        held: u64,
    },
    /// The rows after it are not what the hub says they are.
    #[error("after the change the rows differ from the hub's")]
    Digest,
}

/// [`DesiredState::digest`] from rows' [`TargetRow::chained_bytes`], by application uid ascending: a hub that keeps these bytes need not make them again.
pub fn digest_of_rows(rows: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Digest {
    let mut bytes = Vec::new();
    for row in rows {
        let row = row.as_ref();
        bytes.extend_from_slice(&(row.len() as u64).to_be_bytes());
        bytes.extend_from_slice(row);
    }
    Digest::of(&bytes)
}

// === impl Chain ===

impl Chain {
    /// The chain before the first generation.
    pub const START: Self = Self([0; 32]);

    /// The chain of the next generation, from the rows that it changes: each row's [`TargetRow::chained_bytes`], or nothing where it goes. It costs what
    /// changes, not what there is; as it covers every earlier change, it says what there is all the same.
    pub fn next<'a>(self, changes: impl IntoIterator<Item = (&'a Uuid, Option<&'a Digest>)>) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        for (application, row) in changes {
            hash.update(application.as_bytes());
            hash.update(row.map_or([0; 33], |row| row.to_bytes()));
        }
        Self(hash.finalize().into())
    }
}

// === impl DesiredState ===

impl DesiredState {
    /// A state of these rows.
    pub fn of(rows: impl IntoIterator<Item = TargetRow>) -> Self {
        let rows: BTreeMap<Uuid, TargetRow> = rows.into_iter().map(|row| (row.application(), row)).collect();
        let chained = rows.iter().map(|(uid, row)| (*uid, row.chained_bytes().into())).collect();
        Self { rows, frozen: BTreeSet::new(), chained }
    }

    /// Digest of the rows by application uid, operations and frozen rows aside.
    pub fn digest(&self) -> Digest {
        digest_of_rows(self.chained.iter().filter(|(uid, _)| !self.frozen.contains(uid)).map(|(_, bytes)| bytes))
    }

    /// The state after `delta`, where an agent at `held` may take it. Rows missing from a full list are kept: absence of information is never a delete.
    pub fn advanced(&self, held: Option<&Position>, delta: &Delta) -> Result<Self, Refused> {
        if let Some(held) = held {
            if held.incarnation != delta.to.incarnation {
                return Err(Refused::Incarnation { offered: delta.to.incarnation, held: held.incarnation });
            }
            if delta.to.generation < held.generation {
                return Err(Refused::Backwards { offered: delta.to.generation, held: held.generation });
            }
        }
        let held_generation = held.map_or(0, |held| held.generation);
        if !delta.full && delta.from != held_generation {
            return Err(Refused::Gap { from: delta.from, held: held_generation });
        }
        let mut next = self.clone();
        for uid in &delta.finished {
            next.rows.remove(uid);
            next.chained.remove(uid);
            next.frozen.remove(uid);
        }
        for row in &delta.rows {
            next.frozen.remove(&row.application());
            next.chained.insert(row.application(), row.chained_bytes().into());
            next.rows.insert(row.application(), row.clone());
        }
        if delta.full {
            let listed: BTreeSet<Uuid> = delta.rows.iter().map(TargetRow::application).collect();
            next.frozen = next.rows.keys().filter(|uid| !listed.contains(uid)).copied().collect();
        }
        if next.digest() == delta.digest { Ok(next) } else { Err(Refused::Digest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::ApplicationName;
    use crate::target::TargetSpec;

    fn row(id: u128, revision: &str) -> TargetRow {
        TargetRow::Present(TargetSpec {
            revision: revision.into(),
            default_namespace: "shop".into(),
            ..TargetSpec::of(
                Uuid::from_u128(id),
                ApplicationName::new("", "web").expect("a name"),
                Digest::of(b"bundle"),
                Digest::of(b"settings"),
            )
        })
    }

    fn delta(from: u64, to: u64, rows: Vec<TargetRow>, after: &DesiredState, full: bool) -> Delta {
        let to = Position { incarnation: Uuid::nil(), generation: to, chain: Chain::START };
        Delta { from, to, digest: after.digest(), rows, finished: vec![], full }
    }

    #[test]
    fn a_delta_leads_to_the_same_rows_as_a_full_list() {
        let before = DesiredState::of([row(1, "a"), row(2, "a")]);
        let after = DesiredState::of([row(1, "b"), row(2, "a")]);
        let held = delta(0, 4, vec![], &before, true).to;
        let step = delta(4, 6, vec![row(1, "b")], &after, false);
        let whole = delta(0, 6, vec![row(1, "b"), row(2, "a")], &after, true);
        assert_eq!(before.advanced(Some(&held), &step), Ok(after.clone()));
        assert_eq!(DesiredState::default().advanced(None, &whole), Ok(after));
    }

    #[test]
    fn a_chain_covers_each_change_and_all_before_it() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let start = Chain::START.next([(&one, Some(&a))]);
        let mut chains = vec![
            Chain::START,
            start,
            start.next([(&one, Some(&a))]),
            start.next([(&one, Some(&b))]),
            start.next([(&one, None)]),
            start.next([(&two, Some(&b))]),
            start.next([(&one, Some(&b)), (&two, Some(&b))]),
            Chain::START.next([(&one, Some(&b))]).next([(&one, Some(&a))]),
        ];
        let count = chains.len();
        chains.sort_by_key(|chain| chain.0);
        chains.dedup();
        assert_eq!(chains.len(), count);
    }

    /// Agents of the version before compare with this digest of these rows; a field that is new must be left out where it says nothing.
    #[test]
    fn the_digest_of_rows_is_the_one_that_the_first_version_made() {
        let removing = r#"{"removing":{"application":"01a209f7-dea8-72f7-a616-9ed2843ef993","name":{"namespace":"argocd","name":"leaving"},"cascade":"orphan","by":"ann"}}"#;
        let present = r#"{"present":{"application":"01a209f7-deb0-757b-86f6-75aa99284951","name":{"namespace":"argocd","name":"shop"},"bundle":"1:82c2a65961a67403c10217aa3b1a2f9f96b5763c636e59671bf453c1859f2603","settings":"1:0c1200830b23e8aa797483b65b6a2cc41d4197620fcbc4ca608897584b56f63f","revision":"shop","defaultNamespace":"shop","operation":null,"approval":null,"adoption":null}}"#;
        let rows = [removing, present].map(|row| serde_json::from_str::<TargetRow>(row).expect("a row"));
        let bytes = [
            r#"{"removing":{"application":"01a209f7-dea8-72f7-a616-9ed2843ef993","by":"ann","cascade":"orphan","name":{"name":"leaving","namespace":"argocd"}}}"#,
            r#"{"present":{"adoption":null,"application":"01a209f7-deb0-757b-86f6-75aa99284951","approval":null,"bundle":"1:82c2a65961a67403c10217aa3b1a2f9f96b5763c636e59671bf453c1859f2603","defaultNamespace":"shop","name":{"name":"shop","namespace":"argocd"},"operation":null,"revision":"shop","settings":"1:0c1200830b23e8aa797483b65b6a2cc41d4197620fcbc4ca608897584b56f63f"}}"#,
        ];
        assert_eq!(DesiredState::of(rows).digest(), digest_of_rows(bytes));
    }

    #[test]
    fn history_never_goes_back_or_sideways() {
        let state = DesiredState::of([row(1, "a")]);
        let held = Position { incarnation: Uuid::nil(), generation: 5, chain: Chain::START };
        let backwards = state.advanced(Some(&held), &delta(0, 4, vec![row(1, "a")], &state, true));
        assert_eq!(backwards, Err(Refused::Backwards { offered: 4, held: 5 }));
        let gap = state.advanced(Some(&held), &delta(4, 6, vec![], &state, false));
        assert_eq!(gap, Err(Refused::Gap { from: 4, held: 5 }));
        let mut foreign = delta(5, 6, vec![], &state, false);
        foreign.to.incarnation = Uuid::max();
        assert!(matches!(state.advanced(Some(&held), &foreign), Err(Refused::Incarnation { .. })));
        let mut wrong = delta(5, 6, vec![], &state, false);
        wrong.digest = Digest::of(b"other");
        assert_eq!(state.advanced(Some(&held), &wrong), Err(Refused::Digest));
    }

    #[test]
    fn a_row_missing_from_a_full_list_is_frozen_not_removed() {
        let state = DesiredState::of([row(1, "a"), row(2, "a")]);
        let list = DesiredState::of([row(1, "a")]);
        let full = delta(0, 7, vec![row(1, "a")], &list, true);
        let frozen = state.advanced(None, &full).expect("taken");
        assert_eq!((frozen.rows.len(), frozen.frozen.iter().next()), (2, Some(&Uuid::from_u128(2))));
        let held = full.to;
        let after = DesiredState::of([row(1, "b")]);
        let step = frozen.advanced(Some(&held), &delta(7, 8, vec![row(1, "b")], &after, false));
        assert!(step.is_ok(), "a frozen row is no part of the comparison: {step:?}");
    }
}
