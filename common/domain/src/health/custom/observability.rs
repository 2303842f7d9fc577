//! The Prometheus operator, Grafana, OpenTelemetry, Jaeger, Logging.

use super::super::Health;
use super::super::part::{Malformed, Part};
use super::Entry;
use super::rule::{Phases, Summary};

const MONITORING: &str = "monitoring.coreos.com";
/// `Available=Degraded` is its own third word: some replicas are missing.
const PROMETHEUS: super::super::Check = prometheus;

/// What is written into a Grafana: not there, or not taken by it.
const fn grafana_content(synchronized: &'static [&'static str]) -> Summary {
    Summary::of(synchronized)
        .stop(&["spec.suspend"])
        .bad(&["InvalidSpec", "NoMatchingInstance", "NoMatchingFolder"])
        .fails(&["ApplyFailed"])
        .silent_is_healthy()
}

pub(super) const KINDS: &[Entry] = &[
    Entry::own(MONITORING, "Prometheus", PROMETHEUS),
    Entry::own(MONITORING, "PrometheusAgent", PROMETHEUS),
    Entry::own(MONITORING, "Alertmanager", PROMETHEUS),
    Entry::own(MONITORING, "ThanosRuler", PROMETHEUS),
    Entry::own("grafana.integreatly.org", "Grafana", grafana),
    Entry::summary("grafana.integreatly.org", "GrafanaDashboard", grafana_content(&["DashboardSynchronized"])),
    Entry::summary("grafana.integreatly.org", "GrafanaDatasource", grafana_content(&["DatasourceSynchronized"])),
    Entry::summary("grafana.integreatly.org", "GrafanaFolder", grafana_content(&["FolderSynchronized"])),
    Entry::summary("grafana.integreatly.org", "*", grafana_content(&[])),
    Entry::summary(
        "loki.grafana.com",
        "LokiStack",
        Summary::of(&["Ready"]).bad(&["Failed", "Degraded"]).busy(&["Pending"]),
    ),
    Entry::phases("jaegertracing.io", "Jaeger", Phases::of("status.phase", &["Running"]).degraded(&["Failed"])),
];

fn prometheus(object: Part<'_>) -> Result<Health, Malformed> {
    if object.is_true("spec.paused")? {
        return Ok(Health::new(super::super::HealthStatus::Suspended, "spec.paused is true"));
    }
    let (reconciled, available) = (object.condition("Reconciled")?, object.condition("Available")?);
    Ok(match (reconciled, available) {
        (Some(reconciled), _) if reconciled.status == "False" => Health::degraded(reconciled.words()),
        (_, Some(available)) if available.is_true() => Health::healthy(available.message),
        (_, Some(available)) if available.status == "Degraded" || available.status == "False" => {
            Health::degraded(available.words())
        }
        (_, Some(available)) => Health::progressing(available.words_since()),
        (_, None) => Health::progressing("Waiting for Available"),
    })
}

/// `stage` names what it is at, `stageStatus` how that went.
fn grafana(object: Part<'_>) -> Result<Health, Malformed> {
    let (stage, status) = (object.text("status.stage")?, object.text("status.stageStatus")?);
    let message = object.text("status.lastMessage")?;
    let words = || if message.is_empty() { format!("stage {stage} is {status}") } else { message.to_owned() };
    Ok(match (stage, status) {
        ("complete", "success") => Health::healthy(""),
        (_, "failed") => Health::degraded(words()),
        ("", _) => Health::progressing("Waiting for status.stage"),
        _ => Health::progressing(words()),
    })
}
