//! jq path expressions name what gojq's `del` takes away: a table that gojq wrote (`oracle/`).
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use serde::Deserialize;
use serde_json::Value;
use windlass_query::jq;

#[derive(Deserialize)]
struct Table {
    objects: Vec<Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    expression: String,
    parses: bool,
    #[serde(default)]
    left: Vec<Value>,
}

/// What gojq leaves, or `None` where the expression fails: then nothing is ignored.
fn ours(expression: &str, object: &Value) -> Option<Value> {
    let paths = jq::paths(expression, object).ok()?;
    let mut left = object.clone();
    jq::remove(&mut left, &paths);
    Some(left)
}

/// Where we answer otherwise on purpose, and why.
fn is_known(expression: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == expression).map(|(_, why)| *why)
}

const KNOWN: &[(&str, &str)] = &[];

#[test]
fn expressions_name_what_gojq_deletes() {
    let table: Table = serde_json::from_str(include_str!("../testdata/jq.json")).expect("a table");
    let mut wrong = Vec::new();
    for case in &table.cases {
        if is_known(&case.expression).is_some() {
            continue;
        }
        if jq::check(&case.expression).is_ok() != case.parses {
            wrong.push(format!("{:?}: gojq takes it: {}", case.expression, case.parses));
            continue;
        }
        for (object, left) in table.objects.iter().zip(&case.left) {
            let want = match left.as_str() {
                Some("same") => Some(object.clone()),
                Some("failed") => None,
                _ => Some(left.clone()),
            };
            let got = ours(&case.expression, object);
            // Nothing is taken away in either case.
            let nothing = |left: &Option<Value>| left.as_ref().is_none_or(|left| left == object);
            if got != want && !(nothing(&got) && nothing(&want)) {
                wrong.push(format!("{:?}: on {object}\n   gojq {want:?}\n   ours {got:?}", case.expression));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
