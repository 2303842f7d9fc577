//! What anybody may ask: whether the hub lives, whether it is ready, and its version.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::error::{ApiError, Result};

/// Which hub this is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Version {
    version: &'static str,
}

/// The process answers.
#[utoipa::path(get, path = "/livez", tag = "hub", security(()), responses((status = 200, body = str)))]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// The store answers too.
#[utoipa::path(get, path = "/readyz", tag = "hub", security(()), responses((status = 200, body = str), (status = 503)))]
pub(crate) async fn readyz(State(shared): State<Shared>) -> Result<&'static str> {
    let ready = shared.state.store.ping().await;
    ready.map(|()| "ok\n").map_err(|_| ApiError::unavailable("the hub's store does not answer; see the hub's log"))
}

/// The hub's version.
#[utoipa::path(get, path = "/api/v1/version", tag = "hub", security(()), responses((status = 200, body = Version)))]
pub(crate) async fn version() -> Json<Version> {
    Json(Version { version: env!("CARGO_PKG_VERSION") })
}
