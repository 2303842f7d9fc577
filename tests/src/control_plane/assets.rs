//! Where the executables of the control plane are.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// The executables that a cluster is made of.
#[derive(Debug, Clone)]
pub struct Assets {
    pub(super) etcd: PathBuf,
    pub(super) apiserver: PathBuf,
    pub(super) controller_manager: PathBuf,
    pub(super) scheduler: PathBuf,
    pub(super) kwok: PathBuf,
    pub(super) kwok_config: PathBuf,
    /// kubectl of the same Kubernetes version.
    pub kubectl: PathBuf,
}

impl Assets {
    /// etcd, kube-apiserver and kubectl from `KUBEBUILDER_ASSETS` where it has them; everything else from what
    /// `tests/control-plane/build.sh` built, or builds now, which takes minutes, once per machine.
    pub async fn find() -> Result<Self> {
        static FOUND: OnceCell<Assets> = OnceCell::const_new();
        FOUND.get_or_try_init(Self::look).await.cloned()
    }

    async fn look() -> Result<Self> {
        let given =
            std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from).filter(|folder| !folder.as_os_str().is_empty());
        let complete = given.as_deref().filter(|folder| folder.join("kwok.yaml").exists());
        let built = match complete {
            Some(folder) => folder.to_owned(),
            None => build().await?,
        };
        let override_of = |name: &str| given.as_deref().map(|folder| folder.join(name)).filter(|path| path.exists());
        let pick = |name: &str| override_of(name).unwrap_or_else(|| built.join(name));
        Ok(Self {
            etcd: pick("etcd"),
            apiserver: pick("kube-apiserver"),
            controller_manager: built.join("kube-controller-manager"),
            scheduler: built.join("kube-scheduler"),
            kwok: built.join("kwok"),
            kwok_config: built.join("kwok.yaml"),
            kubectl: pick("kubectl"),
        })
    }
}

/// Runs the build script, whose last line is the folder; when it is built already that takes some milliseconds.
async fn build() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("control-plane/build.sh");
    let output = Command::new("bash").arg(&script).output().await;
    let output = output.with_context(|| format!("running {}", script.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} ended with {}:\n{errors}", script.display(), output.status);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let folder = stdout.lines().last().context("the build script of the control plane printed nothing")?;
    Ok(PathBuf::from(folder))
}
