//! Sync options that an object carries itself: Argo CD's annotation, and Helm's `keep`. Those of its application stand in
//! [`TargetSettings`](crate::target::TargetSettings).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manifest::annotation;

/// Argo CD's annotation: `Name=value`, separated by commas.
pub const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
const HELM_POLICY: &str = "helm.sh/resource-policy";

/// What an object says of being deleted. It outranks its application's option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// It may be deleted, whatever the application says (`Prune=true`).
    Deletable,
    /// It is deleted once a person confirmed it (`Prune=confirm`).
    Confirm,
    /// It is left; by which option.
    Kept(String),
}

/// How an object wants to be written; each outranks its application's option.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectOptions {
    /// `Replace=true|false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<bool>,
    /// `Force=true|false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
    /// `Validate=false|true`: whether the server's field validation is switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_validation: Option<bool>,
    /// `SkipDryRunOnMissingResource=true`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_dry_run_on_missing_resource: bool,
}

/// The options of an object.
pub fn of(object: &Value) -> Vec<&str> {
    annotation(object, SYNC_OPTIONS).map(|csv| csv.split(',').map(str::trim).collect()).unwrap_or_default()
}

/// How an object wants to be written.
pub fn of_object(object: &Value) -> ObjectOptions {
    let given = of(object);
    let flag =
        |yes: &str, no: &str| if given.contains(&yes) { Some(true) } else { given.contains(&no).then_some(false) };
    ObjectOptions {
        replace: flag("Replace=true", "Replace=false"),
        force: flag("Force=true", "Force=false"),
        skip_validation: flag("Validate=false", "Validate=true"),
        skip_dry_run_on_missing_resource: given.contains(&"SkipDryRunOnMissingResource=true"),
    }
}

/// What a live object says of a prune; `None`: nothing, its application decides.
pub fn kept_on_prune(object: &Value) -> Option<Keep> {
    kept(object, "Prune")
}

/// What a live object says of its application's deletion.
pub fn kept_on_delete(object: &Value) -> Option<Keep> {
    kept(object, "Delete")
}

/// Whether a live object is deleted after everything else (`PruneLast=true`).
pub fn is_pruned_last(object: &Value) -> bool {
    of(object).contains(&"PruneLast=true")
}

fn kept(object: &Value, option: &str) -> Option<Keep> {
    let given = of(object);
    let says = |value: &str| given.iter().any(|given| given.split_once('=') == Some((option, value)));
    if says("false") {
        Some(Keep::Kept(format!("{option}=false")))
    } else if annotation(object, HELM_POLICY) == Some("keep") {
        Some(Keep::Kept(format!("{HELM_POLICY}: keep")))
    } else if says("confirm") {
        Some(Keep::Confirm)
    } else {
        says("true").then_some(Keep::Deletable)
    }
}

// === impl ObjectOptions ===

impl ObjectOptions {
    /// Whether nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_may_ask_to_be_kept() {
        let with = |name: &str, value: &str| json!({"metadata": {"annotations": {name: value}}});
        let kept = |option: &str| Some(Keep::Kept(option.into()));
        let pruned = with(SYNC_OPTIONS, "Validate=false, Prune=false");
        assert_eq!((kept_on_prune(&pruned), kept_on_delete(&pruned)), (kept("Prune=false"), None));
        let deleted = with(SYNC_OPTIONS, "Delete=confirm,Prune=true");
        assert_eq!((kept_on_prune(&deleted), kept_on_delete(&deleted)), (Some(Keep::Deletable), Some(Keep::Confirm)));
        let helm = with(HELM_POLICY, "keep");
        assert_eq!(kept_on_prune(&helm), kept("helm.sh/resource-policy: keep"));
        assert!(kept_on_delete(&helm).is_some());
        assert_eq!(kept_on_prune(&json!({})), None);
        assert!(is_pruned_last(&with(SYNC_OPTIONS, "PruneLast=true")) && !is_pruned_last(&pruned));
    }

    #[test]
    fn an_object_may_ask_to_be_written_in_another_way() {
        let with = |csv: &str| of_object(&json!({"metadata": {"annotations": {SYNC_OPTIONS: csv}}}));
        let options = with("Replace=true,Force=false, Validate=false");
        assert_eq!((options.replace, options.force, options.skip_validation), (Some(true), Some(false), Some(true)));
        assert!(with("ServerSideApply=true").is_default(), "it is the only way there is");
        assert!(with("SkipDryRunOnMissingResource=true").skip_dry_run_on_missing_resource);
    }
}
