//! Databases: CloudNativePG, Zalando's and Percona's operators, MongoDB, MariaDB, MySQL, Cassandra, Redis.

use super::super::part::{Malformed, Part};
use super::super::{Health, HealthStatus};
use super::Entry;
use super::rule::{Phases, Summary, unobserved};

const CNPG: &str = "postgresql.cnpg.io";
/// Percona's operators all write the same words.
const PERCONA: Phases = Phases::of("status.state", &["ready"]).suspended(&["paused"]).degraded(&["error"]);
/// MongoDB's operators: `Failed` is retried, and says so until it works.
const MONGODB: Phases =
    Phases::of("status.phase", &["Running", "Updated"]).suspended(&["Disabled"]).degraded(&["Failed", "Unsupported"]);
const MARIADB: Summary = Summary::of(&["Ready"]).stop(&["spec.suspend"]).fails(&["Failed", "JobFailed"]);

pub(super) const KINDS: &[Entry] = &[
    Entry::own(CNPG, "Cluster", cnpg_cluster),
    Entry::phases(
        CNPG,
        "Backup",
        Phases::of("status.phase", &["completed"])
            .degraded(&["failed", "walArchivingFailing"])
            .messages(&["status.error"]),
    ),
    Entry::summary(CNPG, "ScheduledBackup", Summary::of(&[]).stop(&["spec.suspend"])),
    Entry::own(CNPG, "Pooler", cnpg_pooler),
    Entry::own(CNPG, "Database", cnpg_applied),
    Entry::own(CNPG, "Publication", cnpg_applied),
    Entry::own(CNPG, "Subscription", cnpg_applied),
    Entry::phases(
        "acid.zalan.do",
        "postgresql",
        Phases::of("status.PostgresClusterStatus", &["Running"]).degraded(&[
            "CreateFailed",
            "UpdateFailed",
            "SyncFailed",
            "Invalid",
        ]),
    ),
    Entry::phases("psmdb.percona.com", "PerconaServerMongoDB", PERCONA),
    Entry::phases("pxc.percona.com", "PerconaXtraDBCluster", PERCONA),
    Entry::phases("ps.percona.com", "PerconaServerMySQL", PERCONA),
    Entry::phases("pgv2.percona.com", "PerconaPGCluster", PERCONA),
    Entry::phases("mongodbcommunity.mongodb.com", "MongoDBCommunity", MONGODB),
    Entry::phases("mongodb.com", "MongoDB", MONGODB),
    Entry::phases("mongodb.com", "MongoDBMultiCluster", MONGODB),
    Entry::phases("mongodb.com", "MongoDBUser", MONGODB),
    Entry::phases("mongodb.com", "MongoDBOpsManager", MONGODB.messages(&["status.applicationDatabase.message"])),
    Entry::summary("k8s.mariadb.com", "MariaDB", MARIADB),
    Entry::summary("k8s.mariadb.com", "MaxScale", MARIADB),
    Entry::summary("k8s.mariadb.com", "*", Summary::of(&["Ready"]).fails(&["Failed", "JobFailed"]).silent_is_healthy()),
    Entry::phases(
        "mysql.oracle.com",
        "InnoDBCluster",
        Phases::of("status.cluster.status", &["ONLINE"]).degraded(&[
            "OFFLINE",
            "NO_QUORUM",
            "SPLIT_BRAIN",
            "OFFLINE_UNCERTAIN",
            "INVALID",
            "ONLINE_PARTIAL",
        ]),
    ),
    Entry::own("cassandra.datastax.com", "CassandraDatacenter", cassandra),
    Entry::phases(
        "databases.spotahome.com",
        "RedisFailover",
        Phases::of("status.state", &["Healthy"]).degraded(&["NotHealthy"]),
    ),
    Entry::phases(
        "app.redislabs.com",
        "RedisEnterpriseCluster",
        Phases::of("status.state", &["Running"]).degraded(&["Error", "Invalid", "RecoveryReset"]),
    ),
    Entry::phases(
        "app.redislabs.com",
        "RedisEnterpriseDatabase",
        Phases::of("status.status", &["active"]).degraded(&["creation-failed"]),
    ),
];

/// Phases after which the operator waits for a person.
const CNPG_STUCK: &[&str] = &[
    "Cluster cannot proceed to reconciliation due to an unknown plugin being required",
    "Cluster cannot proceed to reconciliation due to an interaction failure with a plugin",
    "Cluster has incomplete or invalid image catalog",
    "Cluster cannot execute instance online upgrade due to missing architecture binary",
    "Unable to create required cluster objects",
    "Not enough disk space",
    "Cluster is unrecoverable and needs manual intervention",
];

fn cnpg_cluster(object: Part<'_>) -> Result<Health, Malformed> {
    if object.annotation("cnpg.io/hibernation")? == "on" {
        return Ok(Health::new(HealthStatus::Suspended, "The cluster is hibernated"));
    }
    let (phase, reason) = (object.text("status.phase")?, object.text("status.phaseReason")?);
    let words = |phase: &str| if reason.is_empty() { phase.to_owned() } else { format!("{phase}: {reason}") };
    let ready = object.condition("Ready")?;
    Ok(match (phase, ready) {
        (stuck, _) if CNPG_STUCK.contains(&stuck) => Health::degraded(words(stuck)),
        ("Waiting for user action", _) => Health::new(HealthStatus::Suspended, words(phase)),
        ("Cluster in healthy state" | "", Some(ready)) if ready.is_true() => Health::healthy(or(phase, ready.message)),
        ("Cluster in healthy state", None) => Health::healthy(phase),
        ("", None) => Health::progressing("Waiting for status.phase"),
        ("", Some(ready)) => Health::progressing(ready.words_since()),
        (phase, _) => Health::progressing(words(phase)),
    })
}

fn cnpg_pooler(object: Part<'_>) -> Result<Health, Malformed> {
    let (wanted, have) = (object.int("spec.instances")?.unwrap_or(1), object.count("status.instances")?);
    Ok(if have >= wanted {
        Health::healthy("")
    } else {
        Health::progressing(format!("{have} of {wanted} instances are there"))
    })
}

/// `applied` is absent until the first attempt.
fn cnpg_applied(object: Part<'_>) -> Result<Health, Malformed> {
    if let Some(waiting) = unobserved(&object)? {
        return Ok(waiting);
    }
    Ok(match (object.at("status.applied")?.exists(), object.is_true("status.applied")?) {
        (false, _) => Health::progressing("Waiting for it to be applied to the database"),
        (true, true) => Health::healthy(""),
        (true, false) => {
            Health::degraded(or(object.text("status.message")?, "it could not be applied to the database"))
        }
    })
}

fn or<'a>(message: &'a str, otherwise: &'a str) -> &'a str {
    if message.is_empty() { otherwise } else { message }
}

/// Its operator works on, or says that what is asked for cannot be.
fn cassandra(object: Part<'_>) -> Result<Health, Malformed> {
    match object.condition("Valid")?.filter(|valid| valid.status == "False") {
        Some(invalid) => Ok(Health::degraded(invalid.words())),
        None => Phases::of("status.cassandraOperatorProgress", &["Ready"]).stop(&["spec.stopped"]).judge(&object),
    }
}
