//! Equal to the Go modules that Argo CD uses: tables written by `oracle/`.
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use serde::Deserialize;
use windlass_query::{Constraint, Glob, Version};

#[derive(Deserialize)]
struct Table {
    texts: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    pattern: String,
    /// Indexes into the texts; `None` where the pattern is refused.
    matches: Option<Vec<usize>>,
    /// Texts at which the Go module panicked.
    #[serde(default)]
    crashes: Vec<usize>,
}

/// A case where `ours` answers otherwise: the pattern, and the text unless the pattern itself is judged otherwise.
#[derive(Debug)]
struct Difference {
    pattern: String,
    text: Option<String>,
    #[allow(dead_code, reason = "shown when a test fails")]
    ours: bool,
}

fn differences<T>(json: &str, parse: impl Fn(&str) -> Option<T>, ours: impl Fn(&T, &str) -> bool) -> Vec<Difference> {
    let table: Table = serde_json::from_str(json).expect("a table");
    let mut found = Vec::new();
    for case in &table.cases {
        let pattern = || case.pattern.clone();
        match (&case.matches, parse(&case.pattern)) {
            (None, None) => {}
            (Some(want), Some(parsed)) => {
                for (index, text) in table.texts.iter().enumerate().filter(|(i, _)| !case.crashes.contains(i)) {
                    let ours = ours(&parsed, text);
                    if ours != want.contains(&index) {
                        found.push(Difference { pattern: pattern(), text: Some(text.clone()), ours });
                    }
                }
            }
            (_, parsed) => found.push(Difference { pattern: pattern(), text: None, ours: parsed.is_some() }),
        }
    }
    found
}

/// What gobwas 0.2.3 answers against its own documentation, by how its matchers cut texts; we answer by the documentation.
fn is_defect_of_gobwas(difference: &Difference) -> bool {
    let Some(text) = &difference.text else { return false };
    let pattern = &difference.pattern;
    // `?` and `[!a]` alone take the empty text.
    let nothing_is_a_character = text.is_empty();
    // Bytes are counted as characters.
    let bytes = !text.is_ascii();
    // An alternative that holds a star tries one length only when something stands beside the braces: `{env-*,prod}/*` refuses `env-dev/a.yaml`.
    let hasty_alternatives =
        pattern.split('{').skip(1).any(|rest| rest.split('}').next().is_some_and(|a| a.contains('*')));
    // With a separator, `**` and `*` side by side become something else than either.
    let three_stars = pattern.contains("***");
    nothing_is_a_character || bytes || hasty_alternatives || three_stars
}

fn gobwas_differences(json: &str, separator: Option<char>) -> Vec<Difference> {
    let mut found = differences(json, |pattern| Glob::gobwas(pattern, separator).ok(), Glob::is_match);
    found.retain(|difference| !is_defect_of_gobwas(difference));
    found
}

#[test]
fn globs_answer_as_gobwas() {
    let got = gobwas_differences(include_str!("../testdata/gobwas.json"), None);
    assert!(got.is_empty(), "{}: {got:#?}", got.len());
}

#[test]
fn globs_with_a_separator_answer_as_gobwas() {
    let got = gobwas_differences(include_str!("../testdata/gobwas-slash.json"), Some('/'));
    assert!(got.is_empty(), "{}: {got:#?}", got.len());
}

#[test]
fn path_globs_answer_as_path_match() {
    let got = differences(include_str!("../testdata/path-match.json"), |p| Glob::path(p).ok(), Glob::is_match);
    assert!(got.is_empty(), "{}: {got:#?}", got.len());
}

#[test]
fn constraints_answer_as_masterminds() {
    let matches = |constraint: &Constraint, text: &str| Version::parse(text).is_some_and(|v| constraint.matches(&v));
    let mut got = differences(include_str!("../testdata/semver.json"), |p| Constraint::parse(p).ok(), matches);
    // Masterminds takes a single `|` for a digit, and drops it behind a wildcard; we refuse it everywhere.
    got.retain(|difference| difference.ours || !difference.pattern.replace("||", "").contains('|'));
    assert!(got.is_empty(), "{}: {got:#?}", got.len());
}

#[test]
fn versions_are_read_as_by_masterminds() {
    let got = differences(include_str!("../testdata/versions.json"), Version::parse, |_, _| true);
    assert!(got.is_empty(), "{}: {got:#?}", got.len());
}

#[test]
fn versions_are_ordered_as_by_masterminds() {
    let ascending: Vec<String> = serde_json::from_str(include_str!("../testdata/order.json")).expect("a list");
    let mut ours = ascending.clone();
    // Stable, as the oracle's: what is equal keeps its place.
    ours.sort_by_key(|text| Version::parse(text).expect("a version"));
    assert_eq!(ours, ascending);
}
