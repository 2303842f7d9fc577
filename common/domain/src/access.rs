//! Who may do what. Principals hold grants; whatever no grant allows is refused.

use serde::{Deserialize, Serialize};

/// Somebody or something that calls the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Unique name.
    pub name: String,
    /// What it may do.
    pub grants: Vec<Grant>,
}

/// Permission for an action on objects of a resource; `*` is a wildcard that also crosses `/` (Argo CD's RBAC globs).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// `applications`, `clusters`, `repositories`, `operations`, `projects`, `settings` or `*`.
    pub resource: String,
    /// `get`, `create`, `update`, `delete`, `sync`, ... or `*`.
    pub action: String,
    /// `project/namespace/name` of applications, the name of everything else; or a pattern.
    pub object: String,
}

// === impl Principal ===

impl Principal {
    /// The first administrator: everything.
    pub fn administrator(name: &str) -> Self {
        let all = || "*".to_owned();
        Self { name: name.to_owned(), grants: vec![Grant { resource: all(), action: all(), object: all() }] }
    }

    /// Whether some grant allows it.
    pub fn allows(&self, resource: &str, action: &str, object: &str) -> bool {
        self.grants.iter().any(|grant| {
            matches(&grant.resource, resource) && matches(&grant.action, action) && matches(&grant.object, object)
        })
    }
}

/// Matches `*` against any run of characters; linear in both lengths (greedy with one point to return to).
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_granted_is_allowed() {
        let grant = |resource: &str, action: &str, object: &str| Grant {
            resource: resource.into(),
            action: action.into(),
            object: object.into(),
        };
        let principal = Principal {
            name: "ci".into(),
            grants: vec![grant("applications", "*", "shop/*"), grant("clusters", "get", "*")],
        };
        assert!(principal.allows("applications", "sync", "shop/argocd/web"));
        assert!(principal.allows("clusters", "get", "eu-1"));
        assert!(!principal.allows("applications", "sync", "other/argocd/web"));
        assert!(!principal.allows("clusters", "delete", "eu-1"));
        assert!(!Principal { name: "x".into(), grants: vec![] }.allows("applications", "get", "a"));
        assert!(Principal::administrator("admin").allows("anything", "at", "all"));
    }

    #[test]
    fn stars_match_runs() {
        for (pattern, text, want) in [
            ("a*c", "abc", true),
            ("*b*", "abc", true),
            ("a*b", "abc", false),
            ("", "", true),
            ("*", "", true),
            ("a", "", false),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
    }
}
