//! A join token opens the door once, and for its hour.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use windlass_tests::agent::Agent;
use windlass_tests::app::SOON;
use windlass_tests::fleet::{Join, connected};

use super::stage::{own_hub, plane};

const REFUSALS: &[&str] = &["token", "refused", "unauthenticated", "denied"];

pub(crate) async fn used_or_expired_token_is_refused() -> Result<()> {
    let (mut folder, hub) = own_hub("tokens").await?;
    let plane = plane().await?;
    let kubeconfig = plane.identity("windlass-agent-tokens", &["system:masters"])?;
    let join = hub.api().create_cluster("first", &[]).await?;
    let path = join.write(&folder.path().join("first"))?;
    let first = Agent::start(&folder.path().join("first"), &path, &kubeconfig)?;
    connected(hub.api(), "first", &first).await?;

    // Used: another agent, which has another key.
    let thief = Agent::start(&folder.path().join("thief"), &path, &kubeconfig)?;
    let said = thief.says(REFUSALS, SOON).await?;
    ensure!(!said.contains(join.token()), "the log has the token: {said}");
    drop(thief);
    let cluster = hub.api().cluster("first").await?;
    ensure!(cluster["connection"] == "Connected", "the rightful agent was disturbed: {cluster}");

    // Expired: the hub's clock goes on by two hours, a token's default life is one.
    let late = hub.api().create_cluster("late", &[]).await?;
    hub.admin()?.shift_clock(Duration::from_secs(2 * 3600)).await?;
    let path = late.write(&folder.path().join("late"))?;
    let agent = Agent::start(&folder.path().join("late"), &path, &kubeconfig)?;
    agent.says(REFUSALS, SOON).await?;
    drop(agent);
    let cluster = hub.api().cluster("late").await?;
    ensure!(cluster["connection"] == "Pending", "{cluster}");

    // A new token for the same cluster opens it.
    hub.admin()?.shift_clock(Duration::ZERO).await?;
    let again = hub.api().post("/api/v1/clusters/late/token", &json!({})).await?;
    let path = Join(again["join"].clone()).write(&folder.path().join("again"))?;
    let agent = Agent::start(&folder.path().join("again"), &path, &kubeconfig)?;
    connected(hub.api(), "late", &agent).await?;
    folder.succeed();
    Ok(())
}
