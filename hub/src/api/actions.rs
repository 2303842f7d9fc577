//! Actions on live objects: which there are, and running one.
//!
//! A run needs a grant of `action/<group>/<kind>/<name>` on the application, as in Argo CD. The agent holds it to the project's fence; the application's events
//! say who ran what on which object of which cluster, and how it ended.

pub(crate) mod list;
pub(crate) mod run;

use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::action::{Offer, Parameter};
use windlass_domain::manifest::ResourceKey;

/// An object, by what names it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObjectName {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

/// An action of an object.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionView {
    name: String,
    /// Whether it is not possible now.
    disabled: bool,
    /// Why not.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    /// Whether the caller may run it.
    permitted: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<ParameterView>,
    #[serde(skip_serializing_if = "String::is_empty")]
    display_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_class: String,
}

/// What an action takes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParameterView {
    name: String,
    /// What it is when it is not given; needed when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
}

/// The word of the grant that an action needs.
fn grant(object: &ResourceKey, action: &str) -> String {
    format!("action/{}/{}/{action}", object.group, object.kind)
}

// === impl ObjectName ===

impl From<ResourceKey> for ObjectName {
    fn from(key: ResourceKey) -> Self {
        let ResourceKey { group, kind, namespace, name } = key;
        Self { group, kind, namespace, name }
    }
}

// === impl ActionView ===

impl ActionView {
    fn of(offer: Offer, permitted: bool) -> Self {
        let Offer { name, params, disabled, reason, display_name, icon_class } = offer;
        let params = params.into_iter().map(|Parameter { name, default }| ParameterView { name, default }).collect();
        Self { name, disabled, reason, permitted, params, display_name, icon_class }
    }
}
