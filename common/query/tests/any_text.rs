//! Whatever is written, nothing panics.

use proptest::prelude::*;
use windlass_query::{Constraint, Glob, Version};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn globs_of_any_text(pattern in r"[a-c\PC*?{}\[\],!^\\/-]{0,40}", text in r"[a-c/\PC\n]{0,40}") {
        for glob in [Glob::gobwas(&pattern, None), Glob::gobwas(&pattern, Some('/')), Glob::path(&pattern)].into_iter().flatten() {
            glob.is_match(&text);
        }
    }

    #[test]
    fn an_escaped_text_matches_itself_alone(text in r"[a-c\PC*?{}\[\],!^\\/-]{0,20}", other in r"[a-c*?]{0,3}") {
        let escaped: String = text.chars().flat_map(|c| ['\\', c]).collect();
        for glob in [Glob::gobwas(&escaped, None), Glob::gobwas(&escaped, Some('/')), Glob::path(&escaped)] {
            let glob = glob.expect("a glob");
            prop_assert!(glob.is_match(&text));
            prop_assert_eq!(glob.is_match(&other), other == text);
        }
    }

    #[test]
    fn constraints_of_any_text(text in r"[0-9vxX*.<>=!~^|, +\-a-c\PC]{0,40}", version in r"v?[0-9.\-+a-cx]{0,20}") {
        if let (Ok(constraint), Some(version)) = (Constraint::parse(&text), Version::parse(&version)) {
            prop_assert!(!constraint.matches(&version) || constraint.matches_with_prereleases(&version));
            constraint.distance(&version);
        }
    }

    #[test]
    fn a_shown_version_reads_back(major: u64, minor: u64, patch: u64, pre in "(-[a-z][0-9a-z]{0,5}(\\.[a-z]{1,3})?)?") {
        let version = Version::parse(&format!("v{major}.{minor}.{patch}{pre}")).expect("a version");
        prop_assert_eq!(Version::parse(&version.to_string()), Some(version.clone()));
        let itself = Constraint::parse(&version.to_string()).expect("a constraint");
        prop_assert!(itself.matches(&version));
    }
}

#[test]
fn the_largest_patterns_are_answered() {
    let big = windlass_query::MAX_PATTERN;
    for piece in ["*", "?", "[!a]", "{a,b}", "*a", "**/", "{*,?}"] {
        let pattern = piece.repeat(big / piece.len());
        let text = "a".repeat(4096);
        for glob in [Glob::gobwas(&pattern, None), Glob::gobwas(&pattern, Some('/')), Glob::path(&pattern)] {
            glob.expect("a glob within the limits").is_match(&text);
        }
    }
}
