//! The message application of an image of ours, for clusters with a real node: it says over HTTP what its ConfigMap said
//! when it was started.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use windlass_images::layout::{Layers, Written};
use windlass_images::recipe;

use crate::binaries;
use crate::manifest::{self, Manifest};

/// Where a node serves the message, on any of its addresses.
pub const PORT: u16 = 30080;
/// The message application's image.
pub const IMAGE: &str = "localhost/message:test";

const PATIENCE: Duration = Duration::from_secs(2);

/// The application: first the ConfigMap with the message, then what says it.
pub fn application(message: &str) -> [(&'static str, Manifest); 3] {
    let reference = json!({ "configMapKeyRef": { "name": "message", "key": "MESSAGE" } });
    let container = json!({
        "name": "message",
        "image": IMAGE,
        "env": [{ "name": "MESSAGE", "valueFrom": reference }],
        "ports": [{ "containerPort": 8080, "protocol": "TCP" }],
        "readinessProbe": { "httpGet": { "path": "/healthz", "port": 8080 }, "periodSeconds": 1 },
        "securityContext": {
            "runAsNonRoot": true,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
    });
    let deployment = manifest::deployment("message", 1, "").with("spec.template.spec.containers", json!([container]));
    let service = json!({
        "type": "NodePort",
        "selector": { "app": "message" },
        "ports": [{ "port": 8080, "nodePort": PORT, "protocol": "TCP" }],
    });
    [
        ("configmap.yaml", configmap(message)),
        ("deployment.yaml", deployment),
        ("service.yaml", Manifest::new("v1", "Service", "message").with("spec", service)),
    ]
}

/// The ConfigMap alone.
pub fn configmap(message: &str) -> Manifest {
    manifest::configmap("message", &[("MESSAGE", message)])
}

/// What the node at this address serves; an error while it serves nothing.
pub async fn served(node: Ipv4Addr) -> Result<String> {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = client.get(format!("http://{node}:{PORT}/")).send().await?;
    Ok(answer.error_for_status()?.text().await?.trim_end().to_owned())
}

/// Makes the image of a built program under this name, in `folder`.
pub async fn image(folder: &Path, program: &str, name: &str) -> Result<(PathBuf, Written)> {
    let (binary, path) = (binaries::find(program)?, folder.join(format!("{program}.tar")));
    let (name, place) = (name.to_owned(), path.clone());
    let making = tokio::task::spawn_blocking(move || {
        let mut image = recipe::program(&binary, &name, "test")?;
        recipe::add_machine_data(&mut image)?;
        image.write(Layers::Plain, &place)
    });
    let written = making.await.context("making an image")?.with_context(|| format!("the image of {program}"))?;
    Ok((path, written))
}
