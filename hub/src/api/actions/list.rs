//! `GET /applications/{namespace}/{name}/resources/actions`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::action::Offered;
use windlass_domain::application::Application;
use windlass_domain::question::What;

use super::{ActionView, ObjectName, grant};
use crate::api::caller::{Caller, Named, application_object};
use crate::api::error::Result;
use crate::api::input::Parameters;
use crate::api::live::{At, SELECTORS, selector};
use crate::api::{Shared, route};

/// Objects with their actions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionList {
    /// The cluster's name.
    cluster: String,
    /// Objects that have actions.
    items: Vec<ActionsOfObject>,
    /// There are more objects than one answer holds: select fewer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// One object's actions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionsOfObject {
    #[serde(flatten)]
    object: ObjectName,
    api_version: String,
    actions: Vec<ActionView>,
    /// Why they are not known: a user's script failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The actions of an application's live objects on one cluster.
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/resources/actions", tag = "actions",
    params(
        ("namespace" = String, Path), ("name" = String, Path),
        ("cluster" = Option<String>, Query, description = "May be left out where the application is on one cluster"),
        ("group" = Option<String>, Query, description = "API group; empty for the core group"),
        ("kind" = Option<String>, Query),
        ("resourceNamespace" = Option<String>, Query), ("resourceName" = Option<String>, Query),
    ),
    responses((status = 200, body = ActionList), (status = 503, body = crate::api::error::Problem)))]
pub(crate) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Json<ActionList>> {
    let parameters = parameters.only(&[&["cluster"], &SELECTORS[..]].concat())?;
    let at = At::of(&shared, &application, parameters.text("cluster")).await?;
    let Offered { items, truncated } = at.ask(What::ListActions(selector(&parameters))).await?;
    let named = application_object(&application);
    let items = items.into_iter().map(|one| {
        let may = |name: &str| caller.may(route::APPLICATIONS, &grant(&one.key, name), &named);
        let actions = one.actions.into_iter().map(|offer| {
            let permitted = may(&offer.name);
            ActionView::of(offer, permitted)
        });
        let actions = actions.collect();
        ActionsOfObject { object: one.key.into(), api_version: one.api_version, actions, error: one.error }
    });
    Ok(Json(ActionList { cluster: at.cluster().to_owned(), items: items.collect(), truncated }))
}
