//! What writes of manifests have in common: what the caller expects to be there, and what is answered.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use windlass_store::{Expected, PutOutcome};

use super::applications::get::etag;
use super::error::{ApiError, Result};
use super::input::{Parameters, if_match};

/// How often a write is tried while others write the same record.
pub(super) const ATTEMPTS: u32 = 3;

/// Tells `changed` from `unchanged`, which are both 200.
const OUTCOME: &str = "x-windlass-outcome";

pub(super) type Answer<T> = (StatusCode, HeaderMap, Json<T>);

/// What `If-Match` says.
pub(super) fn expected(headers: &HeaderMap) -> Result<Expected> {
    Ok(if_match(headers)?.map_or(Expected::Anything, Expected::Revision))
}

/// What a creation expects: nothing, unless `upsert=true` says that whatever is there may be replaced.
pub(super) fn creation(parameters: Parameters) -> Result<Expected> {
    let upsert: bool = parameters.only(&["upsert"])?.parsed("upsert", "true or false")?.unwrap_or(false);
    Ok(if upsert { Expected::Anything } else { Expected::Nothing })
}

/// Whether the manifest is of what the path names.
pub(super) fn check_name(manifest: &str, path: &str) -> Result<()> {
    if manifest == path {
        return Ok(());
    }
    let message = format!("the manifest is of {manifest}, the path of {path}; make them equal");
    Err(ApiError::invalid("metadata.name", message))
}

/// Whether what is there (its revision) is what the caller expects. `what` is the record in words: `application`, `project`.
pub(super) fn check(what: &'static str, name: &str, existing: Option<u64>, expected: Expected) -> Result<()> {
    match (expected, existing) {
        (Expected::Nothing, Some(_)) => {
            Err(ApiError::conflict(format!("{what} {name} exists already; use upsert to change it")))
        }
        (Expected::Revision(_), None) => Err(ApiError::not_found(what, name)),
        (Expected::Revision(expected), Some(found)) if expected != found => Err(ApiError::conflict(format!(
            "{what} {name} is at revision {found}, not {expected}: read it and change that"
        ))),
        _ => Ok(()),
    }
}

/// What was written, at its revision.
pub(super) fn answer<T>(revision: u64, outcome: PutOutcome, object: T) -> Answer<T> {
    let status = if outcome == PutOutcome::Created { StatusCode::CREATED } else { StatusCode::OK };
    let mut headers = etag(revision);
    headers.insert(OUTCOME, HeaderValue::from_static(word(outcome)));
    (status, headers, Json(object))
}

fn word(outcome: PutOutcome) -> &'static str {
    match outcome {
        PutOutcome::Created => "created",
        PutOutcome::Changed => "changed",
        PutOutcome::Unchanged => "unchanged",
    }
}
