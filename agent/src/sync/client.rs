//! Writes to the cluster, with errors that people can read.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::projection::TakenField;

use crate::observe::client::{Cluster, Error as CallError, JSON, Refusal, request};

/// A write waits for admission webhooks, each of which may take 30 seconds.
const LIMIT: Duration = Duration::from_secs(60);
/// Kubernetes' word for a field that another manager owns with another value.
const FIELD_CONFLICT: &str = "FieldManagerConflict";
/// Field paths that an error about a Secret names.
const MAX_FIELDS: usize = 10;

/// Why a write was not made, or is not known to have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The apiserver refused it, or did not answer. For a Secret the source's text is replaced by what may be told.
    #[error("{key}: {source}")]
    Call {
        /// The object.
        key: ResourceKey,
        /// Why.
        source: CallError,
    },
    /// The object is not the one that was looked at: another took its name since.
    #[error("{0} was replaced since it was looked at")]
    Replaced(ResourceKey),
    /// The cluster does not serve its kind in this version (any more, or not yet).
    #[error("{0}: the cluster does not serve this kind")]
    NotServed(ResourceKey),
    /// The object is not one that can be written.
    #[error("{key}: {why}")]
    Object {
        /// The object.
        key: ResourceKey,
        /// Why.
        why: String,
    },
}

/// One write of an object. Waits for its turn; the time for the answer counts from then.
pub(super) async fn write(
    cluster: &Cluster,
    key: &ResourceKey,
    method: Method,
    path: &str,
    body: Body<'_>,
) -> Result<Value, Error> {
    let sent = async {
        let _turn = cluster.turn_to_write().await;
        let request = cluster.in_the_name(&key.namespace, request(method, path, JSON, Some(body.encode()))?)?;
        cluster.call(request, LIMIT).await?.json()
    };
    sent.await.map_err(|error| Error::of(key, error))
}

/// What is sent, and as what.
pub(super) enum Body<'a> {
    Json(&'a Value),
    Apply(&'a Value),
    JsonPatch(&'a Value),
}

// === impl Body ===

impl Body<'_> {
    fn encode(self) -> (&'static str, Vec<u8>) {
        let (kind, value) = match self {
            Self::Json(value) => (JSON, value),
            // JSON is YAML.
            Self::Apply(value) => ("application/apply-patch+yaml", value),
            Self::JsonPatch(value) => ("application/json-patch+json", value),
        };
        (kind, windlass_domain::manifest::canonical_bytes(value))
    }
}

// === impl Error ===

impl Error {
    /// A write whose answer was lost: what failpoints of action `return` make of one.
    pub fn lost(key: &ResourceKey) -> Self {
        Self::Call { key: key.clone(), source: CallError::Unreachable("the answer was lost".into()) }
    }

    /// Of a call about an object.
    pub(super) fn of(key: &ResourceKey, source: CallError) -> Self {
        if source.refused().is_some_and(|refusal| refusal.is_not_served()) {
            return Self::NotServed(key.clone());
        }
        let source = if key.is_secret() { discreet(source) } else { source };
        Self::Call { key: key.clone(), source }
    }

    /// Whether the same write may succeed later, without anybody changing anything. A write whose answer was lost is retryable: all of ours are idempotent.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call { source, .. } => source.is_retryable(),
            Self::Replaced(_) | Self::NotServed(_) => true,
            Self::Object { .. } => false,
        }
    }

    /// How long the apiserver asked to wait. Every request of the cluster waits for a 429 by itself.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Call { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    /// Whether a field cannot be changed on the live object: only Replace or Force would help.
    pub fn is_immutable(&self) -> bool {
        let Self::Call { source: CallError::Refused(refusal), .. } = self else { return false };
        let texts = refusal.causes.iter().map(|cause| &cause.message).chain([&refusal.message]);
        let said =
            |text: &String| ["immutable", "may not be changed", "are forbidden"].iter().any(|word| text.contains(word));
        refusal.code == 422 && texts.into_iter().any(said)
    }

    /// Whether nothing is known of what the write did: the answer was lost.
    pub fn is_ambiguous(&self) -> bool {
        matches!(
            self,
            Self::Call { source: CallError::Timeout(_) | CallError::Unreachable(_) | CallError::Malformed(_), .. }
        )
    }

    /// Whose fields, with other values than ours, kept an apply without force from being made.
    pub(super) fn conflicts(&self) -> Vec<TakenField> {
        let Self::Call { source: CallError::Refused(refusal), .. } = self else { return Vec::new() };
        let conflicts = refusal.causes.iter().filter(|cause| cause.reason == FIELD_CONFLICT);
        let taken = conflicts.map(|cause| TakenField {
            // conflict with "manager" using v1 at ...
            manager: cause.message.split('"').nth(1).unwrap_or("another manager").to_owned(),
            path: cause.field.trim_start_matches('.').to_owned(),
        });
        taken.collect()
    }

    fn refused(&self) -> Option<&Refusal> {
        match self {
            Self::Call { source, .. } => source.refused(),
            _ => None,
        }
    }

    /// Whether the object was proved not to be there.
    pub(super) fn proves_absence(&self) -> bool {
        let Self::Call { key, source: CallError::Refused(refusal) } = self else { return false };
        refusal.proves_absence_of(&key.name)
    }

    /// Whether an object of this name is there already.
    pub(super) fn already_exists(&self) -> bool {
        self.refused().is_some_and(|refusal| refusal.reason == "AlreadyExists")
    }

    /// Whether the object's namespace is not there.
    pub(super) fn lacks_namespace(&self) -> bool {
        let Self::Call { key, source: CallError::Refused(refusal) } = self else { return false };
        // What the server says of a Secret is not kept; an apply of one that is not there is no 404 otherwise.
        let says_so = || key.is_secret() || refusal.message.contains("namespaces");
        refusal.code == 404 && refusal.name == key.namespace && says_so()
    }

    /// Whether an admission webhook cannot be asked without effect.
    pub(super) fn lacks_dry_run(&self) -> bool {
        self.refused().is_some_and(|refusal| refusal.message.contains("does not support dry run"))
    }

    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Call { source: CallError::Refused(refusal), .. } if refusal.code == 409 && refusal.reason == "Conflict")
    }
}

/// A refusal may quote the object. What is left is the reason, and the fields that are wrong.
fn discreet(error: CallError) -> CallError {
    let CallError::Refused(mut refusal) = error else { return error };
    let fields = refusal.causes.iter().map(|cause| cause.field.as_str()).filter(|field| !field.is_empty());
    let fields: Vec<&str> = fields.take(MAX_FIELDS).collect();
    let why = match &refusal.message {
        _ if refusal.malformed => ": it is not a well-formed Secret (are the values base64?)",
        message if message.contains("immutable") => ": a field is immutable",
        _ => "",
    };
    let place = if fields.is_empty() { String::new() } else { format!(" at {}", fields.join(", ")) };
    refusal.message = format!("the apiserver refused it{why}{place}");
    // A conflict names another manager, and no value.
    for cause in refusal.causes.iter_mut().filter(|cause| cause.reason != FIELD_CONFLICT) {
        cause.message.clear();
    }
    CallError::Refused(refusal)
}
