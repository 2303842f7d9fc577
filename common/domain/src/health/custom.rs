//! The kinds of other projects that people meet most, each judged as its API documents its status.
//!
//! A kind that has an entry here is never judged by the general rules of `conditions.rs`. An entry of a whole family (`*.crossplane.io`) counts for
//! kinds that have none of their own. `windlass-agent health --list` prints them all.

mod argo;
mod backup;
mod certificates;
mod cloud;
mod cluster_api;
mod compute;
mod databases;
mod flux;
mod gateway;
mod istio;
mod knative;
mod learning;
mod messaging;
mod observability;
mod operators;
mod pipelines;
mod policies;
mod rule;
mod scaling;
mod search;
mod secrets;
mod storage;

use super::Health;
use super::part::{Malformed, Part};
use rule::Rule;

/// One kind, or every kind of a family of groups.
struct Entry {
    /// API group; `*.x` is every group that ends in `.x`.
    group: &'static str,
    /// Kind; `*` is every kind of the group.
    kind: &'static str,
    rule: Rule,
}

/// In the order in which they are printed; families after what is exact.
const ALL: &[&[Entry]] = &[
    argo::KINDS,
    backup::KINDS,
    certificates::KINDS,
    cluster_api::KINDS,
    compute::KINDS,
    databases::KINDS,
    flux::KINDS,
    gateway::KINDS,
    istio::KINDS,
    knative::KINDS,
    learning::KINDS,
    messaging::KINDS,
    observability::KINDS,
    operators::KINDS,
    pipelines::KINDS,
    policies::KINDS,
    scaling::KINDS,
    search::KINDS,
    secrets::KINDS,
    storage::KINDS,
    cloud::KINDS,
];

/// Judges an object of a kind that has an entry; `None` where it has none.
pub(super) fn check(group: &str, kind: &str, object: &Part<'_>) -> Option<Result<Health, Malformed>> {
    find(group, kind).map(|entry| entry.rule.judge(object))
}

/// Every entry: (group, kind).
pub(super) fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().copied().flatten().map(|entry| (entry.group, entry.kind))
}

fn find(group: &str, kind: &str) -> Option<&'static Entry> {
    ALL.iter().copied().flatten().find(|entry| entry.covers(group, kind))
}

// === impl Entry ===

impl Entry {
    const fn summary(group: &'static str, kind: &'static str, summary: rule::Summary) -> Self {
        Self { group, kind, rule: Rule::Summary(summary) }
    }

    const fn phases(group: &'static str, kind: &'static str, phases: rule::Phases) -> Self {
        Self { group, kind, rule: Rule::Phases(phases) }
    }

    const fn own(group: &'static str, kind: &'static str, check: super::Check) -> Self {
        Self { group, kind, rule: Rule::Own(check) }
    }

    fn covers(&self, group: &str, kind: &str) -> bool {
        let of_group = match self.group.strip_prefix('*') {
            Some(suffix) => group.ends_with(suffix),
            None => self.group == group,
        };
        of_group && (self.kind == "*" || self.kind == kind)
    }
}
