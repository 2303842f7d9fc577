//! The floor of B6: a thread that watches the metadata of all Pods and keeps nothing of it, and what that takes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use futures::{AsyncBufReadExt as _, TryStreamExt as _};
use http::{Request, header};
use kube::Client;
use tokio::sync::oneshot;
use windlass_tests::control_plane::ControlPlane;

use crate::usage;

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// What it used so far.
pub(crate) struct Used {
    pub(crate) cpu: f64,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

#[derive(Default)]
struct Counted {
    events: AtomicU64,
    bytes: AtomicU64,
}

/// The running thread; it ends with the process.
pub(crate) struct MetadataFloor {
    counted: Arc<Counted>,
    task: PathBuf,
}

// === impl MetadataFloor ===

impl MetadataFloor {
    /// Returns when the watch is open.
    pub(crate) async fn start(plane: &ControlPlane) -> Result<Self> {
        let kubeconfig = plane.identity("floor", &["system:masters"])?;
        let counted = Arc::new(Counted::default());
        let (open, opened) = oneshot::channel();
        let counting = Arc::clone(&counted);
        std::thread::spawn(move || -> Result<()> {
            let task = std::fs::read_link("/proc/thread-self").context("this thread's number")?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let client = windlass_tests::control_plane::client_of(&kubeconfig).await?;
                // Nobody waits for it when the start was given up.
                let _ = open.send(task);
                watch(client, &counting).await
            })
        });
        let task = PathBuf::from("/proc").join(opened.await.context("the floor's watch did not open")?);
        Ok(Self { counted, task })
    }

    /// Of its own thread.
    pub(crate) fn used(&self) -> Result<Used> {
        Ok(Used {
            cpu: usage::cpu_seconds_of(&self.task)?,
            events: self.counted.events.load(Ordering::Relaxed),
            bytes: self.counted.bytes.load(Ordering::Relaxed),
        })
    }
}

async fn watch(client: Client, counted: &Counted) -> Result<()> {
    let path = "/api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=0&timeoutSeconds=3600";
    let request = Request::get(path).header(header::ACCEPT, METADATA).body(Vec::new())?;
    let mut lines = client.request_stream(request).await?.lines();
    while let Some(line) = lines.try_next().await? {
        let event: serde_json::Value = serde_json::from_str(&line)?;
        counted.events.fetch_add(u64::from(event["type"] != "BOOKMARK"), Ordering::Relaxed);
        counted.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}
