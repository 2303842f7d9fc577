//! Parts of several answers.

use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::status::{self, Freshness};
use windlass_domain::time::Timestamp;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// How many match in all; absent when your grants cover a part only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<u64>,
    /// Send it as `after` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// A watch with `after` this revision continues where the page was read.
    pub(crate) revision: u64,
}

/// What a status is worth.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FreshnessView {
    /// When the cluster's facts were last proven; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) verified_at: Option<Timestamp>,
    /// Whether the agent's session is up.
    pub(crate) connected: bool,
    /// `true`: do not take the status for the present one.
    pub(crate) stale: bool,
}

/// A named circumstance.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    /// Argo CD's condition types, and a few more.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub(crate) kind: status::ConditionKind,
    pub(crate) message: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_transition_time: Timestamp,
    /// The cluster whose agent says so; absent for the hub's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cluster: Option<String>,
}

// === impl Page ===

impl<T> Page<T> {
    pub(crate) fn of<S>(page: windlass_store::Page<S>, view: impl FnMut(S) -> T) -> Self {
        let items = page.items.into_iter().map(view).collect();
        Self { items, total: Some(page.total), next: page.next, revision: page.revision }
    }
}

// === impl FreshnessView ===

impl FreshnessView {
    pub(crate) fn at(verified_at: Option<Timestamp>, connected: bool, now: Timestamp) -> Self {
        let Freshness { verified_at, connected, stale } = Freshness::at(verified_at, connected, now);
        Self { verified_at, connected, stale }
    }

    /// Of several: as old as the oldest; without any, nothing is known.
    pub(crate) fn worst(all: impl Iterator<Item = Self>) -> Self {
        let worse = |a: Self, b: Self| Self {
            verified_at: a.verified_at.min(b.verified_at),
            connected: a.connected && b.connected,
            stale: a.stale || b.stale,
        };
        all.reduce(worse).unwrap_or(Self { verified_at: None, connected: false, stale: true })
    }
}

// === impl Condition ===

impl Condition {
    pub(crate) fn of(condition: &status::Condition, cluster: Option<&str>) -> Self {
        Self {
            kind: condition.kind,
            message: condition.message.clone(),
            last_transition_time: condition.since,
            cluster: cluster.map(str::to_owned),
        }
    }
}
