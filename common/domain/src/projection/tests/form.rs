use super::*;

#[test]
fn a_baseline_survives_storing() {
    for name in ["deployment", "network_policy", "secret", "role", "gadget"] {
        let applied = applied(name);
        let stored = serde_json::to_vec(&applied.baseline()).expect("JSON");
        let read: Baseline = serde_json::from_slice(&stored).expect("a baseline");
        assert_eq!(read, applied.baseline(), "{name}");
        assert_eq!(read.compare(&applied.response), Comparison::Same, "{name}");
        assert!(stored.len() < 1500, "{name}: {} bytes", stored.len());
    }
}

#[test]
fn a_secret_is_in_no_form_of_its_baseline() {
    let baseline = applied("secret").baseline();
    for form in [format!("{baseline:?}"), serde_json::to_string(&baseline).expect("JSON")] {
        assert!(!form.contains("aHVudGVyMg") && !form.contains("LS0t"), "{form}");
    }
    assert!(!format!("{baseline:?}").contains("hash"));
}

#[test]
fn a_set_is_its_fields_v1_again() {
    let fields_v1 = read("deployment")["metadata"]["managedFields"][0]["fieldsV1"].clone();
    let set = FieldSet::parse(&fields_v1).expect("a set");
    assert_eq!(serde_json::to_value(&set).expect("JSON"), fields_v1);
    assert_eq!(serde_json::from_value::<FieldSet>(fields_v1).expect("a set"), set);
}

#[test]
fn a_set_that_is_none_names_the_member() {
    for (fields_v1, member) in [
        (json!({"f:spec": {"x:y": {}}}), "x:y"),
        (json!({"k:name": {}}), "k:name"),
        (json!({"v:": {}}), "v:"),
        (json!({"i:x": {}}), "i:x"),
        (json!({"ü": {}}), "ü"),
        (json!({"f:spec": 1}), "1"),
    ] {
        let error = FieldSet::parse(&fields_v1).expect_err("refused");
        assert!(matches!(&error, ProjectionError::Member { member: found, .. } if found == member), "{error}");
        assert!(serde_json::from_value::<FieldSet>(fields_v1).is_err());
    }
}

#[test]
fn a_response_without_identity_has_no_baseline() {
    let applied = applied("role");
    for (pointer, name) in [("/metadata", "uid"), ("/metadata", "resourceVersion"), ("", "apiVersion")] {
        let response = applied.edited(|live| remove(live, pointer, name));
        let error = Baseline::of_response(&response, &applied.manifest).expect_err("refused");
        assert!(error.to_string().contains(name) && !error.is_retryable(), "{error}");
    }
}

#[test]
fn an_older_event_of_the_same_object_is_stale() {
    let policy = applied("network_policy");
    let with = |version: &str, uid: &str| {
        policy.edited(|live| {
            live["metadata"]["resourceVersion"] = json!(version);
            live["metadata"]["uid"] = json!(uid);
        })
    };
    let uid = policy.baseline().uid().to_owned();
    assert_eq!(policy.baseline().resource_version(), "77");
    for (version, uid, stale) in
        [("9", &*uid, true), ("77", &uid, false), ("100", &uid, false), ("x", &uid, false), ("9", "other", false)]
    {
        assert_eq!(policy.baseline().is_newer_than(&with(version, uid)), stale, "{version}");
    }
}

#[test]
fn a_projection_is_the_owned_part() {
    let gadget = applied("gadget");
    let set = FieldSet::of_entry(&gadget.response, MANAGER).expect("well formed").expect("an entry");
    let live = gadget.edited(|live| {
        live["spec"]["foreign"] = json!(1);
        list(live, "/spec/listeners").insert(1, json!({"port": 1, "protocol": "x"}));
    });
    assert_eq!(
        projection_of(&live, &set),
        json!({"metadata": {"finalizers": ["shop.example/cleanup"]},
            "spec": {"big": 9_007_199_254_740_993_i64, "empty": {}, "emptyList": [], "emptyText": "", "sizes": [3, 2.5], "steps": ["a", "b"],
                "listeners": [{"port": 443, "protocol": "https"}, {"port": 80, "protocol": "http"}]}})
    );
}

#[test]
fn elements_by_place_and_long_lists_work() {
    let by_place = FieldSet::parse(&json!({"f:spec": {"f:list": {"i:1": {}}}})).expect("a set");
    assert_eq!(projection_of(&json!({"spec": {"list": [1, 2, 3]}}), &by_place), json!({"spec": {"list": [2]}}));

    let members = (0..3000).map(|i| (format!("k:{{\"name\":\"n{i}\"}}"), json!({".": {}, "f:name": {}})));
    let set = FieldSet::parse(&json!({"f:list": Value::Object(members.collect())})).expect("a set");
    let list: Vec<Value> = (0..3000).rev().map(|i| json!({"name": format!("n{i}")})).collect();
    let object = json!({"list": list});
    assert_eq!(projection_of(&object, &set), object);
}

#[test]
fn a_number_is_the_same_element_however_it_is_written() {
    let set = FieldSet::parse(&json!({"f:list": {"v:1": {}, "v:2.0": {}}})).expect("a set");
    assert_eq!(projection_of(&json!({"list": [2, 3, 1.0]}), &set), json!({"list": [2, 1.0]}));
}
