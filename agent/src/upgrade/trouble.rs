//! What keeps the new Pods of an upgrade from working, in Kubernetes' own words.

use serde_json::Value;
use windlass_domain::install::NAME;

use crate::home::{Home, Kind};

/// Characters of Kubernetes' words.
const LONGEST: usize = 300;

/// Nothing where nothing is wrong, or where it cannot be read.
pub(super) async fn of_new_pods(home: &Home, image: &str) -> Option<String> {
    let pods = home.some(Kind::Pod, &format!("app.kubernetes.io/name={NAME}")).await;
    pods.inspect_err(|error| tracing::debug!(%error, "the agent's Pods cannot be listed"))
        .ok()?
        .iter()
        .find_map(|pod| of(pod, image))
}

fn of(pod: &Value, image: &str) -> Option<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    if !list(&pod["spec"]["containers"]).iter().any(|container| container["image"] == image) {
        return None;
    }
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let states = list(&pod["status"]["containerStatuses"]);
    let waits =
        states.iter().find_map(|status| said(&status["state"]["waiting"], &["ContainerCreating", "PodInitializing"]));
    let ended = states.iter().find_map(|status| {
        let ended = [&status["state"]["terminated"], &status["lastState"]["terminated"]]
            .into_iter()
            .find(|ended| ended.is_object())?;
        Some(format!("ended with {}", ended["exitCode"]))
    });
    let unplaced = list(&pod["status"]["conditions"]).iter().find_map(|condition| {
        let is_unplaced = condition["type"] == "PodScheduled" && condition["status"] == "False";
        is_unplaced.then(|| said(condition, &[])).flatten()
    });
    let words = [waits, ended, unplaced].into_iter().flatten().collect::<Vec<_>>();
    (!words.is_empty()).then(|| format!("Pod {name}: {}", words.join("; ")).chars().take(LONGEST).collect())
}

fn said(state: &Value, usual: &[&str]) -> Option<String> {
    let reason = state["reason"].as_str().filter(|reason| !usual.contains(reason))?;
    let message = state["message"].as_str().unwrap_or_default();
    Some(if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_new_pods_trouble_is_named_and_nobody_elses() {
        let pod = |image: &str, status: Value| json!({"metadata": {"name": "p"}, "spec": {"containers": [{"image": image}]}, "status": status});
        let waiting = |reason: &str| json!({"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": "no such image"}}}]});
        let crashed = json!({"containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}}]});
        let unplaced = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}]});
        for (pod, want) in [
            (pod("new", waiting("ErrImagePull")), Some("Pod p: ErrImagePull: no such image")),
            (pod("new", waiting("ContainerCreating")), None),
            (pod("new", crashed), Some("Pod p: CrashLoopBackOff; ended with 1")),
            (pod("new", unplaced), Some("Pod p: Unschedulable: no room")),
            (pod("new", json!({})), None),
            (pod("old", waiting("ErrImagePull")), None),
        ] {
            assert_eq!(of(&pod, "new").as_deref(), want);
        }
    }
}
