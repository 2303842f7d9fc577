//! Where the programs of a node are.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// What `tests/control-plane/node.sh` built, or builds now, which takes minutes, once per machine: kubelet, kube-proxy,
/// containerd with its shim and `ctr`, network plugins, CoreDNS and `pause`.
pub(super) async fn find() -> Result<PathBuf> {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    FOUND.get_or_try_init(build).await.cloned()
}

async fn build() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("control-plane/node.sh");
    let output = Command::new("bash").arg(&script).output().await;
    let output = output.with_context(|| format!("running {}", script.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} ended with {}:\n{errors}", script.display(), output.status);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let folder = stdout.lines().last().context("the build script of a node printed nothing")?;
    Ok(PathBuf::from(folder))
}
