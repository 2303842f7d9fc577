//! How an application's source stands, as columns. The time of the last look has a column of its own: it moves with every poll and is no change.

use serde::{Deserialize, Serialize};
use windlass_domain::digest::Digest;
use windlass_domain::status::Condition;
use windlass_domain::time::Timestamp;

use crate::error::Result;
use crate::model::SourceState;
use crate::sql::row::{Row, json};

/// Everything of a [`SourceState`] but the time.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::sql) struct SourceColumns {
    revision: Option<String>,
    bundle: Option<Digest>,
    subject: String,
    /// Absent in what earlier builds wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolved: Option<String>,
    conditions: Vec<Condition>,
}

// === impl SourceColumns ===

impl SourceColumns {
    pub(in crate::sql) fn of(state: &SourceState) -> Self {
        let SourceState { revision, bundle, subject, resolved, conditions, checked_at: _ } = state.clone();
        Self { revision, bundle, subject, resolved, conditions }
    }

    pub(in crate::sql) fn to_json(&self) -> Result<String> {
        json(self)
    }

    pub(in crate::sql) fn read(row: &Row) -> Result<Self> {
        row.json("source")
    }

    pub(in crate::sql) fn with_time(self, checked_at: Option<Timestamp>) -> SourceState {
        let Self { revision, bundle, subject, resolved, conditions } = self;
        SourceState { revision, bundle, subject, resolved, conditions, checked_at }
    }
}
