//! Databases: CloudNativePG, MariaDB, Percona's, Crunchy's, Zalando's, Elastic, MongoDB.

use serde_json::{Map, json};

use super::builtin::{Builtin, Entry, REPLICAS, Run, Word, nest};
use super::subject::Subject;
use super::{Effect, Error};

const CNPG: &str = "postgresql.cnpg.io";
const HIBERNATION: &str = "cnpg.io/hibernation";
const INSTANCE: &str = "instance";
const PAUSE: &[Builtin] =
    &[Builtin::set("pause", "spec.pause", Word::True), Builtin::set("resume", "spec.pause", Word::False)];
const SUSPEND: &[Builtin] =
    &[Builtin::set("suspend", "spec.suspend", Word::True), Builtin::set("resume", "spec.suspend", Word::False)];
/// Elastic's operator leaves what says this alone.
const ELASTIC: &[Builtin] = &[
    Builtin::annotate("pause", "eck.k8s.elastic.co/managed", "false"),
    Builtin::own("resume", |_| {
        Ok(Effect::patch(nest("metadata.annotations", json!({"eck.k8s.elastic.co/managed": null}))))
    })
    .unless(managed),
];

pub(super) const KINDS: &[Entry] = &[
    Entry::of(
        CNPG,
        "Cluster",
        &[&[
            Builtin::stamp("restart", "kubectl.kubernetes.io/restartedAt").unless(hibernated),
            Builtin::stamp("reload", "cnpg.io/reloadedAt").unless(hibernated),
            Builtin::own("promote", promote).with(&[INSTANCE], only_standby).unless(no_standby),
            Builtin::annotate("suspend", HIBERNATION, "on"),
            Builtin::own("resume", |_| Ok(Effect::patch(nest("metadata.annotations", json!({HIBERNATION: "off"})))))
                .unless(awake),
        ]],
    ),
    Entry::of(
        CNPG,
        "Pooler",
        &[&[
            Builtin::set("pause", "spec.pgbouncer.paused", Word::True),
            Builtin::set("resume", "spec.pgbouncer.paused", Word::False),
        ]],
    ),
    Entry::of(CNPG, "ScheduledBackup", &[&[Builtin::own("create-backup", backup)], SUSPEND]),
    Entry::of("k8s.mariadb.com", "MariaDB", &[SUSPEND]),
    Entry::of("k8s.mariadb.com", "MaxScale", &[SUSPEND]),
    Entry::of("enterprise.mariadb.com", "MariaDB", &[SUSPEND]),
    Entry::of("enterprise.mariadb.com", "MaxScale", &[SUSPEND]),
    Entry::of("psmdb.percona.com", "PerconaServerMongoDB", &[PAUSE]),
    Entry::of("pxc.percona.com", "PerconaXtraDBCluster", &[PAUSE]),
    Entry::of("ps.percona.com", "PerconaServerMySQL", &[PAUSE]),
    Entry::of("pgv2.percona.com", "PerconaPGCluster", &[PAUSE]),
    Entry::of(
        "postgres-operator.crunchydata.com",
        "PostgresCluster",
        &[&[
            Builtin::stamp_in("restart", "spec.metadata.annotations", "restarted"),
            Builtin::set("suspend", "spec.shutdown", Word::True),
            Builtin::set("resume", "spec.shutdown", Word::False),
        ]],
    ),
    Entry::of(
        "acid.zalan.do",
        "postgresql",
        &[&[Builtin::scale("scale", "spec.numberOfInstances")
            .with(&[REPLICAS], |one, _| one.number("spec.numberOfInstances").map(|n| n.to_string()))]],
    ),
    Entry::of(
        "mongodbcommunity.mongodb.com",
        "MongoDBCommunity",
        &[&[Builtin::scale("scale", "spec.members")
            .with(&[REPLICAS], |one, _| one.number("spec.members").map(|n| n.to_string()))]],
    ),
    Entry::of("elasticsearch.k8s.elastic.co", "Elasticsearch", &[ELASTIC]),
    Entry::of("kibana.k8s.elastic.co", "Kibana", &[ELASTIC]),
    Entry::of("apm.k8s.elastic.co", "ApmServer", &[ELASTIC]),
    Entry::of("beat.k8s.elastic.co", "Beat", &[ELASTIC]),
    Entry::of("agent.k8s.elastic.co", "Agent", &[ELASTIC]),
    Entry::of("logstash.k8s.elastic.co", "Logstash", &[ELASTIC]),
    Entry::of("enterprisesearch.k8s.elastic.co", "EnterpriseSearch", &[ELASTIC]),
    Entry::of("maps.k8s.elastic.co", "ElasticMapsServer", &[ELASTIC]),
];

fn hibernated(cluster: &Subject<'_>) -> Option<String> {
    (cluster.annotation(HIBERNATION) == Some("on")).then(|| "it is suspended: resume it first".to_owned())
}

fn awake(cluster: &Subject<'_>) -> Option<String> {
    (cluster.annotation(HIBERNATION) != Some("on")).then(|| "it is not suspended".to_owned())
}

fn managed(object: &Subject<'_>) -> Option<String> {
    (object.annotation("eck.k8s.elastic.co/managed") != Some("false")).then(|| "it is not paused".to_owned())
}

/// Instances beside the primary.
fn standbys<'a>(cluster: &Subject<'a>) -> Vec<&'a str> {
    let primary = cluster.text("status.currentPrimary");
    let names = cluster.list("status.instanceNames").iter().filter_map(serde_json::Value::as_str);
    names.filter(|name| *name != primary).collect()
}

fn only_standby(cluster: &Subject<'_>, _: &str) -> Option<String> {
    let standbys = standbys(cluster);
    (standbys.len() == 1).then(|| standbys.concat())
}

fn no_standby(cluster: &Subject<'_>) -> Option<String> {
    let (target, primary) = (cluster.text("status.targetPrimary"), cluster.text("status.currentPrimary"));
    match cluster {
        _ if standbys(cluster).is_empty() => Some("it has no instance beside the primary".to_owned()),
        _ if target != primary => Some(format!("{target} is being promoted")),
        _ => hibernated(cluster),
    }
}

/// As `kubectl cnpg promote`.
fn promote(run: &Run<'_>) -> Result<Effect, Error> {
    let (instance, standbys) = (run.given(INSTANCE), standbys(run.subject));
    if !standbys.contains(&instance) {
        let why = format!("{instance:?} is none of {}", standbys.join(", "));
        return Err(Error::Parameter { name: INSTANCE.to_owned(), why });
    }
    Ok(Effect::patch(json!({"status": {
        "targetPrimary": instance, "targetPrimaryTimestamp": run.stamp(),
        "phase": "Switchover in progress", "phaseReason": format!("Switching over to {instance}"),
    }})))
}

/// What the schedule would make next.
fn backup(run: &Run<'_>) -> Result<Effect, Error> {
    let schedule = run.subject;
    let fields = ["cluster", "target", "method", "online", "onlineConfiguration", "pluginConfiguration"];
    let spec = fields
        .into_iter()
        .filter_map(|field| schedule.at(&format!("spec.{field}")).map(|value| (field.to_owned(), value.clone())));
    Ok(Effect::create(json!({
        "apiVersion": schedule.api_version(),
        "kind": "Backup",
        "metadata": {
            "name": run.name(63), "namespace": schedule.namespace(),
            "labels": {"cnpg.io/cluster": schedule.text("spec.cluster.name"), "cnpg.io/scheduled-backup": schedule.name()},
        },
        "spec": Map::from_iter(spec),
    })))
}
