//! Lines, columns and paths: of errors, documents and duplicate keys.
#![allow(clippy::unwrap_used)]

use windlass_yaml::{Error, ErrorKind, Limits, documents, documents_strict};

fn refused(text: &str) -> Error {
    documents(text, &Limits::default()).unwrap_err()
}

fn place(text: &str) -> (usize, usize) {
    let error = refused(text);
    (error.line, error.column)
}

/// `path@line:column` of each duplicate in the first document.
fn duplicates(text: &str) -> Vec<String> {
    let documents = documents(text, &Limits::default()).unwrap();
    let found = documents.iter().flat_map(|document| &document.duplicates);
    found.map(|duplicate| format!("{}@{}:{}", duplicate.path, duplicate.line, duplicate.column)).collect()
}

#[test]
fn errors_count_lines_from_the_start_of_the_text() {
    assert_eq!(place("a: 1\n---\nb: 1\nc: *x\n"), (4, 4));
    assert_eq!(place("a: 1\r\n---\r\n\r\nb: !!int x\r\n"), (4, 10));
    assert_eq!(place("a: 1\n---\nb: é\u{1}\n"), (3, 5));
    assert_eq!(place("# c\n---\na:\n  - .inf\n"), (4, 5));
    assert_eq!(place("a: 1\n---\nb: 2\n---c\n"), (4, 1));
    assert_eq!(place("a: 1\n---\n? [x]\n: 1\n"), (3, 3));
    assert_eq!(place("a:\n  <<: x\n"), (2, 7));
    assert_eq!(place("{\"a\": 1}\n{\"b\": 1}\n{\"c\": }\n"), (3, 7));
    assert_eq!(place("{\"a\": 1} {\"b\": 1}\n  {\"c\": *x}"), (2, 9));
    assert_eq!(place("{\"a\": 1} {\"b\": {\"\\q\": 1}}"), (1, 17));
}

#[test]
fn errors_name_place_and_reason() {
    assert_eq!(refused("a:\n  ~: 1\n").to_string(), "line 2, column 3: null cannot be a key");
    assert_eq!(refused("a: !!int x").to_string(), "line 1, column 10: `x` is not a !!int");
    assert_eq!(refused("a\u{0}").to_string(), "line 1, column 2: control character U+0000 is not allowed");
    assert_eq!(
        refused("--- a").to_string(),
        "line 1, column 1: only a comment may follow a document separator, found `a`"
    );
}

#[test]
fn documents_start_at_their_content() {
    let text = "# head\n---\n# more\na: 1\n---\n---\n\n- b\n--- # c\nnull\n---\n{}\n";
    let lines: Vec<_> = documents(text, &Limits::default()).unwrap().iter().map(|document| document.line).collect();
    assert_eq!(lines, [4, 8, 12]);
}

#[test]
fn json_streams_have_lines_too() {
    let text = "{\"a\": 1}{\"b\": 2}\n\n{\n\"c\": 3}\n---\nd: 4\n";
    assert!(documents(text, &Limits::default()).is_err(), "a stream of JSON stays one");
    let text = "{\"a\": 1}{\"b\": 2}\n\n{\n\"c\": 3}\n";
    let lines: Vec<_> = documents(text, &Limits::default()).unwrap().iter().map(|document| document.line).collect();
    assert_eq!(lines, [1, 1, 3]);
}

#[test]
fn duplicates_have_paths_and_places() {
    assert_eq!(duplicates("a: 1\nb: 2\na: 3\n"), ["a@3:1"]);
    assert_eq!(duplicates("x: 0\n---\nspec:\n  ports:\n  - {}\n  - {p: 1, p: 2}\n"), ["spec.ports[1].p@6:12"]);
    assert_eq!(duplicates("- - {a: {b: 1, b: 2}}\n"), ["[0][0].a.b@1:16"]);
    assert_eq!(duplicates("on: 1\n\"true\": 2\n"), ["true@2:1"]);
    assert_eq!(duplicates("a: 1\na: 2\na: 3\n"), ["a@2:1", "a@3:1"]);
    assert_eq!(duplicates("{\"a\": 1, \"a\": 2}"), ["a@1:10"]);
}

#[test]
fn merged_keys_are_no_duplicates() {
    assert_eq!(duplicates("b: &b {x: 1}\nc:\n  <<: *b\n  x: 2\n"), [] as [&str; 0]);
    assert_eq!(duplicates("b: &b {x: 1}\nc:\n  x: 2\n  <<: *b\n"), [] as [&str; 0]);
    assert_eq!(duplicates("b: &b {x: 1}\nc:\n  <<: *b\n  x: 2\n  x: 3\n"), ["c.x@5:3"]);
    assert_eq!(duplicates("c:\n  <<: {x: 1, x: 2}\n"), ["c.x@2:14"]);
}

#[test]
fn aliases_do_not_repeat_duplicates() {
    assert_eq!(duplicates("a: &a {x: 1, x: 2}\nb: *a\nc: {<<: *a}\n"), ["a.x@1:14"]);
}

#[test]
fn only_the_first_hundred_duplicates_are_kept() {
    assert_eq!(duplicates(&"a: 1\n".repeat(1000)).len(), 100);
}

#[test]
fn strict_refuses_duplicates() {
    let error = documents_strict("a: 1\n---\nb:\n- {c: 1, c: 2}\n", &Limits::default()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DuplicateKey { path: "b[0].c".to_owned() });
    assert_eq!(error.to_string(), "line 4, column 10: duplicate key `b[0].c`");
    assert!(documents_strict("a: 1\n---\na: 2\n", &Limits::default()).is_ok());
}
