//! `POST /clusters/{name}/revoke` and `/approve`: who is trusted as a cluster, by a person's word.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use windlass_domain::identity::record::{Event, Word};
use windlass_domain::identity::revocation::Revocation;
use windlass_domain::identity::verdict::{Refusal, Verdict};
use windlass_store::{ClusterView, IdentityEvent};

use super::object;
use crate::agents::outside;
use crate::api::Shared;
use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::view::ClusterObject;

const LONGEST_REASON: usize = 1000;
const LONGEST_SERIAL: usize = 64;

/// What is no longer trusted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RevokeBody {
    /// Only this certificate; without it, every certificate and unused token of the cluster.
    serial: Option<String>,
    /// For whoever meets it.
    reason: String,
}

/// What is right after all.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ApproveBody {
    /// This certificate is the cluster's, and the one in use is not; without it, what stands against the cluster.
    serial: Option<String>,
}

/// Ends the trust in a cluster's certificates, for good: its session ends within seconds on every hub, and only a new token lets an agent join again.
#[utoipa::path(post, path = "/api/v1/clusters/{name}/revoke", tag = "clusters", params(("name" = String, Path)), request_body = RevokeBody,
    responses((status = 200, body = ClusterObject), (status = 404, body = crate::api::error::Problem)))]
pub(crate) async fn revoke(
    State(shared): State<Shared>,
    caller: Caller,
    Named(view): Named<ClusterView>,
    Body(body): Body<RevokeBody>,
) -> Result<Json<ClusterObject>> {
    if body.reason.chars().count() > LONGEST_REASON {
        return Err(ApiError::invalid("reason", format!("it has more than {LONGEST_REASON} characters")));
    }
    let (state, cluster) = (&shared.state, view.cluster.uid);
    if let Some(serial) = &body.serial {
        let known = state.store.certificate(check_serial(serial)?).await?;
        if known.is_none_or(|known| known.cluster != cluster) {
            return Err(ApiError::not_found("certificate", serial));
        }
    }
    let now = state.clock.now();
    let word = Word { by: caller.name().to_owned(), at: now, reason: body.reason.clone() };
    let event = Event::Revoked { word, serial: body.serial.clone() };
    state.store.change_identity(cluster, &IdentityEvent { event, from: String::new() }, now).await?;
    state.registry.recheck(cluster);
    write_down(&shared, &view, caller.name(), &body.reason).await?;
    tracing::warn!(%cluster, name = view.cluster.name, by = caller.name(), serial = body.serial, reason = body.reason, "revoked");
    Ok(Json(object(&shared, &view.cluster.name).await?))
}

/// Every certificate of the cluster that the store has as revoked is on the list outside it, or the caller learns that it is not.
pub(super) async fn write_down(shared: &Shared, view: &ClusterView, by: &str, reason: &str) -> Result<()> {
    let state = &shared.state;
    if !state.revocations.is_kept() {
        return Ok(());
    }
    let revoked = state.store.revoked_certificates(Some(view.cluster.uid)).await?;
    let (at, by, reason) = (state.clock.now(), by.to_owned(), reason.to_owned());
    let line = |(cluster, serial)| Revocation { at, cluster, serial, by: by.clone(), reason: reason.clone() };
    outside::append(&state.revocations, revoked.into_iter().map(line).collect()).await.map_err(|error| {
        tracing::error!(%error, "a revocation is in the store and not on the list outside it");
        ApiError::unavailable(
            "it is revoked, but the list of revocations outside the store could not be written (the hub's log says why): make room and call again, or a store \
             that is restored from a backup may trust it once more",
        )
    })
}

/// Lets in what waits for a person: a cluster that was made anew, was away for long or is quarantined; or one certificate.
#[utoipa::path(post, path = "/api/v1/clusters/{name}/approve", tag = "clusters", params(("name" = String, Path)), request_body = ApproveBody,
    responses((status = 200, body = ClusterObject), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn approve(
    State(shared): State<Shared>,
    caller: Caller,
    Named(view): Named<ClusterView>,
    Body(body): Body<ApproveBody>,
) -> Result<Json<ClusterObject>> {
    let (state, cluster) = (&shared.state, view.cluster.uid);
    if let Some(serial) = &body.serial {
        check_serial(serial)?;
    }
    let event = Event::Approved { serial: body.serial.clone() };
    let change = IdentityEvent { event, from: String::new() };
    match state.store.change_identity(cluster, &change, state.clock.now()).await? {
        Verdict::Admitted(_) => {}
        Verdict::Refused(Refusal::Unknown { serial }) => {
            let message = format!(
                "certificate {serial} is not this cluster's, was revoked, or has ended: windlass cluster rejoin makes a new identity"
            );
            return Err(ApiError::conflict(message));
        }
        Verdict::Refused(refusal) => return Err(ApiError::conflict(refusal.to_string())),
    }
    tracing::info!(%cluster, name = view.cluster.name, by = caller.name(), serial = body.serial, "approved");
    state.registry.recheck(cluster);
    Ok(Json(object(&shared, &view.cluster.name).await?))
}

fn check_serial(serial: &str) -> Result<&str> {
    let good =
        serial.len() <= LONGEST_SERIAL && !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good {
        Ok(serial)
    } else {
        Err(ApiError::invalid("serial", "a serial number is lower-case hex, as windlass cluster get shows it"))
    }
}
