//! Errors as callers see them: what, why and what to do next; never an internal detail, a secret or a name that the caller may not know.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) type Result<T, E = ApiError> = std::result::Result<T, E>;

/// A refused or failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    field: Option<String>,
}

/// The body of every answer that is not 2xx (`application/problem+json`).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// For programs: stable, kebab-case.
    pub(crate) code: String,
    /// For people: the thing, the cause, the next step.
    pub(crate) message: String,
    /// The field of the request that is wrong, as a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// What to look for in the hub's log.
    pub(crate) request_id: Uuid,
}

// === impl ApiError ===

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None }
    }

    /// 401. One text for every reason, so that nothing is learnt about tokens.
    pub(crate) fn unauthenticated() -> Self {
        let message = "the request has no valid bearer token: it is missing, unknown or expired; run `windlass login`, or send Authorization: Bearer";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
    }

    /// 403 on a collection, where nothing is learnt from it.
    pub(crate) fn forbidden(resource: &str, action: &str) -> Self {
        let message = format!("no grant allows {action:?} on {resource}; ask an administrator of the hub for one");
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 404, the same for what is not there and for what the caller may not see.
    pub(crate) fn not_found(thing: &str, name: &str) -> Self {
        let message = format!(
            "{thing} {name:?} does not exist, or your grants do not include it; list what you can see with GET on the collection"
        );
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    /// 400 for one field.
    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(StatusCode::BAD_REQUEST, "invalid", message) }
    }

    /// 409.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// 503: nothing was decided, try again.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    /// 500; the cause goes to the log only.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "an API call failed");
        let message = "the hub failed to answer; the cause is in its log under this request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.status == StatusCode::CONFLICT
    }

    fn problem(&self, request_id: Uuid) -> Problem {
        Problem { code: self.code.to_owned(), message: self.message.clone(), field: self.field.clone(), request_id }
    }

    /// The final answer.
    pub(crate) fn respond(&self, request_id: Uuid) -> Response {
        let mut response = (self.status, Json(self.problem(request_id))).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Handlers do not know the request's id: the guard turns this into the final answer.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<windlass_store::Error> for ApiError {
    fn from(error: windlass_store::Error) -> Self {
        use windlass_store::Error as E;
        match error {
            E::NotFound { what } => Self::new(
                StatusCode::NOT_FOUND,
                "not-found",
                format!("{what} does not exist; it may have been deleted just now"),
            ),
            E::Conflict { what, why } => Self::conflict(format!("{what}: {why}")),
            E::CursorTooOld { .. } => Self::new(StatusCode::GONE, "cursor-too-old", error.to_string()),
            E::Invalid(why) => Self::new(StatusCode::BAD_REQUEST, "invalid", why),
            E::Unavailable { .. } | E::Contended { .. } | E::Full { .. } => {
                tracing::warn!(%error, "the store refused an API call");
                Self::unavailable(
                    "the hub's store cannot take the call now; look whether it took effect, and try again",
                )
            }
            error => Self::internal(error),
        }
    }
}

impl From<crate::desired::Error> for ApiError {
    fn from(error: crate::desired::Error) -> Self {
        use crate::desired::Error as E;
        match error {
            E::NotFound(name) => Self::not_found("application", &name.to_string()),
            E::Deleting(_) => Self::conflict(format!("{error}; wait until it is gone")),
            E::Source(why) => Self::invalid("revision", why),
            E::Store(_) | E::Contended(_) | E::Stopped => {
                tracing::warn!(%error, "a refresh failed");
                Self::unavailable(match error {
                    E::Store(_) => {
                        "the hub's store cannot take the result of the refresh now; it is tried again by itself"
                            .to_owned()
                    }
                    error => format!("{error}; try again"),
                })
            }
        }
    }
}
