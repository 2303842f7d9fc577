//! The health of many objects as one.

use serde_json::Value;

use super::{HealthStatus, assess};
use crate::manifest::annotation;

const IGNORE_HEALTHCHECK: &str = "argocd.argoproj.io/ignore-healthcheck";

/// What one managed object, hooks not being such, adds to the health of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contribution {
    /// It does not exist. That is a matter of sync status and makes the whole no worse, unless nothing exists.
    Missing,
    /// It exists, and counts for nothing: no check for its kind, or `ignore-healthcheck`.
    Neutral,
    /// It exists and does this well.
    Assessed(HealthStatus),
}

/// The worst of the assessed; Missing at least when something is managed and nothing exists; Healthy when nothing is managed.
/// From Argo CD's `setApplicationHealth`.
pub fn aggregate(contributions: impl IntoIterator<Item = Contribution>) -> HealthStatus {
    let (mut worst, mut managed, mut live) = (HealthStatus::Healthy, false, false);
    for contribution in contributions {
        managed = true;
        live |= contribution != Contribution::Missing;
        if let Contribution::Assessed(status) = contribution {
            worst = worst.max(status);
        }
    }
    if managed && !live { worst.max(HealthStatus::Missing) } else { worst }
}

/// Whether the object asks, with `argocd.argoproj.io/ignore-healthcheck: "true"`, to count for nothing. Waiting for a sync wave heeds it not.
pub fn is_ignored(object: &Value) -> bool {
    annotation(object, IGNORE_HEALTHCHECK) == Some("true")
}

// === impl Contribution ===

impl Contribution {
    /// Of a live object, or of its absence.
    pub fn of(live: Option<&Value>) -> Self {
        match live {
            None => Self::Missing,
            Some(object) if is_ignored(object) => Self::Neutral,
            Some(object) => assess(object).map_or(Self::Neutral, |health| Self::Assessed(health.status)),
        }
    }
}
