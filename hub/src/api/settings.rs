//! `/settings`: what holds for the whole installation, in the keys of Argo CD's `argocd-cm`. For administrators.

mod scripts;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use windlass_domain::customization::{self, Parsed, Problem};
use windlass_store::{Expected, SystemSettings};

use super::applications::get::etag;
use super::caller::Caller;
use super::error::{ApiError, Result};
use super::input::{Body, if_match};
use super::{Shared, route};

/// Keys that are kept; the others may hold what is nobody's business here.
const KEPT: &str = "resource.customizations";
/// Most keys of one record.
const MAX_KEYS: usize = 5_000;
/// What a grant names.
const OBJECT: &str = "system";

/// The settings of the whole installation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingsObject {
    /// Keys and values of an `argocd-cm`.
    data: BTreeMap<String, String>,
    /// Revision of the last change; 0: there was none.
    revision: u64,
    /// Keys without effect, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// The settings as they stand.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses((status = 200, body = SettingsObject)))]
pub(crate) async fn get(State(shared): State<Shared>, caller: Caller) -> Result<(HeaderMap, Json<SettingsObject>)> {
    caller.require(route::SETTINGS, route::GET, OBJECT)?;
    let stored = shared.state.store.settings().await?;
    // What another version of the hub let in and this one refuses is a warning here, and a condition on each application.
    let parsed = customization::parse(&stored.data);
    let warnings = parsed.map_or_else(|error| vec![error.to_string()], |parsed| parsed.warnings);
    Ok(answer(stored, warnings))
}

/// Replaces the settings: the `data` of an `argocd-cm`, or the whole ConfigMap. Keys that begin with `resource.customizations` are kept, the others are named
/// and dropped. `If-Match` with the revision that was read refuses to overwrite somebody else's change.
#[utoipa::path(put, path = "/api/v1/settings", tag = "settings",
    params(("If-Match" = Option<String>, Header)),
    request_body(content = Object, description = "The data of an argocd-cm, or the ConfigMap"),
    responses((status = 200, body = SettingsObject), (status = 409, body = crate::api::error::Problem)))]
pub(crate) async fn put(
    State(shared): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<Value>,
) -> Result<(HeaderMap, Json<SettingsObject>)> {
    caller.require(route::SETTINGS, route::UPDATE, OBJECT)?;
    let expected = if_match(&headers)?.map_or(Expected::Anything, Expected::Revision);
    let (data, dropped) = kept(data_of(&body)?);
    let parsed = customization::parse(&data).map_err(|problem| invalid(&problem))?;
    scripts::check(&parsed.customizations).map_err(|problem| invalid(&problem))?;
    let put = shared.state.store.put_settings(&data, expected).await?;
    // Whatever the outcome: the answer of the write that changed it may have been lost, and nobody told.
    shared.state.desired.settings_changed();
    let Parsed { mut warnings, .. } = parsed;
    warnings.extend(dropped);
    Ok(answer(put.value, warnings))
}

fn answer(stored: SystemSettings, warnings: Vec<String>) -> (HeaderMap, Json<SettingsObject>) {
    let SystemSettings { data, revision } = stored;
    (etag(revision), Json(SettingsObject { data, revision, warnings }))
}

fn invalid(problem: &Problem) -> ApiError {
    ApiError::invalid(&problem.key, problem.to_string())
}

fn data_of(body: &Value) -> Result<BTreeMap<String, String>> {
    let is_manifest = body.get("kind").and_then(Value::as_str) == Some("ConfigMap");
    let data = if is_manifest { body.get("data").unwrap_or(&Value::Null) } else { body };
    let Value::Object(data) = data else {
        return Err(ApiError::invalid(
            "data",
            "is no mapping of keys to texts: give a ConfigMap, or its data".to_owned(),
        ));
    };
    if data.len() > MAX_KEYS {
        return Err(ApiError::invalid("data", format!("has {} keys; the limit is {MAX_KEYS}", data.len())));
    }
    let text = |(key, value): (&String, &Value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        _ => Err(ApiError::invalid(key, format!("{key}: its value is no text; write it after `|`, as in a ConfigMap"))),
    };
    data.iter().map(text).collect()
}

fn kept(data: BTreeMap<String, String>) -> (BTreeMap<String, String>, Vec<String>) {
    let (kept, others): (BTreeMap<_, _>, BTreeMap<_, _>) = data.into_iter().partition(|(key, _)| key.starts_with(KEPT));
    (kept, others.into_keys().map(|key| format!("{key}: it has no effect here and was not kept")).collect())
}
