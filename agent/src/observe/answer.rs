//! What an apiserver answered, and what its refusals mean.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

/// Why a request to the apiserver gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The agent's way to the apiserver is not configured right.
    #[error("the way to the apiserver is not configured: {0}")]
    Config(String),
    /// It answered, and refused.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// It did not answer in time. Whether it did what was asked is not known.
    #[error("the apiserver did not answer within {0:?}")]
    Timeout(Duration),
    /// It could not be reached, or the connection broke. Whether it did what was asked is not known.
    #[error("the apiserver cannot be reached: {0}")]
    Unreachable(String),
    /// Its answer makes no sense.
    #[error("the apiserver's answer makes no sense: {0}")]
    Malformed(String),
}

/// A refusal: Kubernetes' own `Status`, where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    /// Kubernetes' word for it, such as `NotFound` or `Conflict`; empty when the answer is not Kubernetes'.
    pub reason: String,
    /// For people. May quote the object.
    pub message: String,
    /// The object that it is about; empty when it is about none.
    pub name: String,
    /// What is wrong in detail.
    pub causes: Vec<Cause>,
    /// How long to wait before asking again.
    pub retry_after: Option<Duration>,
    /// Whether the object itself cannot be read as one of its kind; apiservers call that an internal error.
    pub malformed: bool,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// Kubernetes' word for it, such as `FieldValueInvalid`.
    pub reason: String,
    /// The field's path.
    pub field: String,
    /// For people. May quote the object.
    pub message: String,
}

/// What an apiserver says when it cannot read what it is given.
const MALFORMED: [&str; 4] =
    ["failed to create typed patch object", "field not declared in schema", "illegal base64 data", "unable to decode"];

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    kind: String,
    message: String,
    reason: String,
    code: u16,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    name: String,
    causes: Vec<Cause>,
    retry_after_seconds: u64,
}

// === impl Answer ===

impl Answer {
    /// The body of a success.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !self.status.is_success() {
            return Err(self.refusal());
        }
        // The parser's message may quote the text, and the text may be a Secret.
        let place = |error: serde_json::Error| format!("line {} column {}", error.line(), error.column());
        serde_json::from_slice(&self.body).map_err(|error| Error::Malformed(place(error)))
    }

    /// What a failure says.
    pub(crate) fn refusal(&self) -> Error {
        let status: Status = serde_json::from_slice(&self.body).unwrap_or_default();
        let mut refusal = if status.kind == "Status" { of_status(status) } else { self.foreign() };
        refusal.code = self.status.as_u16();
        refusal.retry_after = self.retry_after.or(refusal.retry_after);
        Error::Refused(Box::new(refusal))
    }

    /// A page of a proxy, or the apiserver's plain "404 page not found".
    fn foreign(&self) -> Refusal {
        let text: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
        let told = if text.trim().is_empty() || text.contains('<') {
            self.status.canonical_reason().unwrap_or("no reason given").to_owned()
        } else {
            text.trim().to_owned()
        };
        Refusal { message: told, ..Refusal::default() }
    }
}

/// The `Status` inside a watch.
pub(crate) fn error_of_status(value: serde_json::Value) -> Error {
    let status: Status = serde_json::from_value(value).unwrap_or_default();
    Error::Refused(Box::new(of_status(status)))
}

fn of_status(status: Status) -> Refusal {
    let details = status.details.unwrap_or_default();
    let malformed = MALFORMED.iter().any(|words| status.message.contains(words));
    Refusal {
        malformed,
        code: status.code,
        reason: status.reason,
        message: status.message,
        name: details.name,
        causes: details.causes,
        retry_after: (details.retry_after_seconds > 0).then(|| Duration::from_secs(details.retry_after_seconds)),
    }
}

/// `Retry-After` in seconds; a date, which apiservers do not send, counts as absent.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// With its causes: "connection refused" is at the bottom of three layers that say "error".
pub(crate) fn unreachable(error: &kube::Error) -> Error {
    let mut text = error.to_string().trim_start_matches("ServiceError: ").to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    Error::Unreachable(text)
}

// === impl Error ===

impl Error {
    /// Whether the same request may succeed later, without anything else being changed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_retryable(),
            Self::Timeout(_) | Self::Unreachable(_) | Self::Malformed(_) => true,
            Self::Config(_) => false,
        }
    }

    /// How long the apiserver asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.refused().and_then(|refusal| refusal.retry_after)
    }

    /// The refusal, if it is one.
    pub fn refused(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// Whether an object of this name was proved not to be there. A 404 that names no object says only that the path is not served.
    pub fn proves_absence_of(&self, name: &str) -> bool {
        self.code == 404 && self.reason == "NotFound" && self.name == name
    }

    /// Whether the path itself is not served: its CRD or API group is missing, or not there yet.
    pub fn is_not_served(&self) -> bool {
        self.code == 404 && self.name.is_empty()
    }

    /// Whether the resource version asked for is too old to go on from.
    pub fn is_expired(&self) -> bool {
        self.code == 410 || matches!(self.reason.as_str(), "Expired" | "Gone")
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self.code {
            408 | 409 | 410 | 425 | 429 | 502..=504 => true,
            500 => !self.malformed,
            403 => self.causes.iter().any(|cause| cause.reason == "NamespaceTerminating"),
            // Its namespace, or its kind: both may still come.
            404 => true,
            _ => false,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.reason.as_str() {
            "" => write!(f, "{} ({})", self.message, self.code),
            reason => write!(f, "{} ({} {reason})", self.message, self.code),
        }
    }
}
