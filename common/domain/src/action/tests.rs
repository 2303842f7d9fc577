//! Table tests: `testdata/actions.txt` has a line for what each kind offers, and for what each action writes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

const CASES: &str = include_str!("../../testdata/actions.txt");

fn now() -> Timestamp {
    "2026-11-23T10:00:00.5Z".parse().expect("a time")
}

struct Case<'a> {
    line: &'a str,
    objects: Vec<Value>,
    action: &'a str,
    writes: Option<&'a str>,
}

fn cases() -> Vec<Case<'static>> {
    let lines = CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut columns = line.split(" | ");
            let kinds = columns.next().expect("kinds");
            let object: Value =
                serde_json::from_str(columns.next().expect("an object").trim_end_matches(" |")).expect(line);
            let objects = kinds.split(',').map(|kind| whole(kind, &object)).collect();
            Case { line, objects, action: columns.next().unwrap_or_default(), writes: columns.next() }
        })
        .collect()
}

fn whole(kind: &str, object: &Value) -> Value {
    let (api_version, kind) = kind.rsplit_once('/').expect("a version and a kind");
    let mut object = object.clone();
    (object["apiVersion"], object["kind"]) = (json!(api_version), json!(kind));
    for (field, value) in [("name", "a"), ("namespace", "n"), ("uid", "u"), ("resourceVersion", "7")] {
        object["metadata"][field] = json!(value);
    }
    object
}

fn parameters(words: &str) -> (&str, Parameters) {
    let mut words = words.split(' ');
    let name = words.next().expect("an action");
    let given = words.map(|word| word.split_once('=').expect("name=value"));
    (name, given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[test]
fn kinds_offer_what_is_possible_now() {
    for Case { line, objects, action, .. } in cases().into_iter().filter(|case| case.writes.is_none()) {
        for object in objects {
            let said = offered(&object).into_iter().map(|offer| {
                assert_eq!(offer.disabled, !offer.reason.is_empty(), "{line}: a reason where it is not possible");
                format!("{}{}", if offer.disabled { "!" } else { "" }, offer.name)
            });
            assert_eq!(said.collect::<Vec<_>>().join(" "), action.trim(), "{line}: {}", object["kind"]);
        }
    }
}

#[test]
fn actions_write_what_the_api_documents() {
    for Case { line, objects, action, writes } in cases() {
        let Some(writes) = writes else { continue };
        let (verb, want) = writes.split_once(' ').expect("a verb");
        let want: Value = serde_json::from_str(want).expect(line);
        let (name, given) = parameters(action);
        for object in objects {
            let effect = run(&object, name, &given, now()).unwrap_or_else(|error| panic!("{line}: {error}"));
            let [change] = effect.changes.as_slice() else { panic!("{line}: one change") };
            let (made, got) = match change {
                Change::Create(new) => ("create", new.clone()),
                Change::Patch(patch) => ("patch", unguarded(patch)),
            };
            assert_eq!((made, got), (verb, want.clone()), "{line}: {}", object["kind"]);
        }
    }
}

/// The uid is on every patch, so that no other object of the name is changed.
fn unguarded(patch: &Value) -> Value {
    let mut patch = patch.clone();
    let metadata = patch["metadata"].as_object_mut().expect("metadata");
    assert_eq!(metadata.remove("uid"), Some(json!("u")));
    if metadata.is_empty() {
        patch.as_object_mut().expect("an object").remove("metadata");
    }
    patch
}

#[test]
fn every_built_in_action_has_a_line_that_runs_it() {
    let mut run: BTreeSet<(String, String)> = BTreeSet::new();
    for case in cases().into_iter().filter(|case| case.writes.is_some()) {
        for object in case.objects {
            let group = group_of(object["apiVersion"].as_str().expect("a version")).to_owned();
            let entry = ALL.iter().copied().flatten();
            let entry = entry.clone().find(|entry| entry.covers(&group, object["kind"].as_str().expect("a kind")));
            let entry = entry.expect("an entry");
            run.insert((format!("{}/{}", entry.group, entry.kind), parameters(case.action).0.to_owned()));
        }
    }
    for (group, kind, name) in builtin_actions() {
        assert!(run.contains(&(format!("{group}/{kind}"), name.to_owned())), "{group}/{kind} {name}");
    }
}

#[test]
fn no_kind_is_tabled_twice_and_names_are_unique() {
    let mut seen = BTreeSet::new();
    for action in builtin_actions() {
        assert!(seen.insert(action), "{action:?}");
    }
}

#[test]
fn an_action_that_is_not_possible_or_not_there_is_refused_in_words() {
    let paused = whole("apps/v1/Deployment", &json!({"spec": {"paused": true}}));
    let said = |name: &str, given: &[(&str, &str)]| {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        run(&paused, name, &given, now()).map(|_| ()).map_err(|error| error.to_string())
    };
    for (name, given, want) in [
        ("restart", &[][..], "restart is not possible now: it is paused: resume it first"),
        ("explode", &[], "Deployment has no action \"explode\"; it has restart, scale, pause, resume"),
        ("scale", &[], "parameter \"replicas\": is needed; `--param replicas=VALUE` gives it"),
        ("scale", &[("replicas", "-1")], "parameter \"replicas\": \"-1\" is no whole number from 0 to 1000000"),
        ("scale", &[("replicas", "1e3")], "parameter \"replicas\": \"1e3\" is no whole number from 0 to 1000000"),
        ("scale", &[("count", "3")], "parameter \"count\": the action takes replicas"),
        ("resume", &[("replicas", "3")], "parameter \"replicas\": the action takes no parameters"),
    ] {
        assert_eq!(said(name, given), Err(want.to_owned()));
    }
    let secret = whole("v1/Secret", &json!({}));
    let error = run(&secret, "restart", &Parameters::new(), now()).expect_err("no action");
    assert_eq!(error.to_string(), "Secret has no action \"restart\"; it has none");
    assert!(!error.is_retryable());
    let shrunk = whole("rabbitmq.com/v1beta1/RabbitmqCluster", &json!({"spec": {"replicas": 3}}));
    assert!(run(&shrunk, "scale", &Parameters::from([("replicas".into(), "1".into())]), now()).is_err());
    let standby = whole(
        "postgresql.cnpg.io/v1/Cluster",
        &json!({"status": {"currentPrimary": "a-1", "targetPrimary": "a-1", "instanceNames": ["a-1", "a-2"]}}),
    );
    assert!(run(&standby, "promote", &Parameters::from([("instance".into(), "a-1".into())]), now()).is_err());
}

#[test]
fn malformed_objects_are_answered_without_panic() {
    for wrong in [json!(null), json!(1), json!("x"), json!([]), json!({"spec": 1, "metadata": [], "status": "x"})] {
        for (group, kind, name) in builtin_actions() {
            let mut object = wrong.clone();
            if let Some(map) = object.as_object_mut() {
                map.insert("apiVersion".into(), json!(format!("{}/v1", group.trim_start_matches("*."))));
                map.insert("kind".into(), json!(kind));
            }
            offered(&object);
            let _ = run(&object, name, &Parameters::new(), now());
        }
    }
}

#[test]
fn a_merge_patch_is_what_a_script_changed() {
    let before = json!({"kind": "A", "metadata": {"name": "a", "resourceVersion": "7", "managedFields": [1]}, "spec": {"a": 1, "b": {"c": 2, "d": 3}, "l": [1]}, "n": null});
    let mut after = before.clone();
    assert_eq!(patch::between(&before, &after), json!({}));
    after["metadata"] = json!({"name": "a", "resourceVersion": "8", "annotations": {"x": "y"}});
    after["spec"] = json!({"a": 1, "b": {"c": 4}, "l": [1, 2]});
    after["kind"] = json!("B");
    let made = patch::between(&before, &after);
    assert_eq!(
        made,
        json!({"metadata": {"annotations": {"x": "y"}}, "spec": {"b": {"c": 4, "d": null}, "l": [1, 2]}}),
        "the version and the kind are not a script's"
    );
    let object = json!({"metadata": {"uid": "u", "resourceVersion": "7"}});
    let guarded = patch::guarded(made, &object);
    assert_eq!(guarded["metadata"], json!({"annotations": {"x": "y"}, "uid": "u", "resourceVersion": "7"}));
    assert_eq!(
        patch::guarded(json!({"spec": {"a": 2}}), &object),
        json!({"metadata": {"uid": "u"}, "spec": {"a": 2}}),
        "without a list, whatever else changed may stay"
    );
}

#[test]
fn a_status_goes_its_own_way() {
    let guards = json!({"uid": "u"});
    for (patch, main, status) in [
        (json!({"metadata": guards, "spec": {"a": 1}}), Some(json!({"metadata": guards, "spec": {"a": 1}})), None),
        (json!({"metadata": guards, "status": {"a": 1}}), None, Some(json!({"metadata": guards, "status": {"a": 1}}))),
        (
            json!({"metadata": {"uid": "u", "labels": {}}, "status": {}}),
            Some(json!({"metadata": {"uid": "u", "labels": {}}})),
            Some(json!({"metadata": guards, "status": {}})),
        ),
    ] {
        assert_eq!(patch::split_status(&patch), (main, status), "{patch}");
    }
}

#[test]
fn what_is_created_claims_nothing_of_git() {
    let cron = whole("batch/v1/CronJob", &json!({}));
    let mut new = json!({
        "apiVersion": "batch/v1", "kind": "Job", "status": {"active": 1},
        "metadata": {
            "name": "b", "uid": "u", "resourceVersion": "7",
            "labels": {"windlass.dev/managed": "true", "app": "a"},
            "annotations": {"argocd.argoproj.io/tracking-id": "t", "argocd.argoproj.io/installation-id": "i", "x": "y"},
        },
    });
    created(&mut new, &cron).expect("fit");
    let want = json!({"name": "b", "namespace": "n", "labels": {"app": "a"}, "annotations": {"x": "y"}});
    assert_eq!(new, json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": want}));
    for wrong in [
        json!("x"),
        json!({}),
        json!({"apiVersion": "v1", "kind": "Pod"}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": []}),
        json!({"kind": "Pod", "metadata": {"name": "a"}}),
    ] {
        assert!(created(&mut wrong.clone(), &cron).is_err(), "{wrong}");
    }
}

#[test]
fn git_is_quoted_where_it_says_otherwise() {
    let manifest = json!({"kind": "Deployment", "spec": {"replicas": 3, "template": {"metadata": {"labels": {"a": "b"}}}, "l": [1]}});
    let warned = |patch: Value, heal| warning(&contested(&patch, &manifest), heal);
    for (patch, want) in [
        (json!({"spec": {"replicas": 5}}), Some("git says spec.replicas: 3; self-heal puts it back")),
        (json!({"spec": {"replicas": 3}}), None),
        (json!({"spec": {"template": {"metadata": {"annotations": {"x": "y"}}}}}), None),
        (json!({"metadata": {"annotations": {"x": "y"}}}), None),
        (json!({"spec": {"l": [2]}}), Some("git says otherwise for spec.l; self-heal puts it back")),
        (json!({"spec": {"replicas": null}}), Some("git says spec.replicas: 3; self-heal puts it back")),
    ] {
        assert_eq!(warned(patch.clone(), true).as_deref(), want, "{patch}");
    }
    let later = warned(json!({"spec": {"replicas": 5}}), false).expect("a warning");
    assert_eq!(later, "git says spec.replicas: 3; the object is OutOfSync until the next sync puts it back");
    let secret = json!({"kind": "Secret", "stringData": {"password": "canary"}});
    let quiet = warning(&contested(&json!({"stringData": {"password": "x"}}), &secret), true).expect("a warning");
    assert_eq!(quiet, "git says otherwise for stringData.password; self-heal puts it back");
}

#[test]
fn what_a_script_returns_is_checked() {
    let cron = whole("batch/v1/CronJob", &json!({"spec": {"suspend": false}}));
    let mut suspended = cron.clone();
    suspended["spec"]["suspend"] = json!(true);
    suspended["metadata"]["resourceVersion"] = json!("1");
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "b"}});
    let effect = scripted(&cron, vec![(Operation::Patch, suspended.clone()), (Operation::Create, job)]).expect("fit");
    let want = [
        Change::Patch(json!({"metadata": {"uid": "u"}, "spec": {"suspend": true}})),
        Change::Create(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "b", "namespace": "n"}})),
    ];
    assert!(effect.changes == want);
    let mut other = suspended.clone();
    other["metadata"]["name"] = json!("other");
    let many = vec![(Operation::Patch, suspended); MOST_CHANGES + 1];
    for (what, returned) in [
        ("another object", vec![(Operation::Patch, other)]),
        ("nothing", vec![]),
        ("no change", vec![(Operation::Patch, cron.clone())]),
        ("no object", vec![(Operation::Create, json!(1))]),
        ("too many", many),
    ] {
        assert!(scripted(&cron, returned).is_err(), "{what}");
    }
}

#[test]
fn scripts_stand_before_built_in_actions_of_the_same_name() {
    let cron = whole("batch/v1/CronJob", &json!({}));
    let named = |name: &str| crate::customization::Action { name: name.into(), script: String::new() };
    let offer = |name: &str| Offer {
        disabled: true,
        ..offered(&cron)
            .into_iter()
            .find(|o| o.name == "suspend")
            .map(|o| Offer { name: name.into(), ..o })
            .expect("an offer")
    };
    let mut scripts =
        crate::customization::Actions { definitions: vec![named("suspend"), named("mine")], ..Default::default() };
    let names = |scripts: &crate::customization::Actions| {
        let offers = merged(&cron, scripts, vec![offer("mine"), offer("undefined")]);
        offers.into_iter().map(|offer| offer.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&scripts), "mine");
    scripts.merge_built_in = true;
    assert_eq!(names(&scripts), "mine create-job resume", "its own suspend is hidden where discovery hides it");
}
