//! Everything that a target's objects own.

use std::collections::HashMap;

use futures::StreamExt as _;
use windlass_domain::health::{self, Health, HealthStatus};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::question::{ObjectSelector, Refused, TreeQuestion};
use windlass_domain::tree::{self, Node, Root, Tree};

use super::Around;
use super::gather::{Breadth, Gathered, gather, hold, namespaces};
use super::target::Target;
use crate::observe::{Cluster, look};

/// Custom objects that are read whole for their health.
const JUDGED: usize = 100;
/// Reads of them at once.
const AT_ONCE: usize = 8;

/// The whole tree.
pub(super) async fn get(around: &Around<'_>, target: &Target, wanted: &TreeQuestion) -> Result<Tree, Refused> {
    let Gathered { members, incomplete } = gather(around, target, Breadth::Everything).await;
    let permitted = |node: &Node| target.permit(&node.key).is_ok();
    let mut orphans = match &wanted.orphans {
        Some(ignored) => tree::orphans(&namespaces(target), &members, ignored),
        None => Vec::new(),
    };
    orphans.retain(permitted);
    let mut tree = tree::build(&roots(target), members);
    hold(around, target, &tree);
    // The project's rules hide children too (Argo CD).
    tree.nodes.retain(|node| node.parents.is_empty() || permitted(node));
    judge(around.cluster, target, &mut tree).await;
    (tree.orphans, tree.incomplete) = (orphans, incomplete);
    Ok(tree)
}

/// The Pods of the objects that a selector fits, or the Pods that it fits themselves.
pub(super) async fn pods(
    around: &Around<'_>,
    target: &Target,
    of: &ObjectSelector,
) -> Result<(Vec<ResourceKey>, Vec<String>), Refused> {
    let Gathered { members, incomplete } = gather(around, target, Breadth::Pods).await;
    let tree = tree::build(&roots(target), members);
    Ok((below(&tree, of), incomplete))
}

/// Pods of a tree that a selector fits, or below something that it fits. Parents come before their children.
fn below(tree: &Tree, of: &ObjectSelector) -> Vec<ResourceKey> {
    let nodes: HashMap<&str, &Node> = tree.nodes.iter().map(|node| (node.uid.as_str(), node)).collect();
    let is_pod = |node: &&Node| node.key.group.is_empty() && node.key.kind == "Pod" && !node.uid.is_empty();
    let fits = |node: &&Node| {
        let (mut due, mut steps) = (vec![*node], 0);
        while let Some(next) = due.pop() {
            steps += 1;
            if of.fits(&next.key) {
                return true;
            }
            if steps < 64 {
                due.extend(next.parents.iter().filter_map(|uid| nodes.get(uid.as_str()).copied()));
            }
        }
        false
    };
    tree.nodes.iter().filter(is_pod).filter(fits).map(|node| node.key.clone()).collect()
}

/// The target's own objects.
pub(super) fn roots(target: &Target) -> Vec<Root> {
    let root = |(key, known): (&ResourceKey, &crate::sync::facts::Known)| Root {
        key: key.clone(),
        version: windlass_domain::manifest::version_of(&known.api_version).to_owned(),
        uid: known.uid.clone(),
        health: known.health.clone(),
    };
    target.facts.objects.iter().map(root).collect()
}

/// How owned objects of custom kinds do: of them only metadata was listed.
async fn judge(cluster: &Cluster, target: &Target, tree: &mut Tree) {
    let is_custom = |node: &Node| node.key.group.contains('.') && !node.key.group.ends_with(".k8s.io");
    let due: Vec<usize> = (0..tree.nodes.len())
        .filter(|at| {
            let node = &tree.nodes[*at];
            node.health.is_none() && !node.parents.is_empty() && is_custom(node)
        })
        .take(JUDGED)
        .collect();
    let looks = due.into_iter().map(|at| {
        let key = tree.nodes[at].key.clone();
        async move { (at, assess(cluster, target, &key).await) }
    });
    let found: Vec<(usize, Option<Health>)> = futures::stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    for (at, health) in found {
        tree.nodes[at].health = health;
    }
}

/// `None` for one without a health: of a kind that is not served, gone meanwhile, or neutral.
async fn assess(cluster: &Cluster, target: &Target, key: &ResourceKey) -> Option<Health> {
    let resource = target.facts.discovery.find_kind(&key.group, &key.kind)?;
    match look::get(cluster, resource, key).await {
        Ok(object) => health::assess(&object?),
        Err(error) => Some(Health::new(HealthStatus::Unknown, format!("could not be looked at: {error}"))),
    }
}
