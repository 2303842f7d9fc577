//! What the cluster holds around a target: listed when somebody asks, slim at once, and let go with the answer.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::StreamExt as _;
use serde_json::Value;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::tree::{Member, Owner, Tree};

use super::Around;
use super::target::Target;
use crate::observe::client::{Error, JSON, METADATA_LIST};
use crate::observe::page::Page;
use crate::observe::{Cluster, path};

/// Objects asked for at once: a page is held whole for a moment.
const PAGE: usize = 200;
/// LISTs at once.
const AT_ONCE: usize = 8;
/// Objects that are looked through for one answer.
const MOST: usize = 100_000;
/// Namespaces that are listed one by one; with more, a kind is listed whole.
const NAMESPACES: usize = 10;
/// Owners that are looked at one by one, of what was not listed.
const OWNERS: usize = 200;
/// How far above a Pod its owner in git may be.
const GENERATIONS: usize = 8;

/// How much is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breadth {
    /// Every kind that can be listed.
    Everything,
    /// Pods, and what leads from them to the target.
    Pods,
}

/// What was found.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) members: Vec<Member>,
    /// What could not be looked at, and why.
    pub(super) incomplete: Vec<String>,
}

/// One collection.
struct Collection {
    resource: ApiResource,
    namespace: Option<String>,
    whole: bool,
}

/// Kinds of which more than metadata is read: how they do, what runs in them, where they are reached.
const WHOLE: [(&str, &str); 9] = [
    ("", "Pod"),
    ("", "PersistentVolumeClaim"),
    ("", "Service"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "Job"),
    ("networking.k8s.io", "Ingress"),
    ("apps", "Deployment"),
    ("apps", "DaemonSet"),
];
/// What nobody looks for in a tree: (group, kind), any kind where it is empty.
const NOT_SHOWN: [(&str, &str); 4] =
    [("", "Event"), ("events.k8s.io", ""), ("coordination.k8s.io", "Lease"), ("metrics.k8s.io", "")];

/// Lists what may belong to a target.
pub(super) async fn gather(around: &Around<'_>, target: &Target, breadth: Breadth) -> Gathered {
    let Around { cluster, owned } = *around;
    owned.wanted(&target.facts.discovery);
    let mut gathered = Gathered::default();
    let mut due = Vec::new();
    for collection in collections(target, breadth) {
        match owned.members(&collection.resource, collection.namespace.as_deref()) {
            Some(members) => gathered.members.extend(members),
            None => due.push(collection),
        }
    }
    let lists = due.into_iter().map(|collection| async move {
        let members = list(cluster, &collection).await;
        (collection, members)
    });
    let mut lists = futures::stream::iter(lists).buffer_unordered(AT_ONCE);
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    while let Some((collection, listed)) = lists.next().await {
        match listed {
            Ok(members) if gathered.members.len() + members.len() <= MOST => gathered.members.extend(members),
            Ok(_) => {
                let words = format!("there are more than {MOST} objects to look through; not all of them were");
                refused.insert(String::new(), words);
            }
            // A kind whose definition just went holds nothing.
            Err(error) if error.refused().is_some_and(|refusal| refusal.code == 404 || refusal.code == 405) => {}
            Err(error) => {
                refused.insert(kind_of(&collection.resource), format!("{}: {error}", kind_of(&collection.resource)));
            }
        }
    }
    gathered.incomplete.extend(refused.into_values());
    if breadth == Breadth::Pods {
        climb(cluster, target, &mut gathered).await;
    }
    gathered
}

/// Holds the kinds of which something in a tree is owned: the next question is answered without a LIST.
pub(super) fn hold(around: &Around<'_>, target: &Target, tree: &Tree) {
    let owned: BTreeSet<(&str, &str)> = tree
        .nodes
        .iter()
        .filter(|node| !node.parents.is_empty())
        .map(|node| (node.key.group.as_str(), node.key.kind.as_str()))
        .collect();
    let kinds = kinds(&target.facts.discovery);
    let seen = owned.iter().filter_map(|kind| kinds.get(kind).map(|resource| (*resource, WHOLE.contains(kind))));
    around.owned.seen(seen);
}

/// Every kind in one version: the first is as good as any, as metadata is the same in all.
fn kinds(discovery: &Discovery) -> BTreeMap<(&str, &str), &ApiResource> {
    let mut kinds = BTreeMap::new();
    for resource in discovery.resources() {
        kinds.entry((&*resource.group, &*resource.kind)).or_insert(resource);
    }
    kinds
}

/// The namespaces in which a target has objects, and its default one.
pub(super) fn namespaces(target: &Target) -> BTreeSet<String> {
    let mut namespaces: BTreeSet<String> = target.facts.objects.keys().map(|key| key.namespace.clone()).collect();
    namespaces.insert(target.facts.owner.default_namespace.clone());
    namespaces.remove("");
    namespaces
}

fn collections(target: &Target, breadth: Breadth) -> Vec<Collection> {
    let namespaces = namespaces(target);
    let over_all = target.facts.objects.keys().any(|key| key.namespace.is_empty());
    let mut found = Vec::new();
    for ((group, kind), resource) in kinds(&target.facts.discovery) {
        let wanted = match breadth {
            Breadth::Pods => (group, kind) == ("", "Pod") || (group, kind) == ("apps", "ReplicaSet"),
            Breadth::Everything => !NOT_SHOWN.iter().any(|(of, hidden)| *of == group && ["", kind].contains(hidden)),
        };
        if !wanted || (!resource.namespaced && !over_all) {
            continue;
        }
        let whole = WHOLE.contains(&(group, kind)) && breadth == Breadth::Everything;
        let whole = whole || (group, kind) == ("", "Pod");
        let of = |namespace: Option<String>| Collection { resource: resource.clone(), namespace, whole };
        if !resource.namespaced || namespaces.len() > NAMESPACES {
            found.push(of(None));
        } else {
            found.extend(namespaces.iter().map(|namespace| of(Some(namespace.clone()))));
        }
    }
    found
}

async fn list(cluster: &Cluster, collection: &Collection) -> Result<Vec<Member>, Error> {
    let resource = &collection.resource;
    let api_version = resource.api_version();
    let collection_path = path::collection(resource, collection.namespace.as_deref());
    let accept = if collection.whole { JSON } else { METADATA_LIST };
    let (mut members, mut token) = (Vec::new(), String::new());
    loop {
        // From the apiserver's memory, where it can.
        let mut request = format!("{collection_path}?limit={PAGE}");
        if token.is_empty() {
            request.push_str("&resourceVersion=0");
        } else {
            request.push_str("&continue=");
            path::push_segment(&mut request, &token);
        }
        let page: Page<Value> = cluster.get(&request, accept).await?;
        let next = page.next().to_owned();
        for mut object in page.into_items() {
            object["apiVersion"] = Value::from(api_version.as_str());
            object["kind"] = Value::from(resource.kind.as_str());
            members.push(Member::of(&object));
        }
        if next.is_empty() || members.len() > MOST {
            return Ok(members);
        }
        token = next;
    }
}

/// Looks at owners that were not listed, until every Pod leads to the target or to nobody's.
async fn climb(cluster: &Cluster, target: &Target, gathered: &mut Gathered) {
    let mut known: HashSet<String> = gathered.members.iter().map(|member| member.uid.clone()).collect();
    let (mut looked, mut from) = (0, 0);
    for _ in 0..GENERATIONS {
        let due: BTreeMap<String, (Owner, String)> = gathered.members[from..]
            .iter()
            .flat_map(|member| member.owners.iter().map(|owner| (owner, &member.key.namespace)))
            .filter(|(owner, _)| !known.contains(&owner.uid))
            .map(|(owner, namespace)| (owner.uid.clone(), (owner.clone(), namespace.clone())))
            .collect();
        if due.is_empty() {
            return;
        }
        from = gathered.members.len();
        for (uid, (owner, namespace)) in due {
            known.insert(uid);
            looked += 1;
            if looked > OWNERS {
                let words = format!("there are more than {OWNERS} owners of Pods to look at; not all of them were");
                gathered.incomplete.push(words);
                return;
            }
            match target.look(cluster, &owner, &namespace).await {
                Ok(Some(mut object)) => {
                    let of = target.facts.discovery.find_kind(&owner.group, &owner.kind);
                    let version = of.map(|resource| resource.version.clone()).unwrap_or_default();
                    let api_version =
                        if owner.group.is_empty() { version } else { format!("{}/{version}", owner.group) };
                    object["apiVersion"] = Value::from(api_version);
                    object["kind"] = Value::from(owner.kind.as_str());
                    gathered.members.push(Member::of(&object));
                }
                Ok(None) => {}
                Err(error) => gathered.incomplete.push(format!("{} {}: {error}", owner.kind, owner.name)),
            }
        }
    }
}

fn kind_of(resource: &ApiResource) -> String {
    if resource.group.is_empty() { resource.kind.clone() } else { format!("{}.{}", resource.kind, resource.group) }
}
