//! `GET /applications/{namespace}/{name}/live/tree`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_domain::question::{TreeQuestion, What};
use windlass_domain::tree::Tree;

use super::At;
use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::{ApiError, Result};
use crate::api::input::Parameters;

/// What an application's objects own, as they are in the cluster now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveTree {
    /// The cluster's name.
    cluster: String,
    /// `nodes` (each with group, kind, namespace, name, version, uid, parents by uid, health, createdAt, info, images, externalURLs), parents before their
    /// children; `orphans`, where asked for; `images` and `externalURLs` of all; `incomplete`: what could not be looked at.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    tree: Tree,
}

/// Everything that an application's objects own, directly or not, asked of the cluster now.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/live/tree", tag = "live",
    params(
        ("namespace" = String, Path), ("name" = String, Path),
        ("cluster" = Option<String>, Query, description = "May be left out where the application is on one cluster"),
        ("orphaned" = Option<bool>, Query, description = "Also what is in its namespaces and nobody's, where the project watches that"),
    ),
    responses((status = 200, body = LiveTree), (status = 503, body = crate::api::error::Problem)))]
pub(crate) async fn tree(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Json<LiveTree>> {
    let parameters = parameters.only(&["cluster", "orphaned"])?;
    let orphaned = parameters.parsed("orphaned", "true or false")?.unwrap_or(false);
    let at = At::of(&shared, &application, parameters.text("cluster")).await?;
    let orphans = if orphaned { Some(watched(&shared, &application).await?) } else { None };
    let tree = at.ask(What::GetTree(TreeQuestion { orphans })).await?;
    Ok(Json(LiveTree { cluster: at.cluster().to_owned(), tree }))
}

/// What the project leaves out of the orphans that it watches. Without its word nobody is shown what else is in a namespace.
async fn watched(shared: &Shared, application: &Application) -> Result<Vec<windlass_domain::project::OrphanRule>> {
    let project = shared.state.store.project(&application.spec.project).await?;
    project.and_then(|project| project.spec.orphaned_resources()).ok_or_else(|| {
        let message = format!(
            "project {:?} does not watch orphaned resources: set spec.orphanedResources (it may be empty) with `windlass proj apply`",
            application.spec.project
        );
        ApiError::conflict(message)
    })
}
