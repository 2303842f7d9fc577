//! Fake nodes, which kwok keeps Ready.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use crate::wait::wait_for;

const CONCURRENT_CREATES: usize = 16;

/// Creates the nodes `fake-FIRST` and on, and waits until they are Ready.
pub(super) async fn create(client: &Client, first: usize, count: usize) -> Result<()> {
    let api: Api<Node> = Api::all(client.clone());
    let names: Vec<String> = (first..first + count).map(|index| format!("fake-{index}")).collect();
    if names.is_empty() {
        return Ok(());
    }
    stream::iter(&names)
        .map(|name| create_one(&api, name))
        .buffer_unordered(CONCURRENT_CREATES)
        .try_collect::<Vec<()>>()
        .await?;
    let list = || async { Ok(ready_names(&api).await?) };
    let all_ready = |ready: &HashSet<String>| names.iter().all(|name| ready.contains(name)).then_some(());
    wait_for(&format!("{count} fake nodes to be Ready"), Duration::from_secs(60), list, all_ready).await
}

async fn create_one(api: &Api<Node>, name: &str) -> Result<()> {
    let resources = json!({ "cpu": "1000", "memory": "1Ti", "pods": "10000" });
    let node: Node = serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": { "kwok.x-k8s.io/node": "fake" },
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "type": "kwok",
            },
        },
        "status": { "allocatable": resources, "capacity": resources },
    }))
    .context("reading the manifest of a node")?;
    api.create(&PostParams::default(), &node).await.with_context(|| format!("creating node {name}")).map(drop)
}

async fn ready_names(api: &Api<Node>) -> kube::Result<HashSet<String>> {
    let nodes = api.list(&ListParams::default()).await?;
    Ok(nodes.items.into_iter().filter(is_ready).filter_map(|node| node.metadata.name).collect())
}

/// Ready for pods too: while the controller manager has not taken off its taint, the scheduler passes the node by.
pub(crate) fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready =
        conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let tainted = node.spec.as_ref().and_then(|spec| spec.taints.as_ref()).is_some_and(|taints| !taints.is_empty());
    ready && !tainted
}
