//! jq path expressions name what gojq's `del` takes away: a table that gojq wrote (`oracle/`).
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use serde::Deserialize;
use serde_json::Value;
use windlass_query::jq::{self, Jq};

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
fn ours(jq: Option<&Jq>, object: &Value) -> Option<Value> {
    let paths = jq?.paths(object).ok()?;
    let mut left = object.clone();
    jq::remove(&mut left, &paths);
    Some(left)
}

/// Where we answer otherwise on purpose, and why.
fn is_known(expression: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == expression).map(|(_, why)| *why)
}

const KNOWN: &[(&str, &str)] = &[
    ("last(.spec.template.spec.containers[])", "gojq has no paths of last, jq has"),
    (
        "reduce (\"spec\", \"replicas\") as $k (.; .[$k])",
        "gojq has no paths of reduce over fields of other types, jq has",
    ),
    ("foreach (\"spec\", \"template\") as $k (.; .[$k])", "gojq has no paths of foreach, jq has"),
    ("del(.spec)", "gojq takes what changed nothing for a path"),
    (".spec |= empty", "gojq takes what changed nothing for a path"),
    ("$ENV", "nothing of an environment is anybody's business here"),
    (".a) | (.b", "Argo CD pastes the text between brackets, and this closes them"),
    (".a # comment", "Argo CD pastes the text between brackets, and this hides one"),
];

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
        let parsed = Jq::new(&case.expression).ok();
        for (object, left) in table.objects.iter().zip(&case.left) {
            let want = match left.as_str() {
                Some("same") => Some(object.clone()),
                Some("failed") => None,
                _ => Some(left.clone()),
            };
            let got = ours(parsed.as_ref(), object);
            // Nothing is taken away in either case.
            let nothing = |left: &Option<Value>| left.as_ref().is_none_or(|left| left == object);
            if got != want && !(nothing(&got) && nothing(&want)) {
                wrong.push(format!("{:?}: on {object}\n   gojq {want:?}\n   ours {got:?}", case.expression));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
