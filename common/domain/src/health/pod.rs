//! Pod: one that serves is healthy when ready; one with an end is healthy when it has succeeded.

use super::part::{Malformed, Part};
use super::{Health, HealthStatus};

const IGNORE_RESTART_POLICY: &str = "argocd.argoproj.io/ignore-restart-policy";
const HOOKS: [&str; 2] = ["argocd.argoproj.io/hook", "helm.sh/hook"];

pub(super) fn check(pod: Part<'_>) -> Result<Health, Malformed> {
    if fails_when_stuck(&pod)?
        && let Some(message) = stuck(&pod)?
    {
        return Ok(Health::degraded(message));
    }
    let message = pod.text("status.message")?;
    match pod.text("status.phase")? {
        "Pending" => Ok(Health::progressing(waiting_for(&pod)?)),
        "Succeeded" => Ok(Health::healthy(message)),
        "Failed" => Ok(Health::degraded(failure(&pod)?)),
        "Running" => running(&pod),
        phase => Ok(Health::new(HealthStatus::Unknown, format!("status.phase is {phase:?}"))),
    }
}

/// A hook whose image cannot be pulled yet must not fail the sync: once the image is there the hook would run, after the sync has ended.
/// So a Pod with an end is not judged by why its containers wait, unless it asks for that and is no hook.
fn fails_when_stuck(pod: &Part<'_>) -> Result<bool, Malformed> {
    if pod.text("spec.restartPolicy")? == "Always" {
        return Ok(true);
    }
    let mut is_hook = false;
    for hook in HOOKS {
        is_hook |= !pod.annotation(hook)?.is_empty();
    }
    Ok(!is_hook && pod.annotation(IGNORE_RESTART_POLICY)? == "true")
}

/// Why containers wait, where they do for a reason that is a failure.
fn stuck(pod: &Part<'_>) -> Result<Option<String>, Malformed> {
    let mut messages = Vec::new();
    for container in pod.list("status.containerStatuses")? {
        let reason = container.text("state.waiting.reason")?;
        if reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff") {
            messages
                .push(Some(container.text("state.waiting.message")?).filter(|text| !text.is_empty()).unwrap_or(reason));
        }
    }
    Ok(Some(messages.join(", ")).filter(|_| !messages.is_empty()))
}

/// The Pod's own message, else that of the first container that failed.
fn failure(pod: &Part<'_>) -> Result<String, Malformed> {
    let own = pod.text("status.message")?;
    if !own.is_empty() {
        return Ok(own.to_owned());
    }
    for list in ["status.initContainerStatuses", "status.containerStatuses"] {
        for container in pod.list(list)? {
            if let Some(message) = termination(&container)? {
                return Ok(message);
            }
        }
    }
    Ok(String::new())
}

fn termination(container: &Part<'_>) -> Result<Option<String>, Malformed> {
    let terminated = container.at("state.terminated")?;
    let (message, code) = (terminated.text("message")?, terminated.count("exitCode")?);
    Ok(if !message.is_empty() {
        Some(message.to_owned())
    } else if terminated.text("reason")? == "OOMKilled" {
        Some("OOMKilled".to_owned())
    } else if code != 0 {
        Some(format!("container {:?} failed with exit code {code}", container.text("name")?))
    } else {
        None
    })
}

fn running(pod: &Part<'_>) -> Result<Health, Malformed> {
    match pod.text("spec.restartPolicy")? {
        "Always" if pod.condition("Ready")?.is_some_and(|ready| ready.is_true()) => {
            Ok(Health::healthy(pod.text("status.message")?))
        }
        "Always" if has_restarted(pod)? => Ok(Health::degraded(waiting_for(pod)?)),
        "Always" => Ok(Health::progressing(waiting_for(pod)?)),
        "OnFailure" | "Never" => Ok(Health::progressing("Waiting for the pod to complete")),
        policy => Ok(Health::new(HealthStatus::Unknown, format!("spec.restartPolicy is {policy:?}"))),
    }
}

/// The Pod's own message, else that of the first condition that does not hold: no node has room, a volume is not there, a probe fails.
fn waiting_for<'a>(pod: &Part<'a>) -> Result<&'a str, Malformed> {
    let own = pod.text("status.message")?;
    if !own.is_empty() {
        return Ok(own);
    }
    for kind in ["PodScheduled", "PodReadyToStartContainers", "Initialized", "Ready"] {
        let condition =
            pod.condition(kind)?.filter(|condition| condition.status == "False" && !condition.message.is_empty());
        if let Some(condition) = condition {
            return Ok(condition.message);
        }
    }
    Ok("Waiting for the pod to start")
}

fn has_restarted(pod: &Part<'_>) -> Result<bool, Malformed> {
    for container in pod.list("status.containerStatuses")? {
        if container.at("lastState.terminated")?.exists() {
            return Ok(true);
        }
    }
    Ok(false)
}
