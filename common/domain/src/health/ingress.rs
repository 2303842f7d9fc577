//! Ingress: healthy when it has an address.

use super::Health;
use super::part::{Malformed, Part};

pub(super) fn check(ingress: Part<'_>) -> Result<Health, Malformed> {
    let waits = ingress.list("status.loadBalancer.ingress")?.is_empty();
    Ok(if waits {
        Health::progressing("Waiting for the ingress controller to assign an address")
    } else {
        Health::healthy("")
    })
}
