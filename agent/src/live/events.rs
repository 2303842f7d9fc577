//! What Kubernetes says about a target's objects and what they own.

use std::collections::HashSet;

use serde_json::Value;
use windlass_domain::manifest::{ResourceKey, group_of};
use windlass_domain::question::{EventLine, Events, ObjectSelector, Refused};
use windlass_domain::tree;

use super::gather::{Breadth, gather, namespaces};
use super::target::Target;
use super::{Around, refused, tree as live_tree};
use crate::observe::Cluster;
use crate::observe::client::JSON;
use crate::observe::page::Page;
use crate::observe::path::push_segment;

/// Events in one answer.
const MOST: usize = 1000;
/// Events that are looked through in one namespace.
const LOOKED_THROUGH: usize = 20_000;
/// Asked for at once.
const PAGE: usize = 500;

/// The events of the objects that a selector fits, the newest first.
pub(super) async fn get(around: &Around<'_>, target: &Target, of: &ObjectSelector) -> Result<Events, Refused> {
    let gathered = gather(around, target, Breadth::Everything).await;
    let tree = tree::build(&live_tree::roots(target), gathered.members);
    let wanted: HashSet<&str> = tree
        .nodes
        .iter()
        .filter(|node| !node.uid.is_empty() && of.fits(&node.key) && target.permit(&node.key).is_ok())
        .map(|node| node.uid.as_str())
        .collect();
    let mut events = Events::default();
    let mut places = namespaces(target);
    if target.facts.objects.keys().any(|key| key.namespace.is_empty()) {
        // Events about objects without a namespace are here.
        places.insert("default".to_owned());
    }
    for namespace in &places {
        if !wanted.is_empty() {
            events.truncated |= of_namespace(around.cluster, namespace, &wanted, &mut events.items).await?;
        }
    }
    events.items.sort_by_key(|event| std::cmp::Reverse(event.last_at));
    events.truncated |= events.items.len() > MOST;
    events.items.truncate(MOST);
    Ok(events)
}

/// Whether there are more than were looked through.
async fn of_namespace(
    cluster: &Cluster,
    namespace: &str,
    wanted: &HashSet<&str>,
    found: &mut Vec<EventLine>,
) -> Result<bool, Refused> {
    let (mut token, mut looked) = (String::new(), 0);
    loop {
        let mut path = "/api/v1/namespaces/".to_owned();
        push_segment(&mut path, namespace);
        path.push_str(&format!("/events?limit={PAGE}"));
        if !token.is_empty() {
            path.push_str("&continue=");
            push_segment(&mut path, &token);
        }
        let page = cluster.get::<Page<Value>>(&path, JSON).await;
        let page = page.map_err(|error| refused(&format!("events of namespace {namespace}"), &error))?;
        for event in page.items() {
            looked += 1;
            let uid = event.pointer("/involvedObject/uid").and_then(Value::as_str).unwrap_or_default();
            if wanted.contains(uid) {
                found.push(line(event));
            }
        }
        page.next().clone_into(&mut token);
        if token.is_empty() || looked >= LOOKED_THROUGH {
            return Ok(!token.is_empty());
        }
    }
}

fn line(event: &Value) -> EventLine {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let time = |pointers: &[&str]| pointers.iter().find_map(|pointer| text(pointer).parse().ok());
    let count = |pointer: &str| event.pointer(pointer).and_then(Value::as_u64);
    let source = ["/source/component", "/reportingComponent"].map(text).into_iter().find(|text| !text.is_empty());
    EventLine {
        object: ResourceKey {
            group: group_of(text("/involvedObject/apiVersion")).to_owned(),
            kind: text("/involvedObject/kind").to_owned(),
            namespace: text("/involvedObject/namespace").to_owned(),
            name: text("/involvedObject/name").to_owned(),
        },
        kind: text("/type").to_owned(),
        reason: text("/reason").to_owned(),
        message: text("/message").chars().take(4096).collect(),
        count: count("/series/count").or_else(|| count("/count")).unwrap_or(1),
        first_at: time(&["/firstTimestamp", "/eventTime", "/metadata/creationTimestamp"]),
        last_at: time(&["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"]),
        source: source.unwrap_or_default().to_owned(),
    }
}
