//! `GET /applications/{namespace}/{name}`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use windlass_domain::application::Application;
use windlass_domain::explain::kept_on;
use windlass_domain::name::ApplicationName;
use windlass_domain::status::{self, ConditionKind};
use windlass_domain::time::Timestamp;
use windlass_store::ApplicationView;

use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::{ApiError, Result};
use crate::api::view::{ApplicationObject, Condition, SyncWindowView};

/// One application with its targets.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}", tag = "applications",
    params(("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = ApplicationObject), (status = 404, body = crate::api::error::Problem)))]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
) -> Result<(HeaderMap, Json<ApplicationObject>)> {
    let object = object(&shared, &application.name).await?;
    Ok((etag(object.item.revision), Json(object)))
}

pub(super) async fn object(shared: &Shared, name: &ApplicationName) -> Result<ApplicationObject> {
    let view = shared.state.store.application_view(name).await?;
    let view = view.ok_or_else(|| ApiError::not_found("application", &name.to_string()))?;
    let now = shared.state.clock.now();
    let mut object = ApplicationObject::of(&view, now);
    windows(shared, &view.application, &mut object, now).await?;
    kept(shared, &view, &mut object, now).await?;
    Ok(object)
}

/// Says how the project's sync windows stand for each target.
async fn windows(
    shared: &Shared,
    application: &Application,
    object: &mut ApplicationObject,
    now: Timestamp,
) -> Result<()> {
    let project = shared.state.store.project(&application.spec.project).await?;
    let Some(project) = project.filter(|project| !project.spec.sync_windows.is_empty()) else { return Ok(()) };
    let clusters = shared.state.store.clusters().await?;
    for target in &mut object.item.targets {
        let Some(cluster) = clusters.iter().find(|cluster| cluster.uid == target.cluster_uid) else { continue };
        target.sync_window = SyncWindowView::at(&project.spec.windows_for(application, cluster), now);
    }
    Ok(())
}

/// Says which clusters still have it although it is not listed there.
async fn kept(shared: &Shared, view: &ApplicationView, object: &mut ApplicationObject, now: Timestamp) -> Result<()> {
    let uid = view.application.uid;
    for cluster in shared.state.registry.keepers_of(uid) {
        let Some(cluster) = shared.state.store.clusters().await?.into_iter().find(|known| known.uid == cluster) else {
            continue;
        };
        if view.targets.iter().all(|target| target.cluster != cluster.uid) {
            let message = kept_on(&cluster.name).sentence;
            let frozen = status::Condition { kind: ConditionKind::Frozen, message, since: now };
            object.item.status.conditions.push(Condition::of(&frozen, Some(&cluster.name)));
        }
    }
    Ok(())
}

/// The revision, as `If-Match` takes it back.
pub(crate) fn etag(revision: u64) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("\"{revision}\"")).ok();
    value.map(|value| (header::ETAG, value)).into_iter().collect()
}
