use serde_json::json;
use uuid::Uuid;

use super::super::tests::{cluster, project};
use super::*;
use crate::application::{ApplicationManifest, Origin};
use crate::time::from_millis;

fn application() -> Application {
    let manifest = ApplicationManifest::parse(&json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web-1"},
        "spec": {"source": {"repoURL": "https://git.example/x"}, "destination": {"name": "eu-1", "namespace": "shop"}},
    }));
    let ApplicationManifest { name, metadata, spec } = manifest.expect("an application");
    let (uid, created_at) = (Uuid::from_u128(9), from_millis(0));
    Application { uid, name, metadata, spec, origin: Origin::Api, created_at, deletion: None, revision: 1 }
}

#[test]
fn a_window_is_about_what_one_list_names_or_all_of_them() {
    let eu = cluster("eu-1", &["https://10.0.0.1"]);
    for (lists, matches) in [
        (json!({}), false),
        (json!({"applications": ["*"]}), true),
        (json!({"applications": ["web-*"]}), true),
        (json!({"applications": ["argocd/web-1"]}), true),
        (json!({"applications": ["api-*"]}), false),
        (json!({"applications": ["api-*"], "namespaces": ["shop"]}), true),
        (json!({"applications": ["api-*"], "clusters": ["eu-*"]}), true),
        (json!({"clusters": ["https://10.0.0.1"]}), true),
        (json!({"clusters": ["us-*"]}), false),
        (json!({"applications": ["web-*"], "namespaces": ["other"], "andOperator": true}), false),
        (json!({"applications": ["web-*"], "clusters": ["eu-1"], "andOperator": true}), true),
        (json!({"andOperator": true}), false),
    ] {
        let text = lists.to_string();
        let mut window = lists;
        window["kind"] = "deny".into();
        window["schedule"] = "0 22 * * *".into();
        window["duration"] = "1h".into();
        let project = project(json!({"syncWindows": [window.clone(), window]}));
        assert_eq!(project.spec.windows_for(&application(), &eu).len(), usize::from(matches), "{text}");
    }
}

#[test]
fn what_a_window_says_is_kept() {
    let window = json!({
        "kind": "allow", "schedule": "0 8 * * 1-5", "duration": "10h", "timeZone": "Europe/Berlin", "applications": ["*"],
        "manualSync": true, "syncOverrun": true, "description": "working hours",
    });
    let project = project(json!({"syncWindows": [window]}));
    assert_eq!(project.to_value()["spec"]["syncWindows"][0], window);
    let windows = project.spec.windows_for(&application(), &cluster("eu-1", &[]));
    assert_eq!((windows[0].kind, windows[0].time_zone.as_str()), (WindowKind::Allow, "Europe/Berlin"));
    assert!(windows[0].manual_sync && windows[0].sync_overrun);
}
