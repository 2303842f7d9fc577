//! `DELETE /applications/{namespace}/{name}`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::application::{Application, Cascade};
use windlass_domain::history::frozen;

use crate::api::caller::{Caller, Named};
use crate::api::error::{ApiError, Result};
use crate::api::input::Parameters;
use crate::api::{Shared, route};

/// A deletion that was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deleting {
    /// What happens to the objects.
    #[schema(value_type = String)]
    cascade: Cascade,
    /// On how many clusters; 0: it is gone.
    clusters: usize,
    /// Applications that depend on it (`spec.dependsOn`): their newer commits wait from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depended_on_by: Vec<String>,
}

/// Deletes an application. Its objects are treated as its finalizers say, or as `cascade` does; it goes when every cluster is done.
#[utoipa::path(delete, path = "/api/v1/applications/{namespace}/{name}", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path), ("cascade" = Option<String>, Query, description = "foreground, background or orphan")),
    responses((status = 202, body = Deleting)))]
pub(crate) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<(StatusCode, Json<Deleting>)> {
    let cascade = parameters.only(&["cascade"])?.named("cascade", "foreground, background, orphan")?;
    let cascade = cascade.unwrap_or_else(|| application.cascade_by_finalizers());
    not_frozen(&shared, &application).await?;
    let depended_on_by = dependents(&shared, &caller, &application).await?;
    let now = shared.state.clock.now();
    let positions = shared.state.store.delete_application(&application.name, cascade, caller.name(), now).await?;
    shared.state.registry.notify(&positions);
    shared.state.desired.application_changed(&application.name, 0);
    // Not the positions' number: a call that is made again moves nothing.
    let clusters = shared.state.store.targets(application.uid).await?.len();
    Ok((StatusCode::ACCEPTED, Json(Deleting { cascade, clusters, depended_on_by })))
}

/// Deleting is writing: where a person stopped all writes, nothing is begun.
async fn not_frozen(shared: &Shared, application: &Application) -> Result<()> {
    let freezes = shared.state.store.freezes().await?;
    if freezes.is_empty() {
        return Ok(());
    }
    let project = &application.spec.project;
    let targets = shared.state.store.targets(application.uid).await?;
    let on_targets =
        targets.iter().find_map(|target| frozen(&freezes, &application.name, project, &target.cluster_name));
    let freeze = on_targets.or_else(|| frozen(&freezes, &application.name, project, ""));
    freeze.map_or(Ok(()), |freeze| {
        let message = format!(
            "application {} cannot be deleted: {} is frozen by {} ({}); `{}` lets it go on",
            application.name,
            freeze.scope,
            freeze.by,
            freeze.reason,
            freeze.scope.thaw_command()
        );
        Err(ApiError::conflict(message))
    })
}

/// Applications that wait for this one, as far as the caller may see them.
async fn dependents(shared: &Shared, caller: &Caller, application: &Application) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for node in shared.state.store.dependents().await? {
        let labels = &application.metadata.labels;
        if node.name == application.name
            || !node.depends_on.iter().any(|d| d.matches(&node.name, &application.name, labels))
        {
            continue;
        }
        let dependent = shared.state.store.application(&node.name).await?;
        if dependent.is_some_and(|dependent| caller.may_application(route::GET, &dependent)) {
            found.push(node.name.to_string());
        }
    }
    Ok(found)
}
