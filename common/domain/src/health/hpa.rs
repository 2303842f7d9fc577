//! HorizontalPodAutoscaler: degraded when it cannot read or write what it scales by, whatever else it says of itself.

use serde_json::Value;

use super::Health;
use super::part::{Condition, Malformed, Part};

/// Where `autoscaling/v1` keeps what later versions have in the status.
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

pub(super) fn check(autoscaler: Part<'_>) -> Result<Health, Malformed> {
    if autoscaler.text("apiVersion")? != "autoscaling/v1" {
        return Ok(judge(&autoscaler.conditions()?));
    }
    let written = match autoscaler.annotation(CONDITIONS)? {
        "" => Value::Null,
        text => serde_json::from_str(text).map_err(|_| not_conditions())?,
    };
    let list = serde_json::json!({"status": {"conditions": written}});
    Ok(judge(&Part::of(&list).conditions().map_err(|_| not_conditions())?))
}

fn not_conditions() -> Malformed {
    Malformed::at("metadata.annotations[autoscaling.alpha.kubernetes.io/conditions]", "a JSON list of conditions")
}

fn judge(conditions: &[Condition<'_>]) -> Health {
    if let Some(broken) = conditions.iter().find(|condition| is_degraded(condition)) {
        return Health::degraded(broken.message);
    }
    let works =
        |condition: &&Condition<'_>| matches!(condition.kind, "AbleToScale" | "ScalingLimited") && condition.is_true();
    match conditions.iter().find(works) {
        Some(condition) => Health::healthy(condition.message),
        None => Health::progressing("Waiting to Autoscale"),
    }
}

fn is_degraded(condition: &Condition<'_>) -> bool {
    match condition.kind {
        "AbleToScale" => matches!(condition.reason, "FailedGetScale" | "FailedUpdateScale"),
        "ScalingActive" => matches!(
            condition.reason,
            "FailedGetResourceMetric"
                | "FailedGetObjectMetric"
                | "FailedGetPodsMetric"
                | "FailedGetExternalMetric"
                | "FailedComputeMetricsReplicas"
                | "InvalidSelector"
        ),
        _ => false,
    }
}
