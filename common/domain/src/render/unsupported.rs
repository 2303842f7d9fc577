//! What an Application may ask for that this version does not do, or that cannot be read. Passing over it silently would do something else than was asked
//! for, so it is an error that names it; what is harmless to pass over is passed over.

use super::RenderError;
use crate::application::ApplicationSpec;
use crate::duration;
use crate::target::{NamespaceMetadata, Retry};

/// Looks at the spec.
pub(super) fn refuse_in_spec(spec: &ApplicationSpec) -> Result<(), RenderError> {
    crate::ignore::check(&spec.ignore_differences).map_err(|(place, problem)| RenderError::Field {
        field: "spec.ignoreDifferences",
        problem: if place.is_empty() { problem } else { format!("{place} {problem}") },
    })?;
    let Some(policy) = &spec.sync_policy else { return Ok(()) };
    let unreadable = |field: &'static str, problem: String| RenderError::Field { field, problem };
    if let Some(retry) = &policy.retry {
        Retry::of(retry).map_err(|problem| unreadable("spec.syncPolicy", problem))?;
    }
    if let Some(timeout) = &policy.timeout {
        duration::parse(timeout).map_err(|error| unreadable("spec.syncPolicy.timeout", error.to_string()))?;
    }
    if let Some(metadata) = &policy.managed_namespace_metadata {
        serde_json::from_value::<NamespaceMetadata>(metadata.clone())
            .map_err(|error| unreadable("spec.syncPolicy.managedNamespaceMetadata", error.to_string()))?;
        if !spec.has_option("CreateNamespace=true") {
            let problem = "has no effect without the sync option CreateNamespace=true: add it, or remove the metadata";
            return Err(unreadable("spec.syncPolicy.managedNamespaceMetadata", problem.into()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_would_be_done_otherwise_than_asked_is_named() {
        for (spec, want) in [
            (json!({"ignoreDifferences": [{"kind": "Deployment"}]}), "ignoreDifferences: [0] ignores nothing"),
            (json!({"syncPolicy": {"managedNamespaceMetadata": {"labels": {"a": "b"}}}}), "CreateNamespace=true"),
            (json!({"syncPolicy": {"retry": {"limit": "many"}}}), "retry.limit"),
            (json!({"syncPolicy": {"retry": {"backoff": {"duration": "soon"}}}}), "retry.backoff.duration"),
            (json!({"syncPolicy": {"timeout": "later"}}), "timeout"),
        ] {
            let spec: ApplicationSpec = serde_json::from_value(spec).expect("a spec");
            let error = refuse_in_spec(&spec).expect_err(want).to_string();
            assert!(error.contains(want), "{error}");
        }
        let understood = json!({"ignoreDifferences": [{"kind": "ConfigMap", "jsonPointers": ["/data/a"]}], "syncPolicy": {
            "syncOptions": ["ServerSideApply=true", "PruneLast=true", "Replace=true", "CreateNamespace=true"],
            "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
            "timeout": "10m",
            "managedNamespaceMetadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
        }});
        let spec: ApplicationSpec = serde_json::from_value(understood).expect("a spec");
        assert_eq!(refuse_in_spec(&spec), Ok(()));
    }
}
