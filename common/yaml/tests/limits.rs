//! What untrusted text cannot do.
#![allow(clippy::unwrap_used)]

use std::thread;
use std::time::{Duration, Instant};

use windlass_yaml::{Error, ErrorKind, Limit, Limits, documents};

fn refused(text: &str, limits: &Limits) -> Error {
    documents(text, limits).unwrap_err()
}

/// The limit that refuses the text, and the value it found.
fn limit(text: &str, limits: &Limits) -> (Limit, usize) {
    match refused(text, limits).kind {
        ErrorKind::Limit { limit, value, .. } => (limit, value),
        kind => panic!("{kind}"),
    }
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    open.repeat(depth) + &close.repeat(depth)
}

/// On the stack of a tokio worker, and shorter than a request may wait.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(2 << 20).spawn(test).unwrap().join().unwrap();
}

#[test]
fn each_limit_is_named() {
    let limits = Limits::default();
    assert_eq!(limit("a: 1", &Limits { bytes: 3, ..limits }), (Limit::Bytes, 4));
    assert_eq!(limit("[[1]]", &Limits { depth: 1, ..limits }), (Limit::Depth, 2));
    assert_eq!(limit("[1, 2]", &Limits { nodes: 2, ..limits }), (Limit::Nodes, 3));
    assert_eq!(limit("[&a xyz, *a, *a]", &Limits { alias_bytes: 5, ..limits }), (Limit::AliasBytes, 6));
    assert_eq!(limit("a\n---\n# c\n---\nb", &Limits { documents: 1, ..limits }), (Limit::Documents, 2));
    let error = refused("[[1]]", &Limits { depth: 1, ..limits });
    assert_eq!(error.to_string(), "line 1, column 2: nesting depth is 2, the limit is 1");
}

#[test]
fn what_just_fits_is_read() {
    let limits = Limits { bytes: 13, depth: 2, nodes: 6, alias_bytes: 1, documents: 1 };
    assert_eq!(documents("[[&a 1, *a]]\n", &limits).unwrap().len(), 1);
}

#[test]
fn nodes_and_alias_bytes_count_over_all_documents() {
    let limits = Limits { nodes: 5, alias_bytes: 3, ..Limits::default() };
    assert_eq!(limit("[1]\n---\n[1]\n---\n[1]\n", &limits), (Limit::Nodes, 6));
    assert_eq!(
        limit("{a: &a xy, b: *a}\n---\n{a: &a xy, b: *a}", &Limits { nodes: 100, ..limits }),
        (Limit::AliasBytes, 4)
    );
}

#[test]
fn the_depth_limit_fits_a_small_stack() {
    on_small_stack(|| {
        let depth = Limits::default().depth;
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
            assert_eq!(documents(&nested(open, close, depth), &Limits::default()).unwrap().len(), 1);
        }
    });
}

#[test]
fn deep_nesting_is_a_limit_error_on_a_small_stack() {
    on_small_stack(|| {
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("{\"a\":", "1}")] {
            for depth in [513, 10_000, 200_000] {
                let text = nested(open, close, depth);
                assert_eq!(limit(&text, &Limits::default()), (Limit::Depth, 513), "{open} {depth}");
            }
        }
        for unclosed in ["[", "{a: ", "{? ", "[{"] {
            assert_eq!(limit(&unclosed.repeat(10_000), &Limits::default()), (Limit::Depth, 513), "{unclosed}");
        }
    });
}

#[test]
fn aliases_cannot_nest_deeper_than_the_limit() {
    let levels = (1..40).map(|level| format!("a{level}: &a{level} [*a{}]\n", level - 1));
    let text = format!("a0: &a0 x\n{}", levels.collect::<String>());
    assert_eq!(limit(&text, &Limits { depth: 30, ..Limits::default() }), (Limit::Depth, 31));
    assert!(documents(&text, &Limits { depth: 40, ..Limits::default() }).is_ok());
}

#[test]
fn alias_bombs_are_refused_at_once() {
    let mut lists = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    let mut maps = String::from("a0: &a0 {x: y, z: w}\n");
    let mut merges = maps.clone();
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        lists += &format!("a{level}: &a{level} [{}]\n", [below.as_str(); 9].join(", "));
        maps += &format!("a{level}: &a{level} {{a: {below}, b: {below}, c: {below}}}\n");
        merges += &format!("a{level}: &a{level} {{<<: [{below}, {below}, {below}, {below}]}}\n");
    }
    let long_text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 60].join(", "));
    let long_key = format!("a: &a {{? {} : 1}}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 60].join(", "));
    for text in [lists, maps, merges, long_text, long_key] {
        let start = Instant::now();
        refused(&text, &Limits::default());
        assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    }
}

#[test]
fn hostile_shapes_take_linear_time() {
    let shapes = [
        "? ".repeat(50_000),
        "a: &a\n".repeat(50_000),
        "---\n".repeat(200_000),
        "\n".repeat(2_000_000),
        "[]\n---\n".repeat(15_000),
        format!("[{}", "a, ".repeat(200_000)),
        format!("\"{}", "\\n".repeat(500_000)),
        "{}".repeat(15_000),
        "a: 1\n".repeat(100_000),
        "!t ".repeat(100_000),
        "k: |\n  x\n".repeat(50_000),
        "\"a\" ".repeat(100_000),
        "- - ".repeat(100),
        "#".repeat(5_000_000),
    ];
    for text in shapes {
        let start = Instant::now();
        let _ = documents(&text, &Limits::default());
        assert!(start.elapsed() < Duration::from_secs(10), "{:.20} took {:?}", text, start.elapsed());
    }
}
