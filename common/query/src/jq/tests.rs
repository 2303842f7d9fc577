use super::*;
use serde_json::json;

fn after(expression: &str, mut object: Value) -> Value {
    let paths = paths(expression, &object).expect(expression);
    remove(&mut object, &paths);
    object
}

#[test]
fn what_an_expression_names_goes() {
    let object =
        json!({"spec": {"replicas": 2, "list": [{"name": "a", "x": 1}, {"name": "b", "x": 2}, {"name": "c", "x": 3}]}});
    let names = |value: &Value| -> String {
        value["spec"]["list"].as_array().into_iter().flatten().filter_map(|e| e["name"].as_str()).collect()
    };
    for (expression, want) in [
        (r#".spec.list[] | select(.name == "b")"#, "ac"),
        (".spec.list[-1]", "ab"),
        (".spec.list[1:]", "a"),
        (".spec.list[]", ""),
        (".spec.list[7]", "abc"),
        (".spec.list[0, 2]", "b"),
        (".spec.none[]?", "abc"),
    ] {
        assert_eq!(names(&after(expression, object.clone())), want, "{expression}");
    }
    assert_eq!(after(".spec", object), json!({}));
}

#[test]
fn what_is_no_expression_is_refused_and_said_where() {
    for (text, want) in [
        (".spec[", "expected"),
        (".spec | nothing", "nothing"),
        ("$__loc", "__loc"),
        ("import \"a\" as a; .", "expected"),
        ("", "expected"),
    ] {
        let error = check(text).expect_err(text).to_string();
        assert!(error.contains(want), "{text}: {error}");
    }
    assert!(matches!(check(&"(".repeat(100)), Err(InvalidJq::TooDeep)));
    assert!(matches!(check(&"a".repeat(MAX_EXPRESSION + 1)), Err(InvalidJq::TooLong(_))));
    // Depth without brackets: the parser's stack must do.
    let _ = check(&format!("{}.", "-".repeat(MAX_EXPRESSION - 1)));
    let _ = check(&"if ".repeat(MAX_EXPRESSION / 3));
    // Text that would close `path(` too early is none.
    assert!(check(".a) | (.b").is_err());
}

#[test]
fn an_expression_that_fails_names_nothing() {
    for expression in [".spec.replicas[]", ".spec | keys[]", "error(\"no\")", ".a = 1"] {
        assert!(paths(expression, &json!({"spec": {"replicas": 1}})).is_err(), "{expression}");
    }
    assert_eq!(
        paths(".spec.replicas", &json!({})),
        Ok(vec![vec![Step::Field("spec".into()), Step::Field("replicas".into())]])
    );
}
