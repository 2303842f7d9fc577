//! `GET /applications`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use windlass_store::{ApplicationQuery, ApplicationSort, ApplicationView, Labels, ListQuery, Store};

use crate::api::caller::{Caller, application_object};
use crate::api::error::{ApiError, Result};
use crate::api::input::Parameters;
use crate::api::listing::{self, Listing};
use crate::api::view::{ApplicationItem, Page};
use crate::api::{Shared, route};

const PARAMETERS: &[&str] =
    &["search", "limit", "after", "project", "namespace", "cluster", "sync", "health", "label", "sort"];

/// A page of applications, filtered, sorted and counted in the store.
#[utoipa::path(get, path = "/api/v1/applications", tag = "applications",
    params(
        ("search" = Option<String>, Query, description = "Only names that contain this"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 by default"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("project" = Option<String>, Query),
        ("namespace" = Option<String>, Query),
        ("cluster" = Option<String>, Query, description = "Only with a target on this cluster, by name"),
        ("sync" = Option<String>, Query, description = "Synced, OutOfSync or Unknown"),
        ("health" = Option<String>, Query, description = "Healthy, Suspended, Progressing, Missing, Degraded or Unknown"),
        ("label" = Option<Vec<String>>, Query, description = "key=value; may repeat, all must match"),
        ("sort" = Option<String>, Query, description = "name, attention or changed"),
    ),
    responses((status = 200, body = Page<ApplicationItem>)))]
pub(crate) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Page<ApplicationItem>>> {
    let query = read(&parameters.only(PARAMETERS)?)?;
    let (now, list) = (shared.state.clock.now(), query.list.clone());
    let listing = Applications { store: shared.state.store, query };
    listing::visible(&caller, &listing, list, |view| ApplicationItem::of(&view, now)).await.map(Json)
}

struct Applications {
    store: Arc<dyn Store>,
    query: ApplicationQuery,
}

impl Listing for Applications {
    type Item = ApplicationView;
    const RESOURCE: &'static str = route::APPLICATIONS;

    async fn fetch(&self, list: &ListQuery) -> Result<windlass_store::Page<ApplicationView>> {
        let query = ApplicationQuery { list: list.clone(), ..self.query.clone() };
        Ok(self.store.list_applications(&query).await?)
    }

    async fn object(&self, view: &ApplicationView) -> Result<String> {
        Ok(application_object(&view.application))
    }
}

fn read(parameters: &Parameters) -> Result<ApplicationQuery> {
    Ok(ApplicationQuery {
        list: parameters.list()?,
        project: parameters.text("project"),
        namespace: parameters.text("namespace"),
        cluster: parameters.text("cluster"),
        sync: parameters.named("sync", "Synced, OutOfSync, Unknown")?,
        health: parameters.named("health", "Healthy, Suspended, Progressing, Missing, Degraded, Unknown")?,
        labels: labels(parameters)?,
        sort: sort(parameters)?,
    })
}

fn labels(parameters: &Parameters) -> Result<Labels> {
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').ok_or_else(|| ApiError::invalid("label", "label must be key=value"))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    parameters.all("label").map(pair).collect()
}

fn sort(parameters: &Parameters) -> Result<ApplicationSort> {
    match parameters.text("sort").as_deref() {
        None | Some("name") => Ok(ApplicationSort::Name),
        Some("attention") => Ok(ApplicationSort::Attention),
        Some("changed") => Ok(ApplicationSort::Changed),
        Some(_) => Err(ApiError::invalid("sort", "sort must be name, attention or changed")),
    }
}
