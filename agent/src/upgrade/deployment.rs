//! What of the agent's Deployment matters here, and how it is changed.

use serde_json::{Value, json};
use windlass_domain::manifest::annotation;
use windlass_domain::upgrade::own::{ANNOTATION, Change, MARKER, Record};

use crate::observe::PAUSE;

/// The agent's container, by the manifest that `windlass cluster add` prints.
const CONTAINER: &str = "agent";

/// The Deployment as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Deployment {
    /// For the next write.
    pub(super) version: String,
    pub(super) image: String,
    pub(super) marker: Option<String>,
    pub(super) record: Option<Record>,
    /// Why a person paused all writes.
    pub(super) pause: Option<String>,
}

// === impl Deployment ===

impl Deployment {
    /// A record that cannot be read counts as none.
    pub(super) fn of(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let containers = &object["spec"]["template"]["spec"]["containers"];
        let found = containers.as_array().and_then(|all| all.iter().find(|one| one["name"] == CONTAINER));
        let container = found.unwrap_or(&Value::Null);
        let variables = container["env"].as_array().map(Vec::as_slice).unwrap_or_default();
        let marker = variables.iter().find(|variable| variable["name"] == MARKER);
        Self {
            version: text(&object["metadata"]["resourceVersion"]),
            image: text(&container["image"]),
            marker: marker.map(|variable| text(&variable["value"])),
            record: annotation(object, ANNOTATION).and_then(|record| serde_json::from_str(record).ok()),
            pause: annotation(object, PAUSE).map(str::to_owned),
        }
    }
}

/// A strategic merge patch, on that version only. A Pod of before stays until the new one is ready, whatever the Deployment said.
pub(super) fn patch(version: &str, change: &Change) -> Value {
    let record = change.record.as_ref().and_then(|record| serde_json::to_string(record).ok());
    let mut patch = json!({"metadata": {"resourceVersion": version, "annotations": {ANNOTATION: record}}});
    if let Some(template) = &change.template {
        let marker = match &template.marker {
            Some(marker) => json!({"name": MARKER, "value": marker}),
            None => json!({"name": MARKER, "$patch": "delete"}),
        };
        let container = json!({"name": CONTAINER, "image": template.image, "env": [marker]});
        patch["spec"] = json!({
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"spec": {"containers": [container]}},
        });
    }
    patch
}

#[cfg(test)]
mod tests {
    use windlass_domain::upgrade::own::Template;

    use super::*;

    #[test]
    fn a_deployment_is_read_and_changed_by_its_agents_container_alone() {
        let object = json!({
            "metadata": {"resourceVersion": "7", "annotations": {PAUSE: "incident", ANNOTATION: "no record"}},
            "spec": {"template": {"spec": {"containers": [
                {"name": "sidecar", "image": "other"},
                {"name": "agent", "image": "agent:1", "env": [{"name": MARKER, "value": "x"}]},
            ]}}},
        });
        let found = Deployment::of(&object);
        assert_eq!(
            (found.image.as_str(), found.marker.as_deref(), found.version.as_str()),
            ("agent:1", Some("x"), "7")
        );
        assert_eq!((found.record, found.pause.as_deref()), (None, Some("incident")));
        let template = Template { image: "agent:2".into(), marker: None };
        let patch = patch("7", &Change { template: Some(template), record: None });
        assert_eq!(patch["metadata"]["annotations"], json!({ANNOTATION: null}));
        let container = &patch["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            *container,
            json!({"name": "agent", "image": "agent:2", "env": [{"name": MARKER, "$patch": "delete"}]})
        );
    }
}
