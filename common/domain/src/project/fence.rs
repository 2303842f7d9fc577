//! What of a project an agent needs: which kinds and namespaces one cluster may get from the project's applications.

use serde::{Deserialize, Serialize};

use super::pattern::{KindPattern, NamePattern};
use super::{ProjectDestination, ProjectSpec, ResourceRule};
use crate::cluster::Cluster;
use crate::manifest::ResourceKey;

/// A project's rules for one cluster. It is part of a target's settings, so that an agent that is cut off keeps to it.
///
/// It only ever refuses writes. What it refuses and is there already stays there: a fence that shrinks deletes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fence {
    /// The project's name, for people.
    pub project: String,
    /// The destination rule that denies the whole cluster, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_denied_by: Option<String>,
    /// Namespaces that may be written to.
    #[serde(default)]
    pub namespaces: Vec<NamespaceRule>,
    /// Namespaces that may not, whatever permits them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied_namespaces: Vec<NamePattern>,
    /// Cluster-scoped kinds that are permitted.
    #[serde(default)]
    pub cluster_kinds: Vec<KindRule>,
    /// Cluster-scoped kinds that are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied_cluster_kinds: Vec<KindRule>,
    /// Namespaced kinds that are permitted; `None` for every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaced_kinds: Option<Vec<KindRule>>,
    /// Namespaced kinds that are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied_namespaced_kinds: Vec<KindRule>,
}

/// Namespaces of one destination rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceRule {
    /// The pattern, without `!`.
    pub pattern: NamePattern,
    /// The rule was written with `!`: it is every namespace but these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub but: bool,
}

/// Kinds of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KindRule {
    /// API group.
    pub group: KindPattern,
    /// Kind.
    pub kind: KindPattern,
    /// Name; `None` for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<KindPattern>,
}

// === impl Fence ===

impl Fence {
    /// A project's rules for one cluster. A pattern that cannot be read permits nothing, and denies everything; [`ProjectManifest::parse`] lets none in.
    ///
    /// [`ProjectManifest::parse`]: super::ProjectManifest::parse
    pub fn new(project: &str, spec: &ProjectSpec, cluster: &Cluster) -> Self {
        let mut fence = Self {
            project: project.to_owned(),
            cluster_denied_by: None,
            namespaces: Vec::new(),
            denied_namespaces: Vec::new(),
            cluster_kinds: allowed(&spec.cluster_resource_whitelist, true),
            denied_cluster_kinds: denied(&spec.cluster_resource_blacklist, true),
            namespaced_kinds: spec.namespace_resource_whitelist.as_deref().map(|rules| allowed(rules, false)),
            denied_namespaced_kinds: denied(&spec.namespace_resource_blacklist, false),
        };
        for destination in &spec.destinations {
            fence.take(destination, cluster);
        }
        fence.namespaces.dedup();
        fence.denied_namespaces.dedup();
        fence
    }

    /// Why an object may not be written, if it may not: the project, the rule, and what would permit it. The key's namespace is the one that it will have.
    pub fn refuses(&self, key: &ResourceKey, namespaced: bool) -> Option<String> {
        let why = match namespaced {
            true => self.refuses_kind(key, true).or_else(|| self.refuses_namespace(&key.namespace)),
            false => self.refuses_cluster().or_else(|| self.refuses_kind(key, false)),
        };
        why.map(|why| format!("project {:?} does not permit {key}: {why}", self.project))
    }

    /// Why nothing may go to a namespace of the cluster, if so.
    pub fn refuses_namespace(&self, namespace: &str) -> Option<String> {
        let project = &self.project;
        if let Some(why) = self.refuses_cluster() {
            return Some(why);
        }
        if let Some(rule) = self.denied_namespaces.iter().find(|rule| rule.is_match(namespace)) {
            return Some(format!(
                "its destination rule for namespace \"!{}\" denies it; choose another namespace",
                rule.as_str()
            ));
        }
        if self.namespaces.iter().any(|rule| rule.takes(namespace)) {
            return None;
        }
        let rules = list(self.namespaces.iter().map(NamespaceRule::to_string));
        Some(format!(
            "namespace {namespace:?} of the cluster is none of its destinations ({rules}); `windlass proj add-destination {project} CLUSTER NAMESPACE` adds one"
        ))
    }

    /// Whether it refuses nothing at all, in which case no agent needs it.
    pub fn is_open(&self) -> bool {
        self.cluster_denied_by.is_none()
            && self.denied_namespaces.is_empty()
            && self.denied_cluster_kinds.is_empty()
            && self.denied_namespaced_kinds.is_empty()
            && self.namespaces.iter().any(|rule| !rule.but && rule.pattern.is_any())
            && self.cluster_kinds.iter().any(KindRule::is_any)
            && self.namespaced_kinds.as_ref().is_none_or(|rules| rules.iter().any(KindRule::is_any))
    }

    fn refuses_cluster(&self) -> Option<String> {
        if let Some(rule) = &self.cluster_denied_by {
            return Some(format!("its destination rule {rule:?} denies the cluster; choose another cluster"));
        }
        self.namespaces.is_empty().then(|| {
            let project = &self.project;
            format!("the cluster is none of its destinations; `windlass proj add-destination {project} CLUSTER NAMESPACE` adds it")
        })
    }

    fn refuses_kind(&self, key: &ResourceKey, namespaced: bool) -> Option<String> {
        let (scope, verb, permitted, denied) = match namespaced {
            true => ("namespaceResource", "namespace", self.namespaced_kinds.as_ref(), &self.denied_namespaced_kinds),
            false => ("clusterResource", "cluster", Some(&self.cluster_kinds), &self.denied_cluster_kinds),
        };
        let command = format!("windlass proj allow-{verb}-resource {} {:?} {}", self.project, key.group, key.kind);
        if let Some(rule) = denied.iter().find(|rule| rule.takes(key)) {
            return Some(format!("its {scope}Blacklist has {rule}; `{command}` takes it off"));
        }
        if permitted.is_none_or(|rules| rules.iter().any(|rule| rule.takes(key))) {
            return None;
        }
        let rules = list(permitted.into_iter().flatten().map(KindRule::to_string));
        Some(format!("its {scope}Whitelist ({rules}) does not name the kind; `{command}` adds it"))
    }

    /// Adds one destination rule: it permits where everything in it holds, and each of its `!` denies by itself.
    fn take(&mut self, rule: &ProjectDestination, cluster: &Cluster) {
        let (by_server, by_name) = (Part::new(&rule.server), Part::new(&rule.name));
        let aliases = || cluster.server_aliases.iter().map(String::as_str);
        for (part, hit) in
            [(&by_server, aliases().any(|a| by_server.hits_address(a))), (&by_name, by_name.hits(&cluster.name))]
        {
            if part.denies && hit && self.cluster_denied_by.is_none() {
                self.cluster_denied_by = Some(format!("!{}", part.text));
            }
        }
        // A cluster that has no address is any server but the named ones.
        let server = !rule.server.is_empty()
            && (by_server.denies || by_server.text == "*" || aliases().any(|alias| by_server.hits_address(alias)));
        let name = !rule.name.is_empty() && (by_name.denies || by_name.hits(&cluster.name));
        let namespace = Part::new(&rule.namespace);
        let Ok(pattern) = NamePattern::new(namespace.text) else {
            self.cluster_denied_by.get_or_insert_with(|| rule.namespace.clone());
            return;
        };
        if namespace.denies {
            self.denied_namespaces.push(pattern.clone());
        }
        if server || name {
            self.namespaces.push(NamespaceRule { pattern, but: namespace.denies });
        }
    }
}

fn allowed(rules: &[ResourceRule], named: bool) -> Vec<KindRule> {
    rules.iter().filter_map(|rule| KindRule::new(rule, named).ok()).collect()
}

fn denied(rules: &[ResourceRule], named: bool) -> Vec<KindRule> {
    rules.iter().map(|rule| KindRule::new(rule, named).unwrap_or_else(|_| KindRule::any())).collect()
}

/// The first few rules, as people read them.
fn list(rules: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 5;
    let rules: Vec<String> = rules.collect();
    let shown = rules.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match rules.len() {
        0 => "empty".to_owned(),
        n if n > SHOWN => format!("{shown} and {} more", n - SHOWN),
        _ => shown,
    }
}

/// One part of a destination rule.
struct Part<'a> {
    denies: bool,
    text: &'a str,
    pattern: Option<NamePattern>,
}

impl<'a> Part<'a> {
    fn new(text: &'a str) -> Self {
        let denied = text.strip_prefix('!');
        let text = denied.unwrap_or(text);
        Self { denies: denied.is_some(), text, pattern: NamePattern::new(text).ok() }
    }

    fn hits(&self, text: &str) -> bool {
        self.pattern.as_ref().map_or(self.denies, |pattern| pattern.is_match(text))
    }

    /// With and without a slash at the end an address is the same.
    fn hits_address(&self, address: &str) -> bool {
        let bare = address.trim_end_matches('/');
        self.hits(address) || self.hits(bare) || self.text.trim_end_matches('/') == bare
    }
}

// === impl NamespaceRule ===

impl NamespaceRule {
    fn takes(&self, namespace: &str) -> bool {
        self.pattern.is_match(namespace) != self.but
    }
}

impl std::fmt::Display for NamespaceRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.but { "!" } else { "" }, self.pattern.as_str())
    }
}

// === impl KindRule ===

impl KindRule {
    pub(super) fn new(rule: &ResourceRule, named: bool) -> Result<Self, windlass_query::InvalidGlob> {
        let name = Some(rule.name.as_str()).filter(|name| named && !name.is_empty());
        Ok(Self {
            group: KindPattern::new(&rule.group)?,
            kind: KindPattern::new(&rule.kind)?,
            name: name.map(KindPattern::new).transpose()?,
        })
    }

    fn any() -> Self {
        Self { group: KindPattern::any(), kind: KindPattern::any(), name: None }
    }

    fn is_any(&self) -> bool {
        self.group.is_any() && self.kind.is_any() && self.name.as_ref().is_none_or(KindPattern::is_any)
    }

    pub(super) fn takes(&self, key: &ResourceKey) -> bool {
        self.kind.is_match(&key.kind)
            && self.group.is_match(&key.group)
            && self.name.as_ref().is_none_or(|name| name.is_match(&key.name))
    }
}

impl std::fmt::Display for KindRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.group.as_str().is_empty() {
            write!(f, "{}/", self.group.as_str())?;
        }
        f.write_str(self.kind.as_str())?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {}", name.as_str()))
    }
}

#[cfg(test)]
mod tests;
