//! Our reading of `testdata/*.yaml` against the goldens that Kubernetes' Go modules wrote
//! (`oracle/regenerate.sh`), and the differences we know of.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Number, Value};
use windlass_yaml::{Error, Limits, documents};

/// What we make of a text that Go reads differently.
enum Ours {
    /// The documents, as a JSON list.
    Accepts(&'static str),
    /// A part of the error message.
    Refuses(&'static str),
}

use Ours::{Accepts, Refuses};

/// One row for each file of `testdata/differences`.
const DIFFERENCES: &[(&str, Ours)] = &[
    ("block-scalar-less-indented", Refuses("line 2, column 1: the lines of a block scalar need indentation")),
    ("block-scalar-own-line", Refuses("line 2, column 1: simple key expected")),
    ("bom-inside", Refuses("line 1, column 4: a BOM")),
    ("bracket-after-root", Refuses("line 3, column 4: misplaced bracket")),
    ("break-ls", Accepts(r#"[{"a": "x \u2028 y"}]"#)),
    ("break-nel", Accepts(r#"[{"a": "x\u0085  y"}]"#)),
    ("comment-adjacent-block", Refuses("line 1, column 5: comments must be separated")),
    ("comment-adjacent-flow", Refuses("line 1, column 7: comments must be separated")),
    ("comment-adjacent-quoted", Refuses("line 1, column 7: comments must be separated")),
    ("comment-after-blank-block", Refuses("line 3, column 3: wrongly indented line in block scalar")),
    ("comment-in-root-text", Refuses("line 1, column 5: comment intercepting")),
    ("end-marker-first", Accepts(r#"[{"a": 1}]"#)),
    ("end-marker-text", Refuses("line 2, column 5: invalid content after document end marker")),
    ("escape-single-quote", Refuses("unknown escape character")),
    ("escape-slash", Accepts(r#"[{"a": "b/c"}]"#)),
    ("escape-surrogates", Accepts(r#"[{"a": "😀"}]"#)),
    ("flow-colon-end", Refuses("line 1, column 2: a `:` inside")),
    ("flow-lone-dash", Refuses("line 1, column 2: plain scalar cannot start with '-'")),
    ("flow-question", Refuses("line 1, column 2: `?` and a leading `:` need quotes")),
    ("flow-tag-comma", Refuses("a tag inside `[]` and `{}` needs a blank")),
    ("inf-overwritten", Refuses("line 1, column 4: `.inf` has no JSON number")),
    ("json-then-short-text", Accepts(r#"[{"a": 1}, "x"]"#)),
    ("null-key-overwritten", Refuses("line 1, column 5: null cannot be a key")),
    ("tab-after-dash", Accepts(r#"[["x"]]"#)),
    ("tab-at-end", Accepts(r#"[{"a": 1}]"#)),
    ("tab-blank-line", Accepts(r#"[{"a": 1, "b": 2}]"#)),
    ("tab-in-block-start", Accepts(r#"[{"a": "\tx\n"}]"#)),
    ("tab-only", Accepts("[]")),
    ("tag-bracket", Refuses("while scanning a tag")),
    ("tag-hash", Accepts(r#"[{"a": "z"}]"#)),
    ("text-after-root-flow", Refuses("unclosed bracket")),
    ("text-after-root-quoted", Refuses("invalid trailing content")),
];

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// The names of the cases in a directory, sorted.
fn cases(dir: &Path) -> Vec<String> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let mut names: Vec<_> = yaml.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Go's documents; `None` for an error.
fn golden(dir: &Path, name: &str) -> Option<Vec<Value>> {
    let text = fs::read_to_string(dir.join(name).with_extension("json")).unwrap();
    let mut golden: Value = serde_json::from_str(&text).unwrap();
    let documents = golden.get_mut("documents")?.as_array_mut().unwrap();
    documents.iter_mut().for_each(normalize);
    Some(documents.clone())
}

fn ours(dir: &Path, name: &str) -> Result<Vec<Value>, Error> {
    let text = fs::read_to_string(dir.join(name).with_extension("yaml")).unwrap();
    let documents = documents(&text, &Limits::default())?;
    Ok(documents.into_iter().map(|document| document.value).collect())
}

/// `serde_json` reads Go's `-0` as a float.
fn normalize(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) => *number = Number::from(0),
        Value::Array(items) => items.iter_mut().for_each(normalize),
        Value::Object(entries) => entries.values_mut().for_each(normalize),
        _ => {}
    }
}

#[test]
fn reads_every_case_as_go_does() {
    let dir = testdata();
    let names = cases(&dir);
    assert!(names.len() > 200, "only {} cases", names.len());
    let mut differing = Vec::new();
    for name in &names {
        let ours = ours(&dir, name);
        if ours.as_ref().ok() != golden(&dir, name).as_ref() {
            differing.push(format!("{name}: {ours:?}"));
        }
    }
    assert!(differing.is_empty(), "{} of {}:\n{}", differing.len(), names.len(), differing.join("\n"));
}

#[test]
fn states_every_known_difference() {
    let names = cases(&testdata().join("differences"));
    let stated: Vec<_> = DIFFERENCES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, stated);
}

#[test]
fn differs_only_as_stated() {
    let dir = testdata().join("differences");
    for (name, expected) in DIFFERENCES {
        let ours = ours(&dir, name);
        assert_ne!(ours.as_ref().ok(), golden(&dir, name).as_ref(), "{name} is no difference any more");
        match (expected, ours) {
            (Accepts(json), Ok(values)) => {
                assert_eq!(values, *serde_json::from_str::<Vec<Value>>(json).unwrap(), "{name}")
            }
            (Refuses(part), Err(error)) => assert!(error.to_string().contains(part), "{name}: {error}"),
            (_, ours) => panic!("{name}: {ours:?}"),
        }
    }
}
