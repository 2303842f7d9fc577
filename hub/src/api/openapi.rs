//! The API's description, made from the handlers themselves.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Shared, actions, applications, clusters, explain, freezes, health, live, operations, projects, repositories,
    settings, watch,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Windlass", description = "Keeps fleets of Kubernetes clusters in the state that git describes."),
    security(("token" = [])),
    components(schemas(super::error::Problem)),
    modifiers(&Token),
)]
struct Document;

struct Token;

impl utoipa::Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("wl_<id>_<secret>").build();
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Every route with its description.
pub(super) fn documented() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::version))
        .routes(routes!(applications::list::list, applications::put::create))
        .routes(routes!(applications::get::get, applications::put::put, applications::delete::delete))
        .routes(routes!(applications::resources::resources))
        .routes(routes!(applications::targets::targets))
        .routes(routes!(live::resource::resource))
        .routes(routes!(live::diff::diff))
        .routes(routes!(live::tree::tree))
        .routes(routes!(live::events::events))
        .routes(routes!(live::logs::logs))
        .routes(routes!(actions::list::list, actions::run::run))
        .routes(routes!(explain::explain))
        .routes(routes!(applications::refresh::refresh))
        .routes(routes!(applications::sync::sync))
        .routes(routes!(applications::sync::terminate))
        .routes(routes!(applications::rollback::rollback))
        .routes(routes!(applications::resume::resume))
        .routes(routes!(applications::history::history))
        .routes(routes!(applications::history::events))
        .routes(routes!(applications::removal::confirm_deletion))
        .routes(routes!(applications::removal::abandon))
        .routes(routes!(freezes::list, freezes::put, freezes::delete))
        .routes(routes!(applications::approve::approve))
        .routes(routes!(applications::adopt::adopt))
        .routes(routes!(clusters::list::list, clusters::create::create))
        .routes(routes!(clusters::list::get, clusters::change::change, clusters::change::delete))
        .routes(routes!(clusters::create::token))
        .routes(routes!(clusters::trust::revoke))
        .routes(routes!(clusters::trust::approve))
        .routes(routes!(clusters::authorities::list, clusters::authorities::rotate))
        .routes(routes!(clusters::upgrade::list, clusters::upgrade::create))
        .routes(routes!(clusters::upgrade::stop_one))
        .routes(routes!(repositories::list, repositories::put, repositories::delete))
        .routes(routes!(projects::list, projects::put::create))
        .routes(routes!(projects::get, projects::put::put, projects::delete))
        .routes(routes!(settings::get, settings::put))
        .routes(routes!(operations::list))
        .routes(routes!(operations::get))
        .routes(routes!(watch::watch))
}

/// Where the description is read.
pub(super) fn served(document: utoipa::openapi::OpenApi) -> Router<Shared> {
    let document = Arc::new(document);
    Router::new().route("/api/v1/openapi.json", get(move || async move { Json(document.as_ref().clone()) }))
}
