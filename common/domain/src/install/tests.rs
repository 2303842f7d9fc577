//! Options and what becomes of them.

use serde_json::{Value, json};

use super::*;

fn kinds(options: &InstallOptions) -> Vec<String> {
    let of = |object: &Value| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
    };
    objects(options, IMAGE, None).iter().map(of).collect()
}

#[test]
fn each_profile_grants_what_it_says_and_no_more() {
    let admin = kinds(&InstallOptions::default());
    assert!(admin.contains(&"ClusterRoleBinding /windlass-agent".to_owned()), "{admin:?}");
    assert!(!admin.iter().any(|kind| kind.starts_with("Role ")));
    let options =
        InstallOptions { profile: Profile::Namespaces, namespaces: vec!["a".into(), "b".into()], ..Default::default() };
    let some = objects(&options, IMAGE, None);
    let text = to_yaml(&some);
    assert!(!text.contains("cluster-admin") && text.contains("--namespaces=a,b"), "{text}");
    let everything = some.iter().filter(|object| object.pointer("/rules/0/verbs/0") == Some(&json!("*")));
    assert!(everything.clone().count() == 2 && everything.into_iter().all(|role| role["kind"] == "Role"));
    let options = InstallOptions { profile: Profile::Impersonate, ..Default::default() };
    let text = to_yaml(&objects(&options, IMAGE, None));
    assert!(!text.contains("cluster-admin") && text.contains("--impersonate=windlass-deployer"), "{text}");
}

#[test]
fn two_replicas_come_with_a_disruption_budget() {
    let options = InstallOptions { replicas: Some(2), ..Default::default() };
    assert!(kinds(&options).contains(&"PodDisruptionBudget windlass-system/windlass-agent".to_owned()));
}

#[test]
fn a_mirror_stands_for_the_images_own_registry() {
    let image = |image: Option<&str>, registry: Option<&str>| {
        InstallOptions { image: image.map(Into::into), registry: registry.map(Into::into), ..Default::default() }
            .image_of("windlass-agent:1")
    };
    assert_eq!(image(None, None), "windlass-agent:1");
    assert_eq!(image(None, Some("mirror.test:5000/")), "mirror.test:5000/windlass-agent:1");
    assert_eq!(
        image(Some("hub.test/team/agent@sha256:ab"), Some("mirror.test/x")),
        "mirror.test/x/team/agent@sha256:ab"
    );
    assert_eq!(image(Some("team/agent:2"), Some("mirror.test")), "mirror.test/team/agent:2");
}

#[test]
fn what_cannot_be_used_is_named() {
    for (options, option) in [
        (json!({"profile": "namespaces"}), "namespaces"),
        (json!({"namespaces": ["a"]}), "namespaces"),
        (json!({"profile": "namespaces", "namespaces": ["A b"]}), "namespaces"),
        (json!({"serviceAccount": "x"}), "serviceAccount"),
        (json!({"image": "a b"}), "image"),
        (json!({"registry": "-x"}), "registry"),
        (json!({"pullSecrets": ["No"]}), "pullSecrets"),
        (json!({"proxy": "http://me:hunter2@host"}), "proxy"),
        (json!({"replicas": 3}), "replicas"),
    ] {
        let options: InstallOptions = serde_json::from_value(options).expect("options");
        let refused = options.check().expect_err("refused");
        assert_eq!(refused.option, option, "{refused}");
        assert!(!refused.to_string().contains("hunter2"));
    }
    assert!(serde_json::from_value::<InstallOptions>(json!({"profil": "admin"})).is_err());
    let proxy = InstallOptions { proxy: Some("http://me:x@proxy.test:3128".into()), ..Default::default() };
    assert_eq!(proxy.check(), Ok(()));
}

#[test]
fn what_is_printed_reads_back_and_holds_the_join_file() {
    let all = objects(&InstallOptions::default(), IMAGE, Some(&json!({"token": "a.b"})));
    let read = windlass_yaml::documents_strict(&to_yaml(&all), &windlass_yaml::Limits::default()).expect("YAML");
    assert_eq!(read.into_iter().map(|document| document.value).collect::<Vec<_>>(), all);
    let secret = all.iter().find(|object| object["kind"] == "Secret").expect("a Secret");
    assert_eq!(secret["stringData"][JOIN_ENTRY], r#"{"token":"a.b"}"#);
}

/// V37: who takes over an agent of these profiles starts no Pod, becomes no other account and gives itself no rights.
#[test]
fn outside_the_namespaces_it_was_given_an_agent_starts_nothing_and_becomes_nobody() {
    let given =
        InstallOptions { profile: Profile::Namespaces, namespaces: vec!["given".into()], ..InstallOptions::default() };
    let impersonate = InstallOptions { profile: Profile::Impersonate, ..InstallOptions::default() };
    let text = |value: &Value, key: &str| -> Vec<String> {
        let list = value[key].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    for options in [given, impersonate] {
        for role in objects(&options, IMAGE, None).iter().filter(|object| object["rules"].is_array()) {
            if role["metadata"]["namespace"] == "given" {
                continue;
            }
            for rule in role["rules"].as_array().expect("rules") {
                let (resources, verbs) = (text(rule, "resources"), text(rule, "verbs"));
                let changes = verbs.iter().any(|verb| !["get", "list", "watch"].contains(&verb.as_str()));
                let allowed = match resources.as_slice() {
                    [one] if one == "secrets" || one == "leases" => role["kind"] == "Role",
                    [one] if one == "deployments" => {
                        verbs.iter().all(|verb| verb != "create" && verb != "delete")
                            && rule["resourceNames"] == json!([NAME])
                    }
                    [one] if one == "serviceaccounts" => {
                        verbs == ["impersonate"] && options.profile == Profile::Impersonate
                    }
                    _ => !changes,
                };
                assert!(allowed, "{:?}: {} may {rule}", options.profile, role["metadata"]["name"]);
            }
        }
    }
}
