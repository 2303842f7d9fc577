//! `/operations`: what was asked of targets, and how it went.

use axum::Json;
use axum::extract::State;
use uuid::Uuid;
use windlass_domain::name::ApplicationName;
use windlass_store::{ListQuery, OperationRecord};

use super::caller::{Caller, Named, application_object};
use super::error::{ApiError, Result};
use super::input::Parameters;
use super::listing::{self, Listing};
use super::view::{OperationObject, Page};
use super::{Shared, route};

/// A page of operations, newest first.
#[utoipa::path(get, path = "/api/v1/operations", tag = "operations",
    params(
        ("application" = Option<String>, Query, description = "namespace/name"),
        ("search" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<OperationObject>)))]
pub(crate) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Page<OperationObject>>> {
    let parameters = parameters.only(&["application", "search", "limit", "after"])?;
    let application = match parameters.text("application") {
        None => None,
        Some(name) => Some(application(&shared, &caller, &name).await?),
    };
    let listing = Operations { shared, application };
    listing::visible(&caller, &listing, parameters.list()?, OperationObject::from).await.map(Json)
}

struct Operations {
    shared: Shared,
    application: Option<Uuid>,
}

impl Listing for Operations {
    type Item = OperationRecord;
    const RESOURCE: &'static str = route::OPERATIONS;

    async fn fetch(&self, query: &ListQuery) -> Result<windlass_store::Page<OperationRecord>> {
        Ok(self.shared.state.store.list_operations(self.application, query).await?)
    }

    async fn object(&self, record: &OperationRecord) -> Result<String> {
        Ok(object_of(&self.shared, &record.name).await?)
    }
}

/// One operation with its results.
#[utoipa::path(get, path = "/api/v1/operations/{id}", tag = "operations", params(("id" = String, Path)),
    responses((status = 200, body = OperationObject), (status = 404, body = super::error::Problem)))]
pub(crate) async fn get(Named(record): Named<OperationRecord>) -> Json<OperationObject> {
    Json(record.into())
}

/// How grants name an operation: as its application. An application that is gone has no project any more, so that only a grant on everything shows it.
pub(super) async fn object_of(shared: &Shared, name: &ApplicationName) -> Result<String, windlass_store::Error> {
    let application = shared.state.store.application(name).await?;
    Ok(application.map_or_else(String::new, |application| application_object(&application)))
}

async fn application(shared: &Shared, caller: &Caller, name: &str) -> Result<Uuid> {
    let unknown = || ApiError::not_found("application", name);
    let parsed = ApplicationName::parse(name).map_err(|error| ApiError::invalid("application", error.to_string()))?;
    let application = shared.state.store.application(&parsed).await?.ok_or_else(unknown)?;
    if caller.may(route::OPERATIONS, route::GET, &application_object(&application)) {
        Ok(application.uid)
    } else {
        Err(unknown())
    }
}
