//! Elastic Cloud on Kubernetes and OpenSearch: a colour for health, a word for what is being done.

use super::super::Health;
use super::super::part::{Malformed, Part};
use super::Entry;
use super::rule::{Phases, unobserved};

pub(super) const KINDS: &[Entry] = &[
    Entry::own("elasticsearch.k8s.elastic.co", "Elasticsearch", elastic),
    Entry::own("kibana.k8s.elastic.co", "Kibana", elastic),
    Entry::own("apm.k8s.elastic.co", "ApmServer", elastic),
    Entry::own("enterprisesearch.k8s.elastic.co", "EnterpriseSearch", elastic),
    Entry::own("beat.k8s.elastic.co", "Beat", elastic),
    Entry::own("agent.k8s.elastic.co", "Agent", elastic),
    Entry::own("logstash.k8s.elastic.co", "Logstash", elastic),
    Entry::own("maps.k8s.elastic.co", "ElasticMapsServer", elastic),
    Entry::phases(
        "opensearch.opster.io",
        "OpenSearchCluster",
        Phases::of("status.phase", &["RUNNING"]).degraded(&["FAILED"]),
    ),
];

/// Yellow serves, and lacks replicas: it is still on its way. Stalled and Invalid wait for a person.
fn elastic(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    let (phase, colour) = (object.text("status.phase")?, object.text("status.health")?);
    Ok(match (phase, colour) {
        ("Invalid" | "Stalled", _) => Health::degraded(format!("status.phase is {phase}")),
        (_, "red") => Health::degraded("status.health is red"),
        ("ApplyingChanges" | "MigratingData", _) => Health::progressing(format!("status.phase is {phase}")),
        (_, "green") => Health::healthy("status.health is green"),
        (_, "yellow") => Health::progressing("status.health is yellow"),
        (_, "") => Health::progressing("Waiting for status.health"),
        (_, colour) => Health::progressing(format!("status.health is {colour}")),
    })
}
