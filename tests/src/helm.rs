//! Helm of a version that `tests/control-plane/helm` pins, to render and install the charts of `deploy`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// The program: what `tests/control-plane/helm.sh` built, or builds now, which takes minutes, once per machine.
pub async fn program() -> Result<PathBuf> {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    FOUND.get_or_try_init(build).await.cloned()
}

/// Runs it without anything of the user's own; what it printed, or what it had against it.
pub async fn helm(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program().await?);
    command.args(arguments).env_remove("KUBECONFIG").stdin(std::process::Stdio::null()).kill_on_drop(true);
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(variable, std::env::temp_dir().join("windlass-has-no-helm-home"));
    }
    let output = command.output().await.context("running helm")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "helm {}: {}", arguments.join(" "), said.trim());
    String::from_utf8(output.stdout).context("helm prints no UTF-8")
}

async fn build() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("control-plane/helm.sh");
    let output = Command::new("bash").arg(&script).output().await;
    let output = output.with_context(|| format!("running {}", script.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} ended with {}:\n{errors}", script.display(), output.status);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let folder = stdout.lines().last().context("the build script of helm printed nothing")?;
    Ok(Path::new(folder).join("helm"))
}
