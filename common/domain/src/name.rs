//! Names that people give, parsed once at the edge.

use serde::{Deserialize, Serialize};

/// An application's name: its namespace (of the hub, not of any cluster) and its own name, both DNS-1123 as Kubernetes wants them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApplicationName {
    /// The namespace; `argocd` when none was given, as in Argo CD.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// The namespace of applications that name none.
pub const DEFAULT_NAMESPACE: &str = "argocd";

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a valid {what}: {rule}")]
pub struct InvalidName {
    /// What was being named.
    pub what: &'static str,
    /// The text, cut at 300 characters.
    pub name: String,
    /// The rule it broke.
    pub rule: &'static str,
}

/// Checks a DNS-1123 subdomain (RFC 1123 as Kubernetes reads it): at most 253 characters, lower-case letters, digits, `-` and `.`, each part beginning and
/// ending with a letter or digit.
pub fn subdomain(what: &'static str, name: &str) -> Result<String, InvalidName> {
    let part = |part: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
    };
    if name.len() <= 253 && name.split('.').all(part) {
        return Ok(name.to_owned());
    }
    let rule = "at most 253 lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit";
    Err(InvalidName { what, name: name.chars().take(300).collect(), rule })
}

/// Checks a DNS-1123 label: a subdomain of one part, at most 63 characters.
pub fn label(what: &'static str, name: &str) -> Result<String, InvalidName> {
    if name.len() <= 63 && !name.contains('.') {
        return subdomain(what, name);
    }
    let rule = "at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit";
    Err(InvalidName { what, name: name.chars().take(300).collect(), rule })
}

// === impl ApplicationName ===

impl ApplicationName {
    /// Checks both parts; an empty namespace is [`DEFAULT_NAMESPACE`].
    pub fn new(namespace: &str, name: &str) -> Result<Self, InvalidName> {
        let namespace = if namespace.is_empty() { DEFAULT_NAMESPACE } else { namespace };
        Ok(Self { namespace: label("namespace", namespace)?, name: subdomain("application name", name)? })
    }

    /// Reads `name` or `namespace/name`, as commands take it.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let (namespace, name) = text.split_once('/').unwrap_or(("", text));
        Self::new(namespace, name)
    }

    /// How the application is called in a tracking id: its name, or `namespace_name` outside the default namespace, as in Argo CD.
    pub fn tracking_name(&self) -> String {
        if self.namespace == DEFAULT_NAMESPACE {
            self.name.clone()
        } else {
            format!("{}_{}", self.namespace, self.name)
        }
    }
}

impl std::fmt::Display for ApplicationName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_1123() {
        for good in ["a", "a-b", "a.b", "0", "web-1.prod"] {
            assert!(subdomain("x", good).is_ok(), "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a..b", "a_b", "a/b", "é", " a", &"a".repeat(254)] {
            assert!(subdomain("x", bad).is_err(), "{bad}");
        }
        assert!(label("x", "a.b").is_err());
    }

    #[test]
    fn an_application_reads_with_and_without_namespace() {
        let name = ApplicationName::parse("web").expect("a name");
        assert_eq!((name.to_string().as_str(), name.tracking_name().as_str()), ("argocd/web", "web"));
        let name = ApplicationName::parse("team/web").expect("a name");
        assert_eq!((name.to_string().as_str(), name.tracking_name().as_str()), ("team/web", "team_web"));
        assert!(ApplicationName::parse("a/b/c").is_err());
    }
}
