//! A renewal that is refused says in the agent's log why, and what to do: the cluster was removed, or the certificate ended too long ago.

use std::time::Duration;

use anyhow::Result;
use reqwest::Method;
use windlass_tests::app::SOON;

use super::stage::{EU, own_fleet};

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) async fn refused_renewal_is_explained() -> Result<()> {
    let fleet = own_fleet("refused-renewal").await?;
    let agent = &fleet.member(EU)?.agent;
    fleet.api().must(Method::DELETE, &format!("/api/v1/clusters/{EU}"), None).await?;
    agent.admin()?.shift_clock(6 * DAY).await?;
    agent.says(&["refused to renew the certificate: this hub does not know the certificate"], SOON).await?;
    fleet.finish();

    let fleet = own_fleet("too-late").await?;
    let agent = &fleet.member(EU)?.agent;
    fleet.hub().admin()?.shift_clock(98 * DAY).await?;
    agent.admin()?.shift_clock(98 * DAY).await?;
    agent.says(&["too long ago for a renewal"], SOON).await?;
    fleet.finish();
    Ok(())
}
