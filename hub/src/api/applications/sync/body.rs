//! What a sync may be asked for, within limits.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_domain::cluster::ClusterSelector;
use windlass_domain::duration;
use windlass_domain::target::{OperationOptions, Retry, Selector, TargetSettings};

use super::choose;
use crate::api::error::{ApiError, Result};

/// The most entries of a list.
const MOST: usize = 1000;
/// The most characters of a text.
const LONGEST: usize = 1024;
/// The longest that an operation may take, waiting and retries included.
const LONGEST_TIME: u64 = 24 * 60 * 60;

/// What to sync.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct SyncBody {
    /// Whether objects that left git are deleted; it never overrides a hold.
    pub(super) prune: bool,
    /// Only on these clusters, by name; every cluster when empty.
    pub(super) clusters: Vec<String>,
    /// Another commit, branch or tag than the application's.
    revision: Option<String>,
    /// Only these objects: `[!]group:kind:[namespace/]name`, `*` is any text. No hooks run then, and no history is written.
    resources: Vec<String>,
    /// Only objects with these labels, as `kubectl -l` takes it.
    label_selector: Option<String>,
    /// Nothing is written: each cluster is asked what it would say.
    dry_run: bool,
    /// `hook` (the default) or `apply`: without hooks.
    strategy: Option<String>,
    /// Objects are replaced instead of applied.
    replace: bool,
    /// Objects that cannot be changed are deleted and made again.
    force: bool,
    /// Objects that are as git says are not applied again.
    apply_out_of_sync_only: bool,
    /// The server's field validation is switched off.
    skip_validation: bool,
    /// How a failure is tried again; not at all when absent.
    retry: Option<RetryBody>,
    /// How long one attempt may run; the application's timeout when absent. At most a day.
    timeout_seconds: Option<u64>,
    /// Notes, shown with the operation.
    info: Vec<Note>,
}

/// `retry` of Argo CD.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RetryBody {
    /// Retries after the first failure; -1: without end.
    limit: Option<i64>,
    /// Before the first retry, as Go writes it (`5s`).
    duration: Option<String>,
    factor: Option<u32>,
    /// The longest wait.
    max_duration: Option<String>,
    /// Whether a retry takes the newest commit.
    refresh: bool,
}

/// A note.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Note {
    name: String,
    value: String,
}

// === impl SyncBody ===

impl SyncBody {
    /// What is done otherwise than the application's settings say; every input is within its limit.
    pub(super) fn options(&self) -> Result<OperationOptions> {
        count("clusters", self.clusters.len(), MOST)?;
        count("resources", self.resources.len(), MOST)?;
        count("info", self.info.len(), 100)?;
        let apply_only = match self.strategy.as_deref() {
            None | Some("hook") => false,
            Some("apply") => true,
            Some(_) => return Err(ApiError::invalid("strategy", "strategy must be hook or apply")),
        };
        for note in &self.info {
            text("info", &note.name)?;
            text("info", &note.value)?;
        }
        if let Some(seconds) = self.timeout_seconds
            && !(1..=LONGEST_TIME).contains(&seconds)
        {
            let message = format!("timeoutSeconds is {seconds}; it must be from 1 to {LONGEST_TIME}");
            return Err(ApiError::invalid("timeoutSeconds", message));
        }
        Ok(OperationOptions {
            resources: self.resources.iter().map(|resource| selector(resource)).collect::<Result<_>>()?,
            dry_run: self.dry_run,
            apply_only,
            replace: self.replace,
            force: self.force,
            apply_out_of_sync_only: self.apply_out_of_sync_only,
            skip_validation: self.skip_validation,
            retry: self.retry.as_ref().map(RetryBody::retry).transpose()?,
            timeout_seconds: self.timeout_seconds,
            settings: None,
            pinned: self.revision.is_some(),
            info: self.info.iter().map(|note| (note.name.clone(), note.value.clone())).collect(),
        })
    }

    /// The labels that choose objects.
    pub(super) fn labels(&self) -> Result<Option<ClusterSelector>> {
        let Some(given) = self.label_selector.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Ok(None);
        };
        text("labelSelector", given)?;
        if self.revision.is_some() {
            let message =
                "labels choose among the objects of the desired commit; with another revision, name them in resources";
            return Err(ApiError::invalid("labelSelector", message));
        }
        choose::parse(given).map(Some).map_err(|why| ApiError::invalid("labelSelector", why))
    }

    /// The commit, branch or tag that was named.
    pub(super) fn revision(&self) -> Result<Option<&str>> {
        let Some(given) = self.revision.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        text("revision", given)?;
        if given.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ApiError::invalid("revision", "revision holds white space or control characters"));
        }
        Ok(Some(given))
    }

    /// When it is over, waiting for the agent and retries included.
    pub(super) fn deadline(&self, application: &Application) -> SignedDuration {
        deadline(application, self.timeout_seconds, self.retry.as_ref().and_then(|retry| retry.limit).unwrap_or(0))
    }
}

/// Each attempt may take its time; retries come on top, up to a day.
pub(in crate::api::applications) fn deadline(
    application: &Application,
    timeout: Option<u64>,
    retries: i64,
) -> SignedDuration {
    let one = timeout.unwrap_or_else(|| TargetSettings::of(application).timeout().as_secs());
    let attempts = u64::try_from(retries).map_or(u64::MAX, |retries| retries.saturating_add(1));
    let all = one.saturating_mul(attempts).clamp(1, LONGEST_TIME);
    SignedDuration::from_secs(i64::try_from(all).unwrap_or(i64::MAX))
}

impl RetryBody {
    fn retry(&self) -> Result<Retry> {
        let mut retry = Retry::default();
        if let Some(limit) = self.limit {
            if !(-1..=1000).contains(&limit) {
                return Err(ApiError::invalid("retry.limit", "retry.limit must be from -1 (without end) to 1000"));
            }
            retry.limit = limit;
        }
        if let Some(factor) = self.factor {
            if !(1..=100).contains(&factor) {
                return Err(ApiError::invalid("retry.factor", "retry.factor must be from 1 to 100"));
            }
            retry.factor = factor;
        }
        if let Some(given) = &self.duration {
            retry.duration_ms = millis("retry.duration", given)?;
        }
        if let Some(given) = &self.max_duration {
            retry.max_ms = millis("retry.maxDuration", given)?;
        }
        retry.refresh = self.refresh;
        Ok(retry)
    }
}

fn millis(field: &str, given: &str) -> Result<u64> {
    text(field, given)?;
    let parsed = duration::parse(given).map_err(|error| ApiError::invalid(field, error.to_string()))?;
    if parsed.is_zero() || parsed.as_secs() > LONGEST_TIME {
        return Err(ApiError::invalid(field, format!("{field} must be more than nothing and at most a day")));
    }
    Ok(u64::try_from(parsed.as_millis()).unwrap_or(u64::MAX))
}

fn selector(given: &str) -> Result<Selector> {
    text("resources", given)?;
    given
        .parse()
        .map_err(|error: windlass_domain::target::NotASelector| ApiError::invalid("resources", error.to_string()))
}

pub(in crate::api) fn count(field: &str, count: usize, most: usize) -> Result<()> {
    if count > most {
        return Err(ApiError::invalid(field, format!("{field} has {count} entries; the limit is {most}")));
    }
    Ok(())
}

pub(in crate::api) fn text(field: &str, given: &str) -> Result<()> {
    let count = given.chars().count();
    if count > LONGEST {
        return Err(ApiError::invalid(field, format!("{field} has {count} characters; the limit is {LONGEST}")));
    }
    Ok(())
}
