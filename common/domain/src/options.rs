//! Sync options that an object carries itself: Argo CD's annotation, and Helm's `keep`.

use serde_json::Value;

use crate::manifest::annotation;

/// Argo CD's annotation: `Name=value`, separated by commas.
pub const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
const HELM_POLICY: &str = "helm.sh/resource-policy";

/// The options of an object.
pub fn of(object: &Value) -> Vec<&str> {
    annotation(object, SYNC_OPTIONS).map(|csv| csv.split(',').map(str::trim).collect()).unwrap_or_default()
}

/// Why a prune leaves a live object, if it does. `confirm` is read as `false` until deletions can be confirmed one by one.
pub fn kept_on_prune(object: &Value) -> Option<String> {
    kept(object, &["Prune=false", "Prune=confirm"])
}

/// Why deleting its application leaves a live object, if it does.
pub fn kept_on_delete(object: &Value) -> Option<String> {
    kept(object, &["Delete=false", "Delete=confirm"])
}

fn kept(object: &Value, options: &[&str]) -> Option<String> {
    let given = of(object);
    let option = options.iter().find(|option| given.contains(option)).map(|option| (*option).to_owned());
    let policy = || annotation(object, HELM_POLICY).filter(|policy| *policy == "keep");
    option.or_else(|| policy().map(|policy| format!("{HELM_POLICY}: {policy}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_may_ask_to_be_kept() {
        let with = |name: &str, value: &str| json!({"metadata": {"annotations": {name: value}}});
        let pruned = with(SYNC_OPTIONS, "Validate=false, Prune=false");
        assert_eq!((kept_on_prune(&pruned), kept_on_delete(&pruned)), (Some("Prune=false".into()), None));
        let deleted = with(SYNC_OPTIONS, "Delete=confirm");
        assert_eq!((kept_on_prune(&deleted), kept_on_delete(&deleted)), (None, Some("Delete=confirm".into())));
        let helm = with(HELM_POLICY, "keep");
        assert!(kept_on_prune(&helm).is_some() && kept_on_delete(&helm).is_some());
        assert_eq!(kept_on_prune(&json!({})), None);
    }
}
