//! Any message, for round trips.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;
use windlass_domain::application::Cascade;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::desired_state::{Chain, Delta, Position};
use windlass_domain::digest::{Digest, DigestKey};
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::exchange::{AgentMessage, Compare, FrozenTarget, Hello, HubMessage};
use windlass_domain::health::{Health, HealthStatus};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::name::ApplicationName;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{
    Condition, ConditionKind, Hold, OperationState, ResourceResult, ResourceStatus, ResultCode, StatusDelta,
    SyncStatus, TargetSummary,
};
use windlass_domain::target::{
    Adoption, Approval, OperationOptions, OperationRequest, PauseKind, Paused, Removing, Retry, Selector, TargetRow,
    TargetSpec,
};
use windlass_domain::time::{Timestamp, from_millis};

pub(super) fn agent_message() -> impl Strategy<Value = AgentMessage> {
    prop_oneof![
        hello().prop_map(AgentMessage::Hello),
        discovery().prop_map(AgentMessage::Discovery),
        any::<u64>().prop_map(|generation| AgentMessage::Ack { generation }),
        (uuid(), digest()).prop_map(|(application, bundle)| AgentMessage::Held { application, bundle }),
        status().prop_map(|delta| AgentMessage::Status(Box::new(delta))),
        compare().prop_map(AgentMessage::Compare),
    ]
}

pub(super) fn hub_message() -> impl Strategy<Value = HubMessage> {
    prop_oneof![
        any::<(u64, bool, bool)>().prop_map(|(epoch, want_discovery, want_reports)| HubMessage::Welcome {
            epoch,
            want_discovery,
            want_reports
        }),
        delta().prop_map(|delta| HubMessage::Delta(Box::new(delta))),
        (digest(), vec(any::<u8>(), 0..40_000))
            .prop_map(|(digest, compressed)| HubMessage::Content { digest, compressed }),
        (time(), any::<bool>()).prop_map(|(sent_at, want_reports)| HubMessage::Compared { sent_at, want_reports }),
        Just(HubMessage::RenewCertificate),
        (uuid(), any::<u64>()).prop_map(|(id, deadline_ms)| HubMessage::Request { id, deadline_ms }),
        (text(), any::<u64>()).prop_map(|(reason, retry_after_ms)| HubMessage::Refused { reason, retry_after_ms }),
    ]
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn word() -> impl Strategy<Value = String> {
    "[a-z]{1,8}"
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<(bool, u64)>().prop_map(|(keyed, seed)| match keyed {
        false => Digest::of(&seed.to_be_bytes()),
        true => Digest::keyed(&DigestKey::new([3; 32]), &seed.to_be_bytes()),
    })
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-62_000_000_000_000_i64..253_000_000_000_000).prop_map(from_millis)
}

fn key() -> impl Strategy<Value = ResourceKey> {
    (text(), word(), text(), word()).prop_map(|(group, kind, namespace, name)| ResourceKey {
        group,
        kind,
        namespace,
        name,
    })
}

fn name() -> impl Strategy<Value = ApplicationName> {
    (word(), word()).prop_map(|(namespace, name)| ApplicationName { namespace, name })
}

fn position() -> impl Strategy<Value = Position> {
    (uuid(), any::<u64>(), any::<[u8; 32]>()).prop_map(|(incarnation, generation, chain)| Position {
        incarnation,
        generation,
        chain: Chain(chain),
    })
}

fn hello() -> impl Strategy<Value = Hello> {
    let facts = (text(), text(), text()).prop_map(|(kubernetes_version, kube_system_uid, agent_version)| {
        ClusterFacts { kubernetes_version, kube_system_uid, agent_version }
    });
    (uuid(), any::<u32>(), facts, digest(), of(position()), digest(), digest()).prop_map(
        |(instance, protocol, facts, discovery, position, rows, reported)| Hello {
            instance,
            protocol,
            facts,
            discovery,
            position,
            rows,
            reported,
        },
    )
}

fn discovery() -> impl Strategy<Value = Discovery> {
    let resource =
        (text(), word(), word(), word(), any::<bool>()).prop_map(|(group, version, kind, plural, namespaced)| {
            ApiResource { group, version, kind, plural, namespaced }
        });
    (vec(resource, 0..200), vec(text(), 0..3)).prop_map(|(resources, failed)| Discovery::new(resources, failed))
}

fn compare() -> impl Strategy<Value = Compare> {
    let frozen = (any::<u128>(), word())
        .prop_map(|(application, name)| FrozenTarget { application: Uuid::from_u128(application), name });
    (time(), any::<u64>(), digest(), digest(), any::<bool>(), vec(frozen, 0..3)).prop_map(
        |(sent_at, generation, rows, reported, watches_live, frozen)| Compare {
            sent_at,
            generation,
            rows,
            reported,
            watches_live,
            frozen,
        },
    )
}

fn sync() -> impl Strategy<Value = SyncStatus> {
    select(vec![SyncStatus::Synced, SyncStatus::OutOfSync, SyncStatus::Unknown])
}

fn health() -> impl Strategy<Value = HealthStatus> {
    use HealthStatus::{Degraded, Healthy, Missing, Progressing, Suspended, Unknown};
    select(vec![Healthy, Suspended, Progressing, Missing, Degraded, Unknown])
}

fn resource() -> impl Strategy<Value = ResourceStatus> {
    let health = (health(), text()).prop_map(|(status, message)| Health { status, message });
    (key(), text(), sync(), of(health), any::<bool>(), text()).prop_map(
        |(key, version, sync, health, requires_pruning, message)| ResourceStatus {
            key,
            version,
            sync,
            health,
            requires_pruning,
            message,
        },
    )
}

fn condition() -> impl Strategy<Value = Condition> {
    use ConditionKind::{
        ComparisonError, DeletionError, DependencyWait, Frozen, HeldAtRevision, HistoryRewritten, InvalidSpecError,
        PruneHeld, RenderWarning, RepeatedResourceWarning, SharedResourceWarning, SourceStale, StorageError, SyncError,
        WritesFrozen,
    };
    let kind = select(vec![
        InvalidSpecError,
        ComparisonError,
        SyncError,
        DeletionError,
        SharedResourceWarning,
        RepeatedResourceWarning,
        PruneHeld,
        RenderWarning,
        StorageError,
        Frozen,
        SourceStale,
        HistoryRewritten,
        WritesFrozen,
        HeldAtRevision,
        DependencyWait,
    ]);
    (kind, text(), time()).prop_map(|(kind, message, since)| Condition { kind, message, since })
}

fn hold() -> impl Strategy<Value = Hold> {
    (text(), digest(), any::<u64>(), vec(key(), 0..4)).prop_map(|(reason, set, count, keys)| Hold {
        reason,
        set,
        count,
        keys,
    })
}

fn operation() -> impl Strategy<Value = OperationState> {
    use OperationPhase::{Error, Failed, Running, Succeeded, Terminating};
    use ResultCode::{PruneSkipped, Pruned, SyncFailed, Synced};
    let result = (key(), select(vec![Synced, SyncFailed, Pruned, PruneSkipped]), text())
        .prop_map(|(key, status, message)| ResourceResult { key, status, message, hook: None });
    let phase = select(vec![Running, Terminating, Failed, Error, Succeeded]);
    (uuid(), text(), phase, text(), text(), time(), of(time()), vec(result, 0..4)).prop_map(
        |(id, by, phase, message, revision, started_at, finished_at, results)| OperationState {
            id,
            by,
            phase,
            message,
            revision,
            started_at,
            finished_at,
            results,
        },
    )
}

fn summary() -> impl Strategy<Value = TargetSummary> {
    let what = (sync(), health(), text(), text(), any::<bool>());
    let which = (of(digest()), of(text()), of(digest()));
    let more = (vec(condition(), 0..3), of(hold()), of(operation()));
    (what, which, more).prop_map(|(what, (bundle, synced_revision, synced_bundle), (conditions, hold, operation))| {
        let (sync, health, health_message, revision, removed) = what;
        TargetSummary {
            sync,
            health,
            health_message,
            revision,
            bundle,
            synced_revision,
            synced_bundle,
            conditions,
            hold,
            operation,
            removed,
        }
    })
}

fn status() -> impl Strategy<Value = StatusDelta> {
    (uuid(), summary(), vec(resource(), 0..300), vec(key(), 0..4), any::<bool>(), digest()).prop_map(
        |(application, summary, changed, removed, full, digest)| StatusDelta {
            application,
            summary,
            changed,
            removed,
            full,
            digest,
        },
    )
}

fn row() -> impl Strategy<Value = TargetRow> {
    prop_oneof![spec().prop_map(TargetRow::Present), removing().prop_map(TargetRow::Removing)]
}

fn removing() -> impl Strategy<Value = Removing> {
    (uuid(), name(), select(vec![Cascade::Foreground, Cascade::Background, Cascade::Orphan]), text()).prop_map(
        |(application, name, cascade, by)| Removing {
            application,
            name,
            cascade,
            by,
            unasked: false,
            deletion_confirmed: false,
            confirm: false,
            paused: None,
        },
    )
}

fn options() -> impl Strategy<Value = OperationOptions> {
    let selector = (text(), text(), text(), text(), any::<bool>())
        .prop_map(|(group, kind, namespace, name, exclude)| Selector { group, kind, namespace, name, exclude });
    let retry = (any::<i64>(), any::<u64>(), any::<u32>(), any::<u64>(), any::<bool>()).prop_map(
        |(limit, duration_ms, factor, max_ms, refresh)| Retry { limit, duration_ms, factor, max_ms, refresh },
    );
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (vec(selector, 0..3), flags, of(retry), of(any::<u64>()), of(digest()), vec((text(), text()), 0..3)).prop_map(
        |(resources, flags, retry, timeout_seconds, settings, info)| {
            let (dry_run, apply_only, replace, force, apply_out_of_sync_only, skip_validation) = flags;
            OperationOptions {
                resources,
                dry_run,
                apply_only,
                replace,
                force,
                apply_out_of_sync_only,
                skip_validation,
                retry,
                timeout_seconds,
                settings,
                info,
                pinned: force,
            }
        },
    )
}

fn paused() -> impl Strategy<Value = Paused> {
    let kind = select(vec![PauseKind::Freeze, PauseKind::DependsOn]);
    (kind, text(), text(), time()).prop_map(|(kind, by, message, since)| Paused { kind, by, message, since })
}

fn spec() -> impl Strategy<Value = TargetSpec> {
    let seldom = prop_oneof![15 => Just(OperationOptions::default()), 1 => options()];
    let operation = (uuid(), digest(), any::<bool>(), text(), time(), time(), any::<bool>(), seldom).prop_map(
        |(id, bundle, prune, by, requested_at, deadline, terminate, options)| OperationRequest {
            id,
            bundle,
            prune,
            by,
            requested_at,
            deadline,
            terminate,
            options,
        },
    );
    let approval = (digest(), digest(), text()).prop_map(|(bundle, set, by)| Approval { bundle, set, by });
    let adoption = (vec(key(), 0..3), text()).prop_map(|(keys, by)| Adoption { keys, by });
    let content = (digest(), digest(), text(), text());
    let words = (of(operation), of(approval), of(adoption), of(paused()), any::<bool>());
    (uuid(), name(), content, words).prop_map(
        |(application, name, (bundle, settings, revision, default_namespace), words)| {
            let (operation, approval, adoption, paused, deletion_confirmed) = words;
            TargetSpec {
                application,
                name,
                bundle,
                settings,
                revision,
                default_namespace,
                operation,
                approval,
                adoption,
                paused,
                deletion_confirmed,
            }
        },
    )
}

fn delta() -> impl Strategy<Value = Delta> {
    (any::<u64>(), position(), digest(), vec(row(), 0..100), vec(uuid(), 0..4), any::<bool>())
        .prop_map(|(from, to, digest, rows, finished, full)| Delta { from, to, digest, rows, finished, full })
}
