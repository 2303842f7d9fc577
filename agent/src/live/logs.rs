//! What the containers of a target's Pods wrote, merged.
//!
//! Every log is read no faster than whoever asked takes it: a line is fetched when the one before it is on its way, and what is not fetched stays at the node.

mod lines;

use std::fmt::Write as _;

use bytes::BytesMut;
use futures::future;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use windlass_domain::discovery::ApiResource;
use windlass_domain::manifest::{ResourceKey, annotation};
use windlass_domain::question::{LogLine, LogQuestion, RefusalCode, Refused};

use super::target::Target;
use super::{Around, refused, tree};
use crate::link::serve::Reply;
use crate::observe::path::{self, push_segment};
use crate::observe::{Cluster, look};
use lines::Lines;

/// Containers that are read at once.
const MOST: usize = 20;
/// Lines of followed logs that wait to be sent, each at most 64 KiB.
const WAITING: usize = 32;
/// What is sent together.
const BATCH: usize = 16 * 1024;
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// One container's log.
struct Source {
    pod: String,
    namespace: String,
    container: String,
}

/// Streams the logs: one [`LogLine`] as JSON a line.
pub(super) async fn get(
    around: &Around<'_>,
    target: &Target,
    wanted: LogQuestion,
    reply: &mut Reply,
) -> Result<(), Refused> {
    let (pods, mut problems) = tree::pods(around, target, &wanted.of).await?;
    if pods.is_empty() {
        let words = format!(
            "{} has no Pod on this cluster; `windlass app tree` shows what there is",
            if wanted.of.kind.is_some() || wanted.of.name.is_some() { wanted.of.to_string() } else { "it".to_owned() }
        );
        return Err(Refused::new(RefusalCode::NotFound, words));
    }
    let cluster = around.cluster;
    let sources = sources(cluster, target, &pods, &wanted, &mut problems).await?;
    let mut open = Vec::new();
    let opened = future::join_all(sources.into_iter().map(|source| open_one(cluster, source, &wanted))).await;
    let single = opened.len() == 1;
    for one in opened {
        match one {
            Ok(lines) => open.push(lines),
            Err(error) if single => return Err(error),
            Err(error) => problems.push(error.message),
        }
    }
    if open.is_empty() {
        return Err(Refused::new(RefusalCode::Unavailable, problems.join("; ")));
    }
    let mut out = Out { reply, batch: BytesMut::new() };
    for problem in problems {
        out.push(&LogLine { problem, ..LogLine::default() })?;
    }
    out.flush().await?;
    if wanted.follow { follow(open, &wanted, &mut out).await } else { merge(open, &wanted, &mut out).await }
}

/// Which containers are read.
async fn sources(
    cluster: &Cluster,
    target: &Target,
    pods: &[ResourceKey],
    wanted: &LogQuestion,
    problems: &mut Vec<String>,
) -> Result<Vec<Source>, Refused> {
    if pods.len() > MOST {
        problems.push(format!("{} Pods fit; the logs of the first {MOST} are shown: name fewer", pods.len()));
    }
    let resource = target.facts.discovery.find_kind("", "Pod").cloned().unwrap_or_else(pod_resource);
    let mut sources = Vec::new();
    for pod in pods.iter().take(MOST) {
        target.permit(pod)?;
        let found = look::get(cluster, &resource, pod).await.map_err(|error| refused(&pod.to_string(), &error))?;
        let Some(found) = found else { continue };
        match container_of(&found, wanted.container.as_deref()) {
            Some(container) => {
                let (pod, namespace) = (pod.name.clone(), pod.namespace.clone());
                sources.push(Source { pod, namespace, container });
            }
            None => problems.push(format!(
                "{pod} has no container {:?}; it has {}",
                wanted.container.as_deref().unwrap_or_default(),
                containers(&found).join(", ")
            )),
        }
    }
    if sources.is_empty() {
        return Err(Refused::new(RefusalCode::NotFound, problems.join("; ")));
    }
    Ok(sources)
}

/// The container that is asked for, or the Pod's default one.
fn container_of(pod: &Value, wanted: Option<&str>) -> Option<String> {
    let there = containers(pod);
    match wanted {
        Some(name) => there.into_iter().find(|container| container == name),
        None => {
            let default = annotation(pod, DEFAULT_CONTAINER).filter(|name| there.iter().any(|one| one == name));
            default.map(str::to_owned).or_else(|| there.into_iter().next())
        }
    }
}

/// Its containers, then those that run before and beside them.
fn containers(pod: &Value) -> Vec<String> {
    let lists = ["/spec/containers", "/spec/initContainers", "/spec/ephemeralContainers"];
    let named = lists.into_iter().filter_map(|list| pod.pointer(list)?.as_array()).flatten();
    named.filter_map(|container| container.get("name")?.as_str()).map(str::to_owned).collect()
}

async fn open_one(cluster: &Cluster, source: Source, wanted: &LogQuestion) -> Result<Lines, Refused> {
    let path = path_of(&source, wanted);
    let what = format!("log of {}/{} container {}", source.namespace, source.pod, source.container);
    let body = cluster.open(&path, "*/*").await.map_err(|error| refused(&what, &error))?;
    Ok(Lines::new(body, source))
}

fn path_of(source: &Source, wanted: &LogQuestion) -> String {
    let mut path = path::object(&pod_resource(), &source.namespace, &source.pod);
    path.push_str("/log?timestamps=true&container=");
    push_segment(&mut path, &source.container);
    let mut add = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(path, "&{name}=");
        push_segment(&mut path, value);
    };
    if wanted.follow {
        add("follow", "true");
    }
    if wanted.previous {
        add("previous", "true");
    }
    if let Some(tail) = wanted.tail {
        add("tailLines", &tail.to_string());
    }
    match (wanted.since, wanted.since_seconds) {
        (Some(since), _) => add("sinceTime", &format!("{since:.0}")),
        (None, Some(seconds)) => add("sinceSeconds", &seconds.to_string()),
        (None, None) => {}
    }
    path
}

/// Logs that end: in the order of their times, as far as each container's own lines are.
async fn merge(open: Vec<Lines>, wanted: &LogQuestion, out: &mut Out<'_>) -> Result<(), Refused> {
    let mut heads = Vec::new();
    for mut lines in open {
        if let Some(line) = lines.next(wanted).await {
            heads.push((line, lines));
        }
    }
    while let Some(first) = (0..heads.len()).min_by(|one, other| heads[*one].0.time.cmp(&heads[*other].0.time)) {
        let next = heads[first].1.next(wanted).await;
        let line = match next {
            Some(next) => std::mem::replace(&mut heads[first].0, next),
            None => heads.remove(first).0,
        };
        out.push(&line)?;
        if out.batch.len() >= BATCH {
            out.flush().await?;
        }
    }
    out.flush().await
}

/// Logs that go on: as lines come.
async fn follow(open: Vec<Lines>, wanted: &LogQuestion, out: &mut Out<'_>) -> Result<(), Refused> {
    let (line, mut lines) = mpsc::channel(WAITING);
    let readers: Vec<_> = open
        .into_iter()
        .map(|mut open| {
            let (line, wanted) = (line.clone(), wanted.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                while let Some(next) = open.next(&wanted).await {
                    if line.send(next).await.is_err() {
                        return;
                    }
                }
            }))
        })
        .collect();
    drop(line);
    while let Some(next) = lines.recv().await {
        out.push(&next)?;
        while out.batch.len() < BATCH {
            let Ok(next) = lines.try_recv() else { break };
            out.push(&next)?;
        }
        out.flush().await?;
    }
    drop(readers);
    Ok(())
}

/// Lines on their way to whoever asked.
struct Out<'a> {
    reply: &'a mut Reply,
    batch: BytesMut,
}

impl Out<'_> {
    fn push(&mut self, line: &LogLine) -> Result<(), Refused> {
        let text = serde_json::to_vec(line);
        let text = text.map_err(|_| Refused::new(RefusalCode::Internal, "a line of a log cannot be written down"))?;
        self.batch.extend_from_slice(&text);
        self.batch.extend_from_slice(b"\n");
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Refused> {
        Ok(self.reply.send(self.batch.split().freeze()).await?)
    }
}

fn pod_resource() -> ApiResource {
    ApiResource {
        group: String::new(),
        version: "v1".into(),
        kind: "Pod".into(),
        plural: "pods".into(),
        namespaced: true,
    }
}
