use std::time::Duration;

use serde_json::json;
use windlass_domain::action::scripted;

use super::*;

fn quick() -> Limits {
    Limits { time: Duration::from_millis(100), ..Limits::default() }
}

fn discover(source: &str, object: &Value) -> Result<Vec<Offer>, Error> {
    DiscoveryScript::new(source).with(quick()).discover(object, &Clock::system())
}

fn act(source: &str, object: &Value) -> Result<Vec<(Operation, Value)>, Error> {
    ActionScript::new(source).with(quick()).run(object, &Parameters::new(), &Clock::system())
}

const CRON_JOB: &str = r#"
    actions = {}
    actions["suspend"] = {["disabled"] = true}
    actions["resume"] = {["disabled"] = true, ["iconClass"] = "fa fa-fw fa-play", ["displayName"] = "Go on"}
    actions["scale"] = {params = {{name = "replicas"}, {name = "by", default = "2"}}}
    if obj.spec.suspend ~= nil and obj.spec.suspend then
      actions["resume"]["disabled"] = false
    else
      actions["suspend"]["disabled"] = false
    end
    return actions
"#;

#[test]
fn discovery_for_argo_cd_runs_as_it_stands() {
    let offers = discover(CRON_JOB, &json!({"spec": {"suspend": true}})).expect("offers");
    let said: Vec<(&str, bool)> = offers.iter().map(|offer| (offer.name.as_str(), offer.disabled)).collect();
    assert_eq!(said, [("resume", false), ("scale", false), ("suspend", true)]);
    assert_eq!((&*offers[0].display_name, &*offers[0].icon_class), ("Go on", "fa fa-fw fa-play"));
    let by = Parameter { name: "by".into(), default: Some("2".into()) };
    assert_eq!(offers[1].params, [Parameter { name: "replicas".into(), default: None }, by]);
    assert_eq!(offers[2].reason, "its discovery script says so");
    assert_eq!(discover("return {}", &json!({})), Ok(vec![]));
}

#[test]
fn an_action_returns_the_changed_object() {
    let object = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a", "annotations": {}},
        "spec": {"suspend": false, "list": [], "map": {}, "n": 3, "f": 1.5, "deep": [{"empty": []}], "null": null},
    });
    let returned = act("obj.spec.suspend = true return obj", &object).expect("an object");
    let effect = scripted(&object, returned).expect("an effect");
    let want = json!({"metadata": {}, "spec": {"suspend": true}});
    assert!(effect.changes == [windlass_domain::action::Change::Patch(want)], "nothing else changed on the way");
}

#[test]
fn an_action_returns_a_list_of_writes() {
    let source = r#"
        local job = {apiVersion = "batch/v1", kind = "Job", metadata = {name = obj.metadata.name .. "-x"}, spec = {}}
        job.spec.parallelism = tonumber(actionParams["count"])
        job.spec.volumes = {}
        return {{operation = "create", resource = job}, {operation = "patch", resource = obj}}
    "#;
    let object = json!({"kind": "CronJob", "metadata": {"name": "a"}});
    let given = Parameters::from([("count".to_owned(), "3".to_owned())]);
    let returned = ActionScript::new(source).run(&object, &given, &Clock::system()).expect("writes");
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a-x"}, "spec": {"parallelism": 3, "volumes": {}}});
    assert_eq!(returned, [(Operation::Create, job), (Operation::Patch, object)]);
}

#[test]
fn hostile_scripts_are_ended_and_named() {
    let object = json!({"metadata": {"name": "a"}});
    let (slow, big) = ("did not end", "MiB of memory");
    for (source, want) in [
        ("while true do end", slow),
        ("while true do pcall(function() while true do end end) end", slow),
        ("local s = 'x' while true do s = s .. s end", big),
        ("return io.open('/etc/passwd'):read('*a')", "nil value"),
        ("os.execute('true')", "nil value"),
        ("return require('os')", "nil value"),
        ("return nil", "not nil"),
        ("return 'obj'", "not string"),
        ("return {1, 2}", "a list of {operation, resource}"),
        ("return {{operation = 'delete', resource = obj}}", "patch and create are possible"),
        ("return {{operation = 'create', resource = 3}}", "resource is no object"),
        ("return {{operation = 'create'}}", "resource is no object"),
        ("obj.f = function() end return obj", "expected data"),
        ("obj.self = obj return obj", "holds itself"),
        ("obj[true] = 1 return obj", "a field's name"),
        ("obj.n = 0/0 return obj", "is no number"),
        ("error('no')", "no"),
        ("return {", "script"),
    ] {
        let error = act(source, &object).expect_err(source).to_string();
        assert!(error.contains(want), "{source}: {error}");
    }
    let many = "local l = {} for i = 1, 300000 do l[i] = 1 end obj.l = l return obj";
    let error = ActionScript::new(many).run(&object, &Parameters::new(), &Clock::system()).expect_err("too many");
    assert!(error.to_string().contains("more than 200000 values"), "{error}");
}

#[test]
fn hostile_discovery_is_ended_and_named() {
    let object = json!({});
    for (source, want) in [
        ("while true do end", "did not end"),
        ("return 1", "a table of actions"),
        ("return {{}}", "no text"),
        ("local a = {} for i = 1, 100 do a['x' .. i] = {} end return a", "more than 64 actions"),
    ] {
        let error = discover(source, &object).expect_err(source).to_string();
        assert!(error.contains(want), "{source}: {error}");
    }
    let odd = discover("return {a = 1, b = {disabled = 'yes', params = 3}, c = {params = {1, {name = {}}}}}", &object);
    assert_eq!(
        odd.expect("offers").iter().map(|o| (&*o.name, o.disabled)).collect::<Vec<_>>(),
        [("a", false), ("b", false), ("c", false)]
    );
}
