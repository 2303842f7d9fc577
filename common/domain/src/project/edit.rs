//! Changes to a project's lists, as people ask for them one by one.

use super::fence::KindRule;
use super::{ProjectDestination, ProjectSpec, ResourceRule};
use crate::manifest::ResourceKey;

/// Which of a scope's two lists of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindList {
    /// What is permitted.
    Allow,
    /// What is not.
    Deny,
}

/// Objects of which scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindScope {
    /// Cluster-scoped ones.
    Cluster,
    /// Those in a namespace.
    Namespace,
}

// === impl ProjectSpec ===

/// Every change says whether it changed anything.
impl ProjectSpec {
    /// Adds a rule to `sourceRepos`.
    pub fn add_source(&mut self, rule: &str) -> bool {
        let new = !self.source_repos.iter().any(|known| known == rule);
        if new {
            self.source_repos.push(rule.to_owned());
        }
        new
    }

    /// Takes a rule off `sourceRepos`, as it is written there.
    pub fn remove_source(&mut self, rule: &str) -> bool {
        removed(&mut self.source_repos, |known| known == rule)
    }

    /// Adds a destination.
    pub fn add_destination(&mut self, destination: ProjectDestination) -> bool {
        let new = !self.destinations.contains(&destination);
        if new {
            self.destinations.push(destination);
        }
        new
    }

    /// Takes a destination away; given is its server or its name, and the namespace.
    pub fn remove_destination(&mut self, cluster: &str, namespace: &str) -> bool {
        removed(&mut self.destinations, |known| {
            (known.server == cluster || known.name == cluster) && known.namespace == namespace
        })
    }

    /// Adds a rule to one list of kinds, or takes it off, and leaves the other list as it is.
    pub fn edit_list(&mut self, scope: KindScope, list: KindList, rule: &ResourceRule, add: bool) -> bool {
        if scope == KindScope::Namespace && list == KindList::Allow && add {
            // From here on only what is listed is permitted.
            self.namespace_resource_whitelist.get_or_insert_default();
        }
        let Some(rules) = self.list(scope, list) else { return false };
        if !add {
            return removed(rules, |known| known == rule);
        }
        let new = !rules.contains(rule);
        if new {
            rules.push(rule.clone());
        }
        new
    }

    /// Makes it so that a kind is permitted: off the list of what is not, and on that of what is unless something there names it already.
    pub fn allow(&mut self, scope: KindScope, rule: &ResourceRule) -> bool {
        let lifted = self.edit_list(scope, KindList::Deny, rule, false);
        let permitted = !self.names(scope, rule) && self.edit_list(scope, KindList::Allow, rule, true);
        lifted || permitted
    }

    /// Makes it so that a kind is not permitted: off the list of what is, and on that of what is not if something still permits it.
    pub fn deny(&mut self, scope: KindScope, rule: &ResourceRule) -> bool {
        let withdrawn = self.edit_list(scope, KindList::Allow, rule, false);
        let denied = self.names(scope, rule) && self.edit_list(scope, KindList::Deny, rule, true);
        withdrawn || denied
    }

    /// What of a list there is; `None` for the one that permits every kind while it is not given.
    fn list(&mut self, scope: KindScope, list: KindList) -> Option<&mut Vec<ResourceRule>> {
        match (scope, list) {
            (KindScope::Cluster, KindList::Allow) => Some(&mut self.cluster_resource_whitelist),
            (KindScope::Cluster, KindList::Deny) => Some(&mut self.cluster_resource_blacklist),
            (KindScope::Namespace, KindList::Deny) => Some(&mut self.namespace_resource_blacklist),
            (KindScope::Namespace, KindList::Allow) => self.namespace_resource_whitelist.as_mut(),
        }
    }

    fn names(&mut self, scope: KindScope, rule: &ResourceRule) -> bool {
        self.list(scope, KindList::Allow).is_none_or(|rules| covers(rules, rule))
    }
}

/// Whether a list takes what a rule names; a glob is covered by `*` and by itself.
fn covers(rules: &[ResourceRule], rule: &ResourceRule) -> bool {
    let key = ResourceKey {
        group: rule.group.clone(),
        kind: rule.kind.clone(),
        namespace: String::new(),
        name: rule.name.clone(),
    };
    rules.iter().any(|known| known == rule || KindRule::new(known, true).is_ok_and(|known| known.takes(&key)))
}

fn removed<T>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool) -> bool {
    let before = list.len();
    list.retain(|item| !is_it(item));
    list.len() < before
}

#[cfg(test)]
mod tests;
