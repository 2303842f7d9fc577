//! The floor of B1: a loop without any of Windlass that does the same bytes with the same durability. It fetches the same
//! kind of commit with the same git library, applies the same objects server-side to the same API server, and keeps a
//! record with an fsync.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;
use windlass_tests::git_server::Repo;
use windlass_tests::manifest;

use crate::rig::{Rig, objects};

/// Another namespace than the application's.
const NAMESPACE: &str = "floor";

/// The loop's own repository, mirror, client and record.
pub(crate) struct Floor {
    repo: Repo,
    mirror: PathBuf,
    record: PathBuf,
    client: Client,
}

impl Floor {
    /// Everything up to the first measured round.
    pub(crate) async fn start(folder: &Path, rig: &Rig) -> Result<Self> {
        let repo = Repo::create(&folder.join("git"), "floor").await?;
        let mirror = folder.join("floor-mirror.git");
        git2::Repository::init_bare(&mirror).context("making the mirror")?;
        let kubeconfig = rig.plane.identity("floor", &["system:masters"])?;
        let client = windlass_tests::control_plane::client_of(&kubeconfig).await?;
        let mut floor = Self { repo, mirror, record: folder.join("floor-record"), client };
        apply(&floor.client, &manifest::namespace(NAMESPACE).to_json()).await?;
        floor.measure(rig, 0, true).await?;
        Ok(floor)
    }

    /// One commit: from push to the last answer.
    pub(crate) async fn measure(&mut self, _rig: &Rig, round: usize, parallel: bool) -> Result<Duration> {
        let files: Vec<(String, String)> = objects(round, NAMESPACE)
            .iter()
            .enumerate()
            .map(|(index, one)| (format!("app/{index}.json"), one.to_json().to_string()))
            .collect();
        let contents: Vec<(&str, Option<&str>)> =
            files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        self.repo.publish(&contents, "a round").await?;
        let pushed = Instant::now();
        let (mirror, url, record) = (self.mirror.clone(), self.repo.url(), self.record.clone());
        let manifests = tokio::task::spawn_blocking(move || {
            let manifests = fetch(&mirror, &url)?;
            keep(&record, &manifests)?;
            anyhow::Ok(manifests)
        });
        let manifests = manifests.await.context("fetching")??;
        if parallel {
            try_join_all(manifests.iter().map(|manifest| apply(&self.client, manifest))).await?;
        } else {
            for manifest in &manifests {
                apply(&self.client, manifest).await?;
            }
        }
        Ok(pushed.elapsed())
    }
}

fn fetch(mirror: &Path, url: &str) -> Result<Vec<Value>> {
    let repository = git2::Repository::open_bare(mirror)?;
    repository.remote_anonymous(url)?.fetch(&["+refs/heads/main:refs/heads/main"], None, None)?;
    let tree = repository.find_reference("refs/heads/main")?.peel_to_tree()?;
    let folder = tree.get_path(Path::new("app"))?.to_object(&repository)?.peel_to_tree()?;
    let read = |entry: git2::TreeEntry<'_>| {
        let blob = entry.to_object(&repository)?.peel_to_blob()?;
        serde_json::from_slice(blob.content()).context("reading a manifest")
    };
    folder.iter().map(read).collect()
}

/// As durable as what hub and agent keep: one file, synced.
fn keep(record: &Path, manifests: &[Value]) -> Result<()> {
    let mut file = File::create(record).with_context(|| format!("creating {}", record.display()))?;
    file.write_all(serde_json::to_string(manifests)?.as_bytes())?;
    file.sync_all().context("syncing the record")
}

async fn apply(client: &Client, manifest: &Value) -> Result<()> {
    let text = |path: &str| manifest.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("/kind")));
    let api: Api<DynamicObject> = match text("/metadata/namespace") {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    api.patch(text("/metadata/name"), &PatchParams::apply("floor").force(), &Patch::Apply(manifest)).await?;
    Ok(())
}
