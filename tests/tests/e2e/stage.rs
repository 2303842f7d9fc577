//! What scenarios share: one runtime, two clusters, and one fleet on them.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use anyhow::{Context as _, Result, anyhow};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use windlass_tests::app::{App, Destination, Policy};
use windlass_tests::control_plane::ControlPlane;
use windlass_tests::fleet::{Fleet, control_plane};
use windlass_tests::folder::Folder;
use windlass_tests::hub::{Hub, HubOptions};

/// The first cluster's name.
pub(crate) const EU: &str = "eu-1";
/// The second cluster's name.
pub(crate) const US: &str = "us-1";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static PLANES: OnceCell<Result<[Arc<ControlPlane>; 2], String>> = OnceCell::const_new();
static FLEET: OnceCell<Result<Fleet, String>> = OnceCell::const_new();

/// The runtime of every scenario: servers and connections that are shared outlive the test that made them.
pub(crate) fn runtime() -> &'static Runtime {
    &RUNTIME
}

/// The two clusters. They end with the test process: the kernel sees to it.
pub(crate) async fn planes() -> Result<[Arc<ControlPlane>; 2]> {
    let started = PLANES.get_or_init(|| async {
        let folder = clusters_folder().map_err(|error| format!("{error:#}"))?;
        let (one, two) = (folder.join(EU), folder.join(US));
        let planes = tokio::try_join!(control_plane(&one), control_plane(&two));
        planes.map(|(one, two)| [one, two]).map_err(|error| format!("{error:#}"))
    });
    started.await.clone().map_err(|error| anyhow!("the shared clusters: {error}"))
}

/// The first cluster, for scenarios with a hub and an agent of their own.
pub(crate) async fn plane() -> Result<Arc<ControlPlane>> {
    let [one, _] = planes().await?;
    Ok(one)
}

/// The fleet of both clusters, which nobody kills.
pub(crate) async fn shared() -> Result<&'static Fleet> {
    let started = FLEET.get_or_init(|| async {
        let start = async {
            let [one, two] = planes().await?;
            let folder = Folder::create_in(&clusters_folder()?, "shared")?;
            Fleet::start_in(folder, "shared", &[(EU, one), (US, two)], HubOptions::default()).await
        };
        start.await.map_err(|error| format!("{error:#}"))
    });
    started.await.as_ref().map_err(|error| anyhow!("the shared fleet: {error}"))
}

/// An automated application on the first cluster of the shared fleet.
pub(crate) async fn app(name: &str) -> Result<(&'static Fleet, App)> {
    let fleet = shared().await?;
    let app = App::new(fleet, name, Destination::Cluster(EU.to_owned()), Policy::Automated).await?;
    Ok((fleet, app))
}

/// A fleet of its own with one agent on the first shared cluster, for scenarios that kill.
pub(crate) fn own_fleet(name: &str) -> impl Future<Output = Result<Fleet>> {
    let name = name.to_owned();
    async move { Fleet::start(&name, &[(EU, plane().await?)]).await }
}

/// A hub of its own without any cluster, and the folder it is in.
pub(crate) async fn own_hub(name: &str) -> Result<(Folder, Hub)> {
    let folder = Folder::create(name)?;
    let hub = Hub::start(&folder.path().join("hub"), HubOptions::default()).await?;
    Ok((folder, hub))
}

/// One folder for the clusters' files. What runs of processes that are gone have left is removed.
fn clusters_folder() -> Result<PathBuf> {
    let parent = std::env::temp_dir().join("windlass-e2e-clusters");
    std::fs::create_dir_all(&parent).context("making a folder for clusters")?;
    for entry in std::fs::read_dir(&parent)?.flatten() {
        let is_alive = PathBuf::from("/proc").join(entry.file_name()).exists();
        if !is_alive {
            // Another run may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let folder = parent.join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).context("making a folder for clusters")?;
    Ok(folder)
}
