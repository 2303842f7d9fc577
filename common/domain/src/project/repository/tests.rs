use super::*;

fn permits(rules: &[&str], address: &str) -> bool {
    let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
    refuses(&rules, address).is_none()
}

/// Argo CD's own cases.
#[test]
fn globs_have_the_slash_as_separator() {
    for (rule, address, permitted) in [
        ("*", "https://github.com/argoproj/test.git", true),
        ("https://github.com/argoproj/test.git", "https://github.com/argoproj/test.git", true),
        ("ssh://git@GITHUB.com:argoproj/test", "ssh://git@github.com:argoproj/test", true),
        ("git@github.com:argoproj/test.git", "ssh://git@github.com/argoproj/test", true),
        ("https://github.com/argoproj/*", "https://github.com/argoproj/argoproj.git", true),
        ("https://github.com/test1/test.git", "https://github.com/test2/test.git", false),
        ("https://github.com/argoproj/foo*", "https://github.com/argoproj/foo1", true),
        ("https://github.com/argoproj/test1*", "https://github.com/argoproj1/test2.git", false),
        ("https://github.com/argoproj/foo", "https://github.com/argoproj/foo1", false),
        ("https://gitlab.com/group/*", "https://gitlab.com/group/repo/owner", false),
        ("https://gitlab.com/group/*/*", "https://gitlab.com/group/repo/owner", true),
        ("https://gitlab.com/group/*/*/*", "https://gitlab.com/group/sub-group/repo/owner", true),
        ("https://gitlab.com/group/**", "https://gitlab.com/group/sub-group/repo/owner", true),
        ("https://github.com/{a,b}/*", "https://github.com/b/x", true),
        ("https://github.com/?/x", "https://github.com/a/x", true),
        ("https://*.example/x", "https://git.example/x", true),
        ("file:///srv/git/*", "file:///srv/git/app", true),
        ("/srv/git/*", "file:///srv/git/app", true),
    ] {
        assert_eq!(permits(&[rule], address), permitted, "{rule} {address}");
    }
}

#[test]
fn a_denial_permits_what_it_does_not_deny() {
    for (rules, address, permitted) in [
        (&["!https://github.com/argoproj/*"][..], "https://github.com/argoproj/argoproj.git", false),
        (&["!https://github.com/argoproj/*"], "https://github.com/other/x", true),
        (&["*", "!https://github.com/argoproj/*"], "https://github.com/argoproj/x", false),
        (&["!https://github.com/argoproj/*", "*"], "https://github.com/argoproj/x", false),
        (&["!https://gitlab.com/group/*/*"], "https://gitlab.com/group/repo/owner", false),
        (&["!https://gitlab.com/group/**"], "https://gitlab.com/group/a/b/c", false),
        (&["https://github.com/a/*", "!https://github.com/a/secret"], "https://github.com/a/b", true),
        (&[], "https://github.com/a/b", false),
    ] {
        assert_eq!(permits(rules, address), permitted, "{rules:?} {address}");
    }
}

/// Spellings of a denied repository that a server may read as it. What the URL parser of the git engine refuses or rewrites before anything is dialled is
/// here too: the rules do not lean on it.
#[test]
fn no_spelling_gets_past_a_denial() {
    let rules = ["*", "!https://git.example/secret/**", "!https://git.example/secret"];
    for address in [
        "https://git.example/secret/app",
        "https://git.example/secret/app.git",
        "https://git.example/secret/app/",
        "https://git.example/secret/app.git/",
        "https://git.example/Secret/APP",
        "HTTPS://GIT.EXAMPLE/secret/app",
        "https://git.example:443/secret/app",
        "https://git.example./secret/app",
        "https://git.example//secret//app",
        "https://git.example/./secret/./app",
        "https://git.example/open/../secret/app",
        "https://git.example/open/%2e%2e/secret/app",
        "https://git.example/%73ecret/app",
        "https://git.example/%73%65cret/app",
        "https://git.example/secret%2Fapp",
        "https://git.example/secret%2fapp",
        "https://git.example\\secret\\app",
        "https://git.example/secret/app?x=y",
        "https://git.example/secret/app#x",
        "https://me@git.example/secret/app",
        "https://open.example@git.example/secret/app",
        "  https://git.example/secret/app  ",
        "https://git.example/secret",
    ] {
        assert!(!permits(&rules, address), "{address}");
    }
}

/// Addresses that look like a permitted one.
#[test]
fn no_spelling_gets_into_a_permission() {
    let rules = ["https://git.example/shop/*"];
    for address in [
        "https://git.example/shop/../other/app",
        "https://git.example/shop/%2e%2e/other/app",
        "https://git.example/shop/a/b",
        "https://git.example/shop",
        "https://git.example.evil/shop/app",
        "https://git.example@evil.example/shop/app",
        "https://evil.example/https://git.example/shop/app",
        "https://evil.example/?https://git.example/shop/app",
        "http://git.example/shop/app",
        "https://git.example:8443/shop/app",
        "file:///git.example/shop/app",
        "git.example/shop/app",
        "https://gıt.example/shop/app",
        "https://git.example/shop/app\n",
    ] {
        let dialled = address.trim_end_matches('\n');
        let same = address != dialled;
        assert_eq!(permits(&rules, address), same, "{address:?}");
    }
    let host = ["https://*.example/**"];
    assert!(!permits(&host, "https://git.example@evil.org/x") && !permits(&host, "https://evil.org/.example/x"));
    // On this machine case makes another directory.
    assert!(!permits(&["/srv/git/team/*"], "file:///srv/git/TEAM/app"));
    assert!(!permits(&["/srv/git/team/*"], "file:///srv/git/team/../secret/app"));
}
