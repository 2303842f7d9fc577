use super::*;

fn data(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn keys_of_argo_cd_are_read_as_they_stand() {
    let parsed = parse(&data(&[
        ("resource.customizations.health.cert-manager.io_Certificate", "return {}"),
        ("resource.customizations.health.Pod", "return nil"),
        ("resource.customizations.ignoreDifferences.apps_Deployment", "jsonPointers:\n- /spec/replicas\n"),
        ("resource.customizations.ignoreDifferences.all", "managedFieldsManagers: [kube-controller-manager]\n"),
        ("resource.customizations.ignoreResourceUpdates.all", "jsonPointers: [/status]\n"),
        (
            "resource.customizations.actions.apps_Deployment",
            "discovery.lua: |\n  return {}\ndefinitions:\n- name: up\n  action.lua: |\n    return obj\n",
        ),
        ("url", "https://argocd"),
    ]))
    .expect("settings");
    let found = parsed.customizations;
    assert_eq!(found.health_of("cert-manager.io", "Certificate").map(|(_, script)| script), Some("return {}"));
    assert_eq!(found.health_of("", "Pod").map(|(key, _)| key), Some("Pod"));
    assert_eq!(found.health_of("apps", "Pod"), None);
    let rules: Vec<(String, String)> = found.ignored().map(|rule| (rule.group, rule.kind)).collect();
    assert_eq!(rules, [("*".into(), "*".into()), ("apps".into(), "Deployment".into())]);
    let (_, actions) = found.actions_of("apps", "Deployment").expect("actions");
    assert_eq!((actions.definitions[0].name.as_str(), actions.discovery.trim()), ("up", "return {}"));
    assert_eq!(parsed.warnings.len(), 2, "{:?}", parsed.warnings);
    assert_eq!(Customizations::from_bytes(&found.to_bytes()).expect("bytes"), found);
}

#[test]
fn the_single_map_of_old_means_the_same() {
    let text = "apps/Deployment:\n  health.lua: |\n    return {}\n  ignoreDifferences: |\n    jqPathExpressions:\n    - .spec.replicas\n\"*.crossplane.io/*\":\n  health.lua: return nil\n  health.lua.useOpenLibs: true\n";
    let parsed = parse(&data(&[("resource.customizations", text)])).expect("settings");
    assert!(parsed.customizations.health_of("apps", "Deployment").is_some());
    assert_eq!(
        parsed.customizations.health_of("ec2.crossplane.io", "VPC").map(|(key, _)| key),
        Some("*.crossplane.io/*")
    );
    assert_eq!(parsed.customizations.ignore_differences["apps/Deployment"].jq_path_expressions, [".spec.replicas"]);
    assert_eq!(parsed.warnings.len(), 1);
}

#[test]
fn the_exact_kind_goes_before_patterns_and_a_longer_one_before_a_shorter() {
    let all = ["*/*", "*.crossplane.io/*", "ec2.crossplane.io/VPC", "*.crossplane.io/VPC"];
    let health = all.iter().map(|key| ((*key).to_owned(), String::new())).collect();
    let found = Customizations { health, ..Customizations::default() };
    for (group, kind, want) in [
        ("ec2.crossplane.io", "VPC", "ec2.crossplane.io/VPC"),
        ("s3.crossplane.io", "VPC", "*.crossplane.io/VPC"),
        ("s3.crossplane.io", "Bucket", "*.crossplane.io/*"),
        ("apps", "Deployment", "*/*"),
    ] {
        assert_eq!(found.health_of(group, kind).map(|(key, _)| key), Some(want));
    }
    assert_eq!(found.health_of("", "Pod"), None, "a pattern with a group is none of the core group");
}

#[test]
fn what_is_wrong_is_named_with_key_and_line() {
    for (key, value, want) in [
        (
            "resource.customizations.ignoreDifferences.apps_Deployment",
            "jsonPointers:\n- spec\n",
            "apps_Deployment, line 1: .jsonPointers[0]",
        ),
        (
            "resource.customizations.ignoreDifferences.apps_Deployment",
            "a: 1\njqPathExpressions:\n- .a\n",
            "line 1: .a is not known",
        ),
        (
            "resource.customizations.ignoreDifferences.apps_Deployment",
            "jqPathExpressions:\n- '.a['\n",
            "no jq expression",
        ),
        ("resource.customizations.ignoreDifferences.apps_Deployment", "jsonPointers:\n- /a\n b: [\n", "line "),
        ("resource.customizations.health.a_b_c", "return", "is no kind"),
        ("resource.customizations.healthy.apps_Deployment", "return", "not known"),
        ("resource.customizations.actions.apps_Deployment", "definitions: [{name: x}]", "needs name and action.lua"),
        (
            "resource.customizations",
            "apps/Deployment:\n  ignoreDifferences: |\n    jsonPointers: [a]\n",
            "apps/Deployment: ignoreDifferences",
        ),
    ] {
        let error = parse(&data(&[(key, value)])).expect_err(want).to_string();
        assert!(error.starts_with(key) && error.contains(want), "{error}");
    }
}
