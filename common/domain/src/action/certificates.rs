//! cert-manager: renewing a certificate as `cmctl renew` does it.

use serde_json::{Value, json};

use super::builtin::{Builtin, Entry, Run};
use super::subject::Subject;
use super::{Effect, Error};

const ISSUING: &str = "Issuing";

pub(super) const KINDS: &[Entry] =
    &[Entry::of("cert-manager.io", "Certificate", &[&[Builtin::own("renew", renew).unless(issuing)]])];

fn issuing(certificate: &Subject<'_>) -> Option<String> {
    certificate.has(ISSUING).then(|| "it is being issued already".to_owned())
}

/// The condition that makes cert-manager issue again. Conditions are a list, so that all of them are sent.
fn renew(run: &Run<'_>) -> Result<Effect, Error> {
    let mut conditions: Vec<Value> = run.subject.list("status.conditions").to_vec();
    conditions.retain(|condition| condition.get("type") != Some(&json!(ISSUING)));
    conditions.push(json!({
        "type": ISSUING, "status": "True", "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "lastTransitionTime": run.stamp(),
        "observedGeneration": run.subject.number("metadata.generation").unwrap_or(1),
    }));
    Ok(Effect::patch(json!({"status": {"conditions": conditions}})))
}
