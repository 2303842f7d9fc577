//! `POST /applications/{namespace}/{name}/live/diff`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use windlass_domain::application::Application;
use windlass_domain::question::{DiffQuestion, Diffs, ObjectSelector, Objects, What};

use super::{At, SELECTORS, selector};
use crate::api::Shared;
use crate::api::caller::Named;
use crate::api::error::{ApiError, Result};
use crate::api::input::{Body, Parameters};

/// What is compared with the live objects; nothing given: what git says.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Against {
    /// Another commit, branch or tag.
    revision: Option<String>,
    /// The same application on another cluster.
    cluster: Option<String>,
    /// Manifests.
    #[schema(value_type = Option<Vec<Object>>)]
    manifests: Option<Vec<Value>>,
}

/// How an application's objects differ on one cluster. Values of Secrets are masked there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveDiff {
    /// The cluster's name.
    cluster: String,
    /// Each object with its verdict (Same, Differs, Missing, Extra, Unknown), its differences and the ignored ones.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// There are more than one answer holds: select fewer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// Compares an application's live objects with what git says, with another commit, with manifests, or with another cluster.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/live/diff", tag = "live",
    params(
        ("namespace" = String, Path), ("name" = String, Path),
        ("cluster" = Option<String>, Query, description = "May be left out where the application is on one cluster"),
        ("group" = Option<String>, Query), ("kind" = Option<String>, Query),
        ("resourceNamespace" = Option<String>, Query), ("resourceName" = Option<String>, Query),
    ),
    request_body(content = Against),
    responses((status = 200, body = LiveDiff), (status = 503, body = crate::api::error::Problem)))]
pub(crate) async fn diff(
    State(shared): State<Shared>,
    Named(application): Named<Application>,
    parameters: Parameters,
    Body(against): Body<Against>,
) -> Result<Json<LiveDiff>> {
    let parameters = parameters.only(&[&["cluster"], &SELECTORS[..]].concat())?;
    let selector = selector(&parameters);
    let at = At::of(&shared, &application, parameters.text("cluster")).await?;
    let against_live = against.cluster.is_some();
    let desired = match against {
        Against { manifests: Some(manifests), revision: None, cluster: None } => Some(manifests),
        Against { revision: Some(revision), manifests: None, cluster: None } => {
            Some(shared.state.desired.manifests_at(&application.name, &revision).await?)
        }
        Against { cluster: Some(cluster), revision: None, manifests: None } => {
            let other = At::of(&shared, &application, Some(cluster)).await?;
            let Objects { items, truncated } = other.ask(What::GetResource(ObjectSelector::default())).await?;
            if truncated {
                return Err(ApiError::invalid("cluster", "the other cluster has more objects than one answer holds"));
            }
            Some(items)
        }
        Against { cluster: None, revision: None, manifests: None } => None,
        _ => return Err(ApiError::invalid("body", "revision, cluster and manifests exclude each other: give one")),
    };
    let asked = DiffQuestion { selector, desired, against_live };
    let Diffs { items, truncated } = at.ask(What::Diff(Box::new(asked))).await?;
    let items = items.iter().map(serde_json::to_value).collect::<Result<_, _>>().map_err(ApiError::internal)?;
    Ok(Json(LiveDiff { cluster: at.cluster().to_owned(), items, truncated }))
}
