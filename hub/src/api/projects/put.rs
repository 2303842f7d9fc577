//! `PUT /projects/{name}` and `POST /projects`: an Argo CD AppProject manifest, as it stands.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::Value;
use windlass_domain::project::{InvalidProject, ProjectManifest};
use windlass_store::Expected;

use crate::api::caller::Caller;
use crate::api::error::{ApiError, Result};
use crate::api::input::{Body, Parameters};
use crate::api::view::ProjectObject;
use crate::api::written::{self, ATTEMPTS, check};
use crate::api::{Shared, route};

type Answer = written::Answer<ProjectObject>;

/// Creates or replaces a project; its applications are looked at anew. `If-Match` with the revision that was read refuses to overwrite somebody else's change.
#[utoipa::path(put, path = "/api/v1/projects/{name}", tag = "projects",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body(content = Object, description = "An argoproj.io/v1alpha1 AppProject"),
    responses((status = 200, body = ProjectObject), (status = 201, body = ProjectObject), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn put(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(body): Body<Value>,
) -> Result<Answer> {
    let manifest = parse(&body)?;
    written::check_name(&manifest.name, &name)?;
    write(&shared, &caller, &manifest, written::expected(&headers)?).await
}

/// Creates a project; one that is there already is a conflict, unless `upsert=true`.
#[utoipa::path(post, path = "/api/v1/projects", tag = "projects",
    params(("upsert" = Option<bool>, Query)),
    request_body(content = Object, description = "An argoproj.io/v1alpha1 AppProject"),
    responses((status = 201, body = ProjectObject), (status = 200, body = ProjectObject), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    parameters: Parameters,
    Body(body): Body<Value>,
) -> Result<Answer> {
    let expected = written::creation(parameters)?;
    write(&shared, &caller, &parse(&body)?, expected).await
}

/// Writes over exactly what the grants were checked against.
async fn write(shared: &Shared, caller: &Caller, manifest: &ProjectManifest, expected: Expected) -> Result<Answer> {
    let mut attempt = 1;
    loop {
        let existing = shared.state.store.project(&manifest.name).await?;
        let action = if existing.is_some() { route::UPDATE } else { route::CREATE };
        caller.require(route::PROJECTS, action, &manifest.name)?;
        check("project", &manifest.name, existing.as_ref().map(|existing| existing.revision), expected)?;
        let seen = existing.map_or(Expected::Nothing, |existing| Expected::Revision(existing.revision));
        match store(shared, manifest, seen).await {
            Err(error) if error.is_conflict() && expected == Expected::Anything && attempt < ATTEMPTS => attempt += 1,
            answer => return answer,
        }
    }
}

async fn store(shared: &Shared, manifest: &ProjectManifest, seen: Expected) -> Result<Answer> {
    let put = shared.state.store.put_project(manifest, seen, shared.state.clock.now()).await?;
    // Whatever the outcome: the answer of the write that changed it may have been lost, and nobody told.
    shared.state.desired.project_changed(&put.value.name);
    Ok(written::answer(put.value.revision, put.outcome, ProjectObject::of(&put.value)))
}

fn parse(body: &Value) -> Result<ProjectManifest> {
    ProjectManifest::parse(body).map_err(|error| {
        let field = match &error {
            InvalidProject::Kind(_) => "kind",
            InvalidProject::Name(_) => "metadata.name",
            InvalidProject::Malformed(_) => "spec",
            InvalidProject::Field { field, .. } => field,
        };
        ApiError::invalid(field, error.to_string())
    })
}
