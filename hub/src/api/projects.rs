//! `/projects`: what applications may come from, where they may go and which kinds they may hold.

pub(crate) mod put;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use windlass_domain::project::AppProject;
use windlass_store::{ListQuery, Store};

use super::applications::get::etag;
use super::caller::{Caller, Named};
use super::error::{ApiError, Result};
use super::input::Parameters;
use super::listing::{self, Listing};
use super::view::{Page, ProjectObject};
use super::{Shared, route};

/// A page of projects.
#[utoipa::path(get, path = "/api/v1/projects", tag = "projects",
    params(("search" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<ProjectObject>)))]
pub(crate) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Page<ProjectObject>>> {
    let query = parameters.only(&["search", "limit", "after"])?.list()?;
    listing::visible(&caller, &Projects(shared.state.store), query, |project| ProjectObject::of(&project))
        .await
        .map(Json)
}

struct Projects(Arc<dyn Store>);

impl Listing for Projects {
    type Item = AppProject;
    const RESOURCE: &'static str = route::PROJECTS;

    async fn fetch(&self, query: &ListQuery) -> Result<windlass_store::Page<AppProject>> {
        Ok(self.0.list_projects(query).await?)
    }

    async fn object(&self, project: &AppProject) -> Result<String> {
        Ok(project.name.clone())
    }
}

/// One project.
#[utoipa::path(get, path = "/api/v1/projects/{name}", tag = "projects", params(("name" = String, Path)),
    responses((status = 200, body = ProjectObject), (status = 404, body = crate::api::error::Problem)))]
pub(crate) async fn get(Named(project): Named<AppProject>) -> Result<(HeaderMap, Json<ProjectObject>)> {
    Ok((etag(project.revision), Json(ProjectObject::of(&project))))
}

/// Removes a project. `default` stays, and so does one that applications name.
#[utoipa::path(delete, path = "/api/v1/projects/{name}", tag = "projects", params(("name" = String, Path)),
    responses((status = 204), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn delete(State(shared): State<Shared>, Named(project): Named<AppProject>) -> Result<StatusCode> {
    if !shared.state.store.delete_project(&project.name).await? {
        return Err(ApiError::not_found("project", &project.name));
    }
    // An application may have come to it meanwhile.
    shared.state.desired.project_changed(&project.name);
    Ok(StatusCode::NO_CONTENT)
}
