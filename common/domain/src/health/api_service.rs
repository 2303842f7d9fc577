//! APIService: healthy when available.

use super::Health;
use super::part::{Malformed, Part};

pub(super) fn check(service: Part<'_>) -> Result<Health, Malformed> {
    let Some(available) = service.condition("Available")? else {
        return Ok(Health::progressing("Waiting to be processed"));
    };
    let message = format!("{}: {}", available.reason, available.message);
    Ok(if available.is_true() { Health::healthy(message) } else { Health::progressing(message) })
}
