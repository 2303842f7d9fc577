//! What an Application may ask for that this version does not do. Passing over it silently would do something else than was asked for, so it is an error
//! that names it; what is harmless to pass over is passed over.

use super::RenderError;
use crate::application::ApplicationSpec;
use crate::manifest::Manifest;
use crate::options;

/// Options that change how objects are written.
const WRITE_OPTIONS: &[&str] = &["Replace=true", "Force=true"];

/// Looks at the spec.
pub(super) fn refuse_in_spec(spec: &ApplicationSpec) -> Result<(), RenderError> {
    let refuse = |what: String| Err(RenderError::Unsupported(format!("{what} is not supported yet; remove it")));
    if spec.project != "default" && !spec.project.is_empty() {
        let problem = "does not exist: this version has only the project \"default\", which allows everything";
        return Err(RenderError::Unsupported(format!("spec.project: {:?} {problem}", spec.project)));
    }
    if !spec.ignore_differences.is_empty() {
        return refuse("spec.ignoreDifferences".into());
    }
    let Some(policy) = &spec.sync_policy else { return Ok(()) };
    if policy.managed_namespace_metadata.is_some() {
        return refuse("spec.syncPolicy.managedNamespaceMetadata".into());
    }
    match policy.sync_options.iter().find(|option| WRITE_OPTIONS.contains(&option.as_str())) {
        Some(option) => refuse(format!("spec.syncPolicy.syncOptions: {option}")),
        None => Ok(()),
    }
}

/// Looks at one object's own options.
pub(super) fn refuse_in_manifest(manifest: &Manifest) -> Result<(), RenderError> {
    let given = options::of(&manifest.value);
    match WRITE_OPTIONS.iter().find(|option| given.contains(option)) {
        Some(option) => Err(RenderError::Unsupported(format!(
            "{}: the sync option {option} is not supported yet; remove it",
            manifest.key
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::canonicalize;
    use serde_json::json;

    #[test]
    fn what_would_be_done_otherwise_than_asked_is_named() {
        for (spec, want) in [
            (json!({"project": "shop"}), "\"shop\" does not exist"),
            (json!({"ignoreDifferences": [{"kind": "Deployment"}]}), "ignoreDifferences"),
            (json!({"syncPolicy": {"syncOptions": ["CreateNamespace=true", "Replace=true"]}}), "Replace=true"),
            (json!({"syncPolicy": {"managedNamespaceMetadata": {"labels": {}}}}), "managedNamespaceMetadata"),
        ] {
            let spec: ApplicationSpec = serde_json::from_value(spec).expect("a spec");
            let error = refuse_in_spec(&spec).expect_err(want).to_string();
            assert!(error.contains(want), "{error}");
        }
        let harmless = json!({"project": "default", "syncPolicy": {"syncOptions": ["ServerSideApply=true", "PruneLast=true", "Validate=false"]}});
        let spec: ApplicationSpec = serde_json::from_value(harmless).expect("a spec");
        assert_eq!(refuse_in_spec(&spec), Ok(()));
    }

    #[test]
    fn an_objects_own_options_are_looked_at() {
        let object = |options: &str| {
            let metadata = json!({"name": "a", "annotations": {options::SYNC_OPTIONS: options}});
            canonicalize(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})).expect("a manifest")
        };
        assert!(refuse_in_manifest(&object("Prune=false, Force=true")).is_err());
        assert_eq!(refuse_in_manifest(&object("Prune=false,ServerSideApply=true")), Ok(()));
    }
}
