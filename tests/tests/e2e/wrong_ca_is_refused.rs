//! An agent tells its token to nobody but the hub whose authority the join file pins.

use anyhow::{Result, ensure};
use windlass_tests::agent::Agent;
use windlass_tests::app::SOON;
use windlass_tests::control_plane::certificates::Authority;

use super::stage::{own_hub, plane};

pub(crate) async fn wrong_ca_is_refused() -> Result<()> {
    let (mut folder, hub) = own_hub("wrong-ca").await?;
    let plane = plane().await?;
    let kubeconfig = plane.identity("windlass-agent-wrong-ca", &["system:masters"])?;
    let join = hub.api().create_cluster("wrong-ca", &[]).await?;

    // The pin of another authority: the token stays with the agent.
    let other = join.clone().with_pin(&format!("sha256:{}", "ab".repeat(32)));
    let path = other.write(&folder.path().join("wrong"))?;
    let mut agent = Agent::start(&folder.path().join("wrong"), &path, &kubeconfig)?;
    let said = agent.says(&["pin"], SOON).await?;
    ensure!(!said.contains(join.token()), "the log has the token: {said}");
    agent.process().terminate()?;
    drop(agent);
    let cluster = hub.api().cluster("wrong-ca").await?;
    ensure!(cluster["connection"] == "Pending" && cluster["joinTokenExpiresAt"].is_string(), "{cluster}");

    // A client that trusts another authority does not talk to this hub either.
    let stranger = Authority::new("another authority")?;
    let api = windlass_tests::api::Api::connect(&hub.url(), &stranger.pem(), "wl_none")?;
    let refused = api.get("/api/v1/version").await.expect_err("the handshake fails");
    ensure!(format!("{refused:#}").contains("/api/v1/version"), "{refused:#}");

    // The token was not spent: with the right pin the same one joins.
    let path = join.write(&folder.path().join("right"))?;
    let agent = Agent::start(&folder.path().join("right"), &path, &kubeconfig)?;
    windlass_tests::fleet::connected(hub.api(), "wrong-ca", &agent).await?;
    folder.succeed();
    Ok(())
}
