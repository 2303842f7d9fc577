//! The floor of B9: the same objects, applied server-side in a loop with as many requests at a time as the agent allows itself, and nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Method, Request, header};
use kube::Client;
use windlass_tests::control_plane::ControlPlane;
use windlass_tests::manifest::Manifest;

/// Requests at a time.
const AT_A_TIME: usize = 16;

/// A request that is ready to be sent.
struct Apply {
    path: String,
    body: Vec<u8>,
}

/// The loop's own client.
pub(crate) struct ParallelFloor {
    client: Client,
}

impl ParallelFloor {
    /// A client of its own.
    pub(crate) async fn start(plane: &ControlPlane) -> Result<Self> {
        let kubeconfig = plane.identity("floor", &["system:masters"])?;
        Ok(Self { client: windlass_tests::control_plane::client_of(&kubeconfig).await? })
    }

    /// Applies namespaced objects, and says how long it took from the first request to the last answer.
    pub(crate) async fn apply(&self, manifests: &[(&'static str, Manifest)]) -> Result<Duration> {
        let requests: Vec<Apply> = manifests.iter().map(|(plural, manifest)| Apply::of(plural, manifest)).collect();
        let started = Instant::now();
        let sending = futures::stream::iter(requests).map(|apply| self.send(apply)).buffer_unordered(AT_A_TIME);
        sending.try_collect::<Vec<()>>().await?;
        Ok(started.elapsed())
    }

    async fn send(&self, apply: Apply) -> Result<()> {
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(&apply.path)
            .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
            .header(header::ACCEPT, "application/json")
            .body(apply.body)?;
        // The answer is read whole, as a client must that wants to know what it applied, and not parsed.
        self.client.request_text(request).await.with_context(|| format!("applying {}", apply.path)).map(drop)
    }
}

impl Apply {
    fn of(plural: &str, manifest: &Manifest) -> Self {
        let value = manifest.to_json();
        let text = |path: &str| value.pointer(path).and_then(serde_json::Value::as_str).unwrap_or_default();
        let root = match text("/apiVersion") {
            "v1" => "/api/v1".to_owned(),
            group => format!("/apis/{group}"),
        };
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let path = format!("{root}/namespaces/{namespace}/{plural}/{name}?fieldManager=floor&force=true");
        Self { path, body: value.to_string().into_bytes() }
    }
}
