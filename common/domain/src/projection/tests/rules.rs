use super::*;

const WEB: &str = "/spec/template/spec/containers/0";

/// Rule 1.
#[test]
fn only_our_apply_entry_counts() {
    let deployment = applied("deployment");
    let found = entry(&deployment.response, MANAGER).expect("an entry");
    assert_eq!(found.api_version, "apps/v1");
    assert!(found.fields.pointer("/f:spec/f:replicas").is_some());
    deployment.check(&[
        ("our update and subresource entries change", |live| list(live, "/metadata/managedFields").truncate(1), (false, false)),
        ("they come first", |live| list(live, "/metadata/managedFields").rotate_left(1), (false, false)),
        ("an apply on scale", |live| {
            add_entry(live, MANAGER, "Apply", json!({"f:spec": {"f:replicas": {}}}));
            *at(live, "/metadata/managedFields/4") = json!({"manager": "windlass", "operation": "Apply", "subresource": "scale",
                "apiVersion": "autoscaling/v1", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
            disown(live, "/f:spec", "f:replicas");
            *at(live, "/spec/replicas") = json!(5);
        }, (true, true)),
    ]);
    assert_eq!(entry(&deployment.response, "kubectl"), None);
}

/// Rule 2: dots and slashes in names, defaulted keys, numbers among keys and set elements.
#[test]
fn members_are_found_whatever_their_names() {
    applied("deployment").check(&[
        (
            "a label with dots and a slash",
            |live| live["metadata"]["labels"]["app.kubernetes.io/name"] = json!("other"),
            (true, false),
        ),
        (
            "an annotation that is not ours",
            |live| {
                live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("2");
            },
            (false, false),
        ),
        (
            "a port keyed by a defaulted protocol is removed",
            |live| {
                list(live, &format!("{WEB}/ports")).pop();
            },
            (true, false),
        ),
        (
            "an element that we own as a whole gets a field",
            |live| {
                live["spec"]["template"]["spec"]["imagePullSecrets"][0]["extra"] = json!(1);
            },
            (true, false),
        ),
    ]);
    applied("gadget").check(&[
        ("a number of a set", |live| live["spec"]["sizes"] = json!([3]), (true, false)),
        ("a foreign number in a set", |live| list(live, "/spec/sizes").insert(0, json!(9)), (false, false)),
        (
            "a finalizer of another",
            |live| list(live, "/metadata/finalizers").insert(0, json!("other/x")),
            (false, false),
        ),
        ("our finalizer", |live| list(live, "/metadata/finalizers").clear(), (true, false)),
        (
            "a listener keyed by a CRD's default",
            |live| {
                list(live, "/spec/listeners").pop();
            },
            (true, false),
        ),
    ]);
}

/// Rule 3.
#[test]
fn a_duplicate_of_an_owned_element_shows() {
    applied("deployment").check(&[
        (
            "env A twice",
            |live| list(live, &format!("{WEB}/env")).push(json!({"name": "A", "value": "9"})),
            (true, false),
        ),
        (
            "53/TCP twice",
            |live| list(live, &format!("{WEB}/ports")).push(json!({"containerPort": 53, "protocol": "TCP"})),
            (true, false),
        ),
        ("a foreign env", |live| list(live, &format!("{WEB}/env")).insert(1, json!({"name": "C"})), (false, false)),
        (
            "a sidecar in front",
            |live| {
                list(live, "/spec/template/spec/containers").insert(0, json!({"name": "mesh", "image": "mesh:1"}));
            },
            (false, false),
        ),
    ]);
}

/// Rule 4: the order of ours counts, whatever of others is between them.
#[test]
fn the_order_of_owned_elements_counts() {
    applied("deployment").check(&[
        ("env", |live| list(live, &format!("{WEB}/env")).reverse(), (true, false)),
        ("containers", |live| list(live, "/spec/template/spec/containers").reverse(), (true, false)),
        (
            "ports that differ only in a defaulted key",
            |live| list(live, &format!("{WEB}/ports")).reverse(),
            (true, false),
        ),
    ]);
    applied("gadget").check(&[
        ("a set", |live| list(live, "/spec/sizes").reverse(), (true, false)),
        ("a map", |live| list(live, "/spec/listeners").reverse(), (true, false)),
        ("an atomic list", |live| list(live, "/spec/steps").reverse(), (true, false)),
    ]);
}

/// Rule 5: nothing is normalised.
#[test]
fn empty_values_differ_and_integers_are_exact() {
    applied("gadget").check(&[
        ("one more than 2^53 can tell", |live| live["spec"]["big"] = json!(9_007_199_254_740_992_i64), (true, false)),
        ("[] removed", |live| remove(live, "/spec", "emptyList"), (true, false)),
        ("[] to null", |live| live["spec"]["emptyList"] = Value::Null, (true, false)),
        ("\"\" removed", |live| remove(live, "/spec", "emptyText"), (true, false)),
        ("\"\" to null", |live| live["spec"]["emptyText"] = Value::Null, (true, false)),
        ("[] to {}", |live| live["spec"]["emptyList"] = json!({}), (true, false)),
        ("{} removed", |live| remove(live, "/spec", "empty"), (true, false)),
        ("{} to null", |live| live["spec"]["empty"] = Value::Null, (true, false)),
        ("another type", |live| live["spec"] = json!("text"), (true, false)),
    ]);
}

/// Rule 7: a value that came back leaves only the ownership lost; more fields under our name are seen by the entry alone.
#[test]
fn edit_and_revert_is_a_loss_of_ownership_only() {
    applied("deployment").check(&[
        (
            "scaled",
            |live| {
                live["spec"]["replicas"] = json!(0);
                disown(live, "/f:spec", "f:replicas");
            },
            (true, true),
        ),
        ("scaled and back", |live| disown(live, "/f:spec", "f:replicas"), (false, true)),
        ("label removed and added again", |live| disown(live, "/f:metadata", "f:labels"), (false, true)),
        (
            "more applied under our name",
            |live| {
                live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:paused"] = json!({});
            },
            (false, true),
        ),
        (
            "the same value applied by another",
            |live| {
                add_entry(live, "other", "Apply", json!({"f:spec": {"f:replicas": {}}}));
            },
            (false, false),
        ),
    ]);
}

/// Rule 8.
#[test]
fn an_atomic_value_written_under_our_name_is_seen_by_its_value() {
    applied("deployment").check(&[(
        "selector",
        |live| live["spec"]["selector"] = json!({"matchLabels": {"app.kubernetes.io/name": "other"}}),
        (true, false),
    )]);
}

/// Rule 9.
#[test]
fn a_lost_entry_is_drift_except_where_there_was_none() {
    applied("deployment").check(&[
        ("managedFields cleared", |live| live["metadata"]["managedFields"] = json!([{}]), (false, true)),
        ("managedFields gone", |live| remove(live, "/metadata", "managedFields"), (false, true)),
        ("our entry renamed", |live| live["metadata"]["managedFields"][0]["manager"] = json!("x"), (false, true)),
    ]);
    let role = applied("role");
    assert_eq!(role.baseline().fields(), None);
    role.check(&[
        ("nothing", |_| {}, (false, false)),
        ("rules by another", |live| live["rules"] = json!([{"verbs": ["get"]}]), (false, false)),
        (
            "an entry under our name",
            |live| {
                live["metadata"]["managedFields"] = json!([]);
                add_entry(live, MANAGER, "Apply", json!({"f:rules": {}}));
            },
            (false, true),
        ),
    ]);
}

/// Rule 9.
#[test]
fn another_object_of_the_same_name_is_a_replacement() {
    let policy = applied("network_policy");
    let live = policy.edited(|live| live["metadata"]["uid"] = json!("another"));
    let replaced = Comparison::Drifted { hash: false, entry: false, replaced: true };
    assert_eq!(policy.baseline().compare(&live), replaced);
    assert!(replaced.is_drift() && !Comparison::Same.is_drift());
}

/// Rule 10.
#[test]
fn another_version_is_not_compared() {
    let gadget = applied("gadget");
    let live = gadget.edited(|live| live["apiVersion"] = json!("shop.example/v2"));
    assert_eq!(gadget.baseline().compare(&live), Comparison::OtherVersion);
    assert_eq!(gadget.baseline().api_version(), "shop.example/v1");
}

#[test]
fn what_is_not_ours_is_no_drift() {
    applied("deployment").check(&[
        ("nothing", |_| {}, (false, false)),
        ("status", |live| live["status"] = json!({"replicas": 0}), (false, false)),
        (
            "restartedAt",
            |live| {
                live["spec"]["template"]["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "x"});
            },
            (false, false),
        ),
        ("paused", |live| live["spec"]["paused"] = json!(true), (false, false)),
        ("strategy", |live| live["spec"]["strategy"] = json!({"type": "Recreate"}), (false, false)),
        ("resourceVersion", |live| live["metadata"]["resourceVersion"] = json!("2000"), (false, false)),
        (
            "an init container",
            |live| live["spec"]["template"]["spec"]["initContainers"] = json!([{"name": "i"}]),
            (false, false),
        ),
        ("an owner", |live| live["metadata"]["ownerReferences"] = json!([{"uid": "x"}]), (false, false)),
    ]);
}

#[test]
fn what_is_ours_is_drift() {
    applied("deployment").check(&[
        ("image", |live| live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("evil"), (true, false)),
        (
            "env value",
            |live| live["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = json!("x"),
            (true, false),
        ),
        (
            "limit",
            |live| live["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("2"),
            (true, false),
        ),
        (
            "limits removed",
            |live| live["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({}),
            (true, false),
        ),
        (
            "a container removed",
            |live| {
                list(live, "/spec/template/spec/containers").pop();
            },
            (true, false),
        ),
        (
            "a container renamed",
            |live| live["spec"]["template"]["spec"]["containers"][1]["name"] = json!("x"),
            (true, false),
        ),
    ]);
    applied("secret").check(&[
        ("a value", |live| live["data"]["password"] = json!("eA=="), (true, false)),
        ("a key with a dot removed", |live| remove(live, "/data", "tls.crt"), (true, false)),
        ("a key of another", |live| live["data"]["more"] = json!("eA=="), (false, false)),
    ]);
}
