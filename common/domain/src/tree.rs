//! What an application's objects own in turn, as one tree.
//!
//! An object belongs to whoever its ownerReferences name, by uid. Some of Kubernetes' own controllers name nobody; theirs are found as Argo CD finds them
//! (gitops-engine `pkg/cache/references.go`): Endpoints by the Service of the same name, claims of a StatefulSet by their name, token Secrets by their
//! ServiceAccount.

mod links;
mod member;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::health::Health;
use crate::manifest::ResourceKey;
use crate::project::OrphanRule;
use crate::time::Timestamp;

pub use member::{Info, Member, Owner, owners};

/// A tree, parents before their children.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tree {
    /// What git names, and everything below.
    pub nodes: Vec<Node>,
    /// What is in the application's namespaces and is nobody's, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<Node>,
    /// Images of its containers, sorted.
    pub images: Vec<String>,
    /// Addresses at which it is reached from outside, sorted.
    #[serde(rename = "externalURLs")]
    pub external_urls: Vec<String>,
    /// Kinds that could not be looked at, each with the reason: what they hold is not in the tree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<String>,
}

/// One object of a tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// What names it.
    #[serde(flatten)]
    pub key: ResourceKey,
    /// Version that it was read in.
    #[serde(default)]
    pub version: String,
    /// Its uid; empty for one that git names and that is not there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Uids of its parents in the tree; none for what git names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// `None` for kinds without a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// What else is worth a word: `Containers 1/1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub info: Vec<Info>,
    /// Images of its containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Addresses at which it is reached from outside.
    #[serde(default, rename = "externalURLs", skip_serializing_if = "Vec::is_empty")]
    pub external_urls: Vec<String>,
}

/// Which object is whose, over a set of objects.
struct Family {
    members: Vec<Member>,
    by_uid: HashMap<String, usize>,
    by_key: HashMap<ResourceKey, usize>,
    children: Vec<Vec<usize>>,
    parents: Vec<Vec<usize>>,
}

/// Builds the tree below `roots`: objects that git names or that the target owns. `members` is whatever was seen in the cluster, the roots too where they are
/// there; what leads to no root is left out.
pub fn build(roots: &[Root], members: Vec<Member>) -> Tree {
    let family = Family::of(members);
    let mut seen = BTreeSet::new();
    let mut tree = Tree::default();
    for root in roots {
        match family.by_key.get(&root.key).copied().filter(|at| family.is(*at, root)) {
            Some(at) => family.descend(at, root, &mut seen, &mut tree.nodes),
            None => tree.nodes.push(root.node()),
        }
    }
    let of = |list: fn(&Node) -> &Vec<String>| -> Vec<String> {
        let all: BTreeSet<String> = tree.nodes.iter().flat_map(list).cloned().collect();
        all.into_iter().collect()
    };
    (tree.images, tree.external_urls) = (of(|node| &node.images), of(|node| &node.external_urls));
    tree
}

/// An object that git names or that the target owns.
#[derive(Debug, Clone, PartialEq)]
pub struct Root {
    /// Its key, namespace filled in.
    pub key: ResourceKey,
    /// Version that it is managed in.
    pub version: String,
    /// Its uid, where it is known to be there.
    pub uid: Option<String>,
    /// Its health, where it has a check.
    pub health: Option<Health>,
}

/// What is in these namespaces and is nobody's: it has no owner, no application claims it, Kubernetes does not make it by itself, and no rule leaves it out.
/// From Argo CD's `getResourceTree`.
pub fn orphans(namespaces: &BTreeSet<String>, members: &[Member], ignored: &[OrphanRule]) -> Vec<Node> {
    let services: BTreeSet<(&str, &str)> =
        members.iter().filter(|m| m.is("", "Service")).map(|m| (&*m.key.namespace, &*m.key.name)).collect();
    let is_of_service =
        |member: &Member| member.is("", "Endpoints") && services.contains(&(&*member.key.namespace, &*member.key.name));
    let is_somebodys = |member: &Member| {
        !member.owners.is_empty() || member.claimed || is_kubernetes_own(&member.key) || is_of_service(member)
    };
    let is_orphan = |member: &&Member| {
        let here = namespaces.contains(&member.key.namespace) && !is_somebodys(member);
        here && !ignored.iter().any(|rule| rule.takes(&member.key))
    };
    let mut nodes: Vec<Node> = members.iter().filter(is_orphan).map(|member| node(member, Vec::new())).collect();
    nodes.sort_by(|one, other| one.key.cmp(&other.key));
    nodes
}

/// What Kubernetes puts into every namespace.
fn is_kubernetes_own(key: &ResourceKey) -> bool {
    let named = |kind: &str, name: &str| key.kind == kind && key.name == name;
    match key.group.as_str() {
        "" => {
            named("ConfigMap", "kube-root-ca.crt")
                || named("ServiceAccount", "default")
                || key.kind == "Event"
                || (key.namespace == "default" && (named("Service", "kubernetes") || named("Endpoints", "kubernetes")))
        }
        "events.k8s.io" => true,
        "discovery.k8s.io" => key.namespace == "default" && named("EndpointSlice", "kubernetes"),
        "coordination.k8s.io" => key.namespace == "kube-node-lease",
        _ => false,
    }
}

fn node(member: &Member, parents: Vec<String>) -> Node {
    Node {
        key: member.key.clone(),
        version: member.version.clone(),
        uid: member.uid.clone(),
        parents,
        health: member.health.clone(),
        created_at: member.created_at,
        info: member.info.clone(),
        images: member.images.clone(),
        external_urls: member.external_urls.clone(),
    }
}

// === impl Root ===

impl Root {
    /// As a node of its own, when nothing of it was seen.
    fn node(&self) -> Node {
        Node {
            key: self.key.clone(),
            version: self.version.clone(),
            uid: self.uid.clone().unwrap_or_default(),
            parents: Vec::new(),
            health: self.health.clone(),
            created_at: None,
            info: Vec::new(),
            images: Vec::new(),
            external_urls: Vec::new(),
        }
    }
}

// === impl Family ===

impl Family {
    fn of(members: Vec<Member>) -> Self {
        let by_uid = members.iter().enumerate().map(|(at, member)| (member.uid.clone(), at)).collect();
        let by_key = members.iter().enumerate().map(|(at, member)| (member.key.clone(), at)).collect();
        let (children, parents) = (vec![Vec::new(); members.len()], vec![Vec::new(); members.len()]);
        let mut family = Self { members, by_uid, by_key, children, parents };
        let claims = family.claims();
        for at in 0..family.members.len() {
            for parent in family.parents_of(at, &claims) {
                if parent != at {
                    family.children[parent].push(at);
                    family.parents[at].push(parent);
                }
            }
        }
        family
    }

    /// Claims that StatefulSets make: namespace and beginning of the name, the ordinal left out.
    fn claims(&self) -> BTreeMap<(String, String), usize> {
        let sets = self.members.iter().enumerate().filter(|(_, member)| !member.claims.is_empty());
        sets.flat_map(|(at, set)| {
            let name = |claim: &String| ((set.key.namespace.clone(), format!("{claim}-{}", set.key.name)), at);
            set.claims.iter().map(name).collect::<Vec<_>>()
        })
        .collect()
    }

    fn parents_of(&self, at: usize, claims: &BTreeMap<(String, String), usize>) -> Vec<usize> {
        let member = &self.members[at];
        let named: Vec<usize> = member.owners.iter().filter_map(|owner| self.by_uid.get(&owner.uid).copied()).collect();
        if !member.owners.is_empty() {
            return named;
        }
        let beside = |kind: &str, name: &str| {
            let key = ResourceKey { group: String::new(), kind: kind.into(), name: name.into(), ..member.key.clone() };
            self.by_key.get(&key).copied()
        };
        let inferred = if member.is("", "Endpoints") {
            beside("Service", &member.key.name)
        } else if let Some(account) = &member.service_account {
            beside("ServiceAccount", account)
        } else if member.is("", "PersistentVolumeClaim") {
            let set = member.key.name.rsplit_once('-').filter(|(_, ordinal)| is_ordinal(ordinal));
            set.and_then(|(name, _)| claims.get(&(member.key.namespace.clone(), name.to_owned())).copied())
        } else {
            None
        };
        inferred.into_iter().collect()
    }

    /// Whether it is the object that is meant, and not another one of its name.
    fn is(&self, at: usize, root: &Root) -> bool {
        root.uid.as_ref().is_none_or(|uid| *uid == self.members[at].uid)
    }

    /// Everything from `at` down, each object once.
    fn descend(&self, at: usize, root: &Root, seen: &mut BTreeSet<usize>, nodes: &mut Vec<Node>) {
        let mut due = vec![at];
        while let Some(next) = due.pop() {
            if !seen.insert(next) {
                continue;
            }
            let parents = if next == at { Vec::new() } else { self.uids(&self.parents[next]) };
            let mut found = node(&self.members[next], parents);
            if next == at {
                found.version.clone_from(&root.version);
                found.health = found.health.or_else(|| root.health.clone());
            }
            nodes.push(found);
            let mut below = self.children[next].clone();
            // The last one is taken first.
            below.sort_by(|one, other| self.members[*other].key.cmp(&self.members[*one].key));
            due.extend(below);
        }
    }

    fn uids(&self, members: &[usize]) -> Vec<String> {
        members.iter().map(|at| self.members[*at].uid.clone()).collect()
    }
}

fn is_ordinal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
