//! What is asked of the message application once it runs.

use anyhow::{Result, ensure};
use windlass_tests::app::SOON;
use windlass_tests::cli::Cli;
use windlass_tests::control_plane::ControlPlane;
use windlass_tests::wait::wait_for;

/// Restarts the message's Pods.
pub(super) async fn restart(_cli: &Cli, plane: &ControlPlane) -> Result<()> {
    let restarted = plane.kubectl(&["rollout", "restart", "deployment/message", "-n", "message"]).await?;
    ensure!(restarted.success, "{}", restarted.stderr);
    Ok(())
}

/// Waits until the log of a Pod of the message's has the text.
pub(super) async fn log_says(_cli: &Cli, plane: &ControlPlane, text: &str) -> Result<()> {
    let look = || async { Ok(plane.kubectl(&["logs", "-n", "message", "-l", "app=message"]).await?.stdout) };
    wait_for("the log to say the message", SOON, look, |said| said.contains(text).then_some(())).await
}
