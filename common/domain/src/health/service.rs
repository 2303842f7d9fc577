//! Service: one of type LoadBalancer is healthy when it has an address, all others always.

use super::Health;
use super::part::{Malformed, Part};

pub(super) fn check(service: Part<'_>) -> Result<Health, Malformed> {
    let waits = service.text("spec.type")? == "LoadBalancer" && service.list("status.loadBalancer.ingress")?.is_empty();
    Ok(if waits { Health::progressing("Waiting for the load balancer to get an address") } else { Health::healthy("") })
}
