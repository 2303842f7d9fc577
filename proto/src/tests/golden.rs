//! One frame of each kind, byte for byte. When this fails, an agent or hub of another version can no longer be understood: add fields, never change them.
//! `WINDLASS_WRITE_GOLDEN=1 cargo test -p windlass-proto golden` writes the file anew.

use std::fmt::Write;

use prost::Message as _;
use uuid::Uuid;
use windlass_domain::application::Cascade;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::desired_state::{Chain, Delta, Position};
use windlass_domain::digest::{Digest, DigestKey, hex};
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::exchange::{AgentMessage, Compare, Hello, HubMessage};
use windlass_domain::health::{Health, HealthStatus};
use windlass_domain::hook::Phase;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::name::ApplicationName;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{
    Condition, ConditionKind, Hold, HookResult, OperationState, ResourceResult, ResourceStatus, ResultCode,
    StatusDelta, SyncStatus, TargetSummary,
};
use windlass_domain::target::{
    Adoption, Approval, OperationOptions, OperationRequest, PauseKind, Paused, Removing, Retry, TargetRow, TargetSpec,
};
use windlass_domain::time::from_millis;

use crate::v1::frame::Body;
use crate::{Encoder, v1};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/frames.hex");

#[test]
fn golden_frames_have_not_changed() {
    let text = all().iter().fold(String::new(), |mut text, (name, body)| {
        for frame in Encoder::new().encode(body.clone()) {
            writeln!(text, "{name} {}", hex(&frame.encode_to_vec())).expect("a string");
        }
        text
    });
    if std::env::var_os("WINDLASS_WRITE_GOLDEN").is_some() {
        std::fs::write(FILE, &text).expect("the file");
    }
    let golden = std::fs::read_to_string(FILE).expect("the file");
    for (now, then) in text.lines().zip(golden.lines()) {
        assert_eq!(now, then);
    }
    assert_eq!(text.lines().count(), golden.lines().count());
}

fn all() -> Vec<(&'static str, Body)> {
    let part = v1::Part { stream: 1, part: 2, last: true, data: b"part".as_slice().into() };
    vec![
        ("hello", AgentMessage::Hello(hello()).into()),
        ("discovery", AgentMessage::Discovery(discovery()).into()),
        ("ack", AgentMessage::Ack { generation: 7 }.into()),
        ("held", AgentMessage::Held { application: Uuid::from_u128(1), bundle: Digest::of(b"bundle") }.into()),
        ("status", AgentMessage::Status(Box::new(status())).into()),
        ("compare", AgentMessage::Compare(compare()).into()),
        ("welcome", HubMessage::Welcome { epoch: 3, want_discovery: true, want_reports: true }.into()),
        ("delta", HubMessage::Delta(Box::new(delta())).into()),
        ("content", HubMessage::Content { digest: Digest::of(b"content"), compressed: b"zstd".to_vec() }.into()),
        ("compared", HubMessage::Compared { sent_at: from_millis(1_700_000_000_000), want_reports: true }.into()),
        ("refused", HubMessage::Refused { reason: "later".into(), retry_after_ms: 5_000 }.into()),
        ("part", Body::Part(part)),
        ("words", HubMessage::Delta(Box::new(words())).into()),
        ("hooked", AgentMessage::Status(Box::new(hooked())).into()),
        ("request", HubMessage::Request { id: Uuid::from_u128(9), deadline_ms: 20_000 }.into()),
    ]
}

fn key() -> ResourceKey {
    ResourceKey { group: "apps".into(), kind: "Deployment".into(), namespace: "shop".into(), name: "web".into() }
}

fn position() -> Position {
    Position { incarnation: Uuid::from_u128(9), generation: 7, chain: Chain([5; 32]) }
}

fn hello() -> Hello {
    Hello {
        instance: Uuid::from_u128(2),
        protocol: 1,
        facts: ClusterFacts {
            kubernetes_version: "v1.37.0".into(),
            kube_system_uid: "u".into(),
            agent_version: "0.1.0".into(),
        },
        discovery: Digest::of(b"discovery"),
        position: Some(position()),
        rows: Digest::of(b"rows"),
        reported: Digest::keyed(&DigestKey::new([1; 32]), b"reported"),
    }
}

fn discovery() -> Discovery {
    let resource = ApiResource {
        group: "apps".into(),
        version: "v1".into(),
        kind: "Deployment".into(),
        plural: "deployments".into(),
        namespaced: true,
    };
    Discovery::new(vec![resource], vec!["metrics.k8s.io".into()])
}

fn compare() -> Compare {
    Compare {
        sent_at: from_millis(1_700_000_000_000),
        generation: 7,
        rows: Digest::of(b"rows"),
        reported: Digest::of(b"reported"),
        watches_live: true,
        frozen: vec![],
    }
}

fn status() -> StatusDelta {
    let resource = ResourceStatus {
        key: key(),
        version: "v1".into(),
        sync: SyncStatus::OutOfSync,
        health: Some(Health { status: HealthStatus::Degraded, message: "no".into() }),
        requires_pruning: true,
        message: "differs".into(),
    };
    StatusDelta {
        application: Uuid::from_u128(1),
        summary: summary(),
        changed: vec![resource],
        removed: vec![key()],
        full: true,
        digest: Digest::of(b"report"),
    }
}

fn summary() -> TargetSummary {
    let kind = ConditionKind::PruneHeld;
    TargetSummary {
        sync: SyncStatus::Synced,
        health: HealthStatus::Progressing,
        health_message: "waits".into(),
        revision: "abc".into(),
        bundle: Some(Digest::of(b"bundle")),
        synced_revision: Some("abd".into()),
        synced_bundle: Some(Digest::of(b"synced")),
        conditions: vec![Condition { kind, message: "held".into(), since: from_millis(1_700_000_000_001) }],
        hold: Some(Hold { reason: "half".into(), set: Digest::of(b"set"), count: 1, keys: vec![key()] }),
        operation: Some(OperationState {
            id: Uuid::from_u128(4),
            by: "admin".into(),
            phase: OperationPhase::Succeeded,
            message: "done".into(),
            revision: "abc".into(),
            started_at: from_millis(1_700_000_000_002),
            finished_at: Some(from_millis(1_700_000_000_003)),
            results: vec![ResourceResult {
                key: key(),
                status: ResultCode::Pruned,
                message: "gone".into(),
                hook: None,
            }],
        }),
        removed: true,
    }
}

/// A status whose operation ran a hook.
fn hooked() -> StatusDelta {
    let mut status = status();
    if let Some(result) = status.summary.operation.as_mut().and_then(|operation| operation.results.first_mut()) {
        result.hook = Some(HookResult { phase: Phase::PostSync, outcome: OperationPhase::Succeeded });
    }
    status
}

/// Rows with everything that a person may say of them.
fn words() -> Delta {
    let paused = Some(Paused {
        kind: PauseKind::DependsOn,
        by: "argocd/db".into(),
        message: "argocd/db is Progressing".into(),
        since: from_millis(1_700_000_000_005),
    });
    let mut delta = delta();
    for row in &mut delta.rows {
        match row {
            TargetRow::Present(spec) => {
                (spec.paused, spec.deletion_confirmed) = (paused.clone(), true);
                if let Some(operation) = &mut spec.operation {
                    operation.options = options();
                }
            }
            TargetRow::Removing(removing) => {
                (removing.paused, removing.deletion_confirmed, removing.confirm) = (paused.clone(), true, true);
            }
        }
    }
    delta
}

fn options() -> OperationOptions {
    OperationOptions {
        resources: vec!["!apps:Deployment:shop/web".parse().expect("a selector")],
        dry_run: true,
        apply_only: true,
        replace: true,
        force: true,
        apply_out_of_sync_only: true,
        skip_validation: true,
        retry: Some(Retry { limit: -1, ..Retry::default() }),
        timeout_seconds: Some(60),
        settings: Some(Digest::of(b"older settings")),
        info: vec![("ticket".into(), "42".into())],
        pinned: false,
    }
}

fn delta() -> Delta {
    let name = ApplicationName { namespace: "argocd".into(), name: "web".into() };
    let operation = OperationRequest {
        id: Uuid::from_u128(4),
        bundle: Digest::of(b"bundle"),
        prune: true,
        by: "admin".into(),
        requested_at: from_millis(1_700_000_000_004),
        deadline: from_millis(1_700_000_600_004),
        terminate: true,
        options: Default::default(),
    };
    let present = TargetSpec {
        application: Uuid::from_u128(1),
        name: name.clone(),
        bundle: Digest::of(b"bundle"),
        settings: Digest::of(b"settings"),
        revision: "abc".into(),
        default_namespace: "shop".into(),
        operation: Some(operation),
        approval: Some(Approval { bundle: Digest::of(b"bundle"), set: Digest::of(b"set"), by: "admin".into() }),
        adoption: Some(Adoption { keys: vec![key()], by: "admin".into() }),
        paused: None,
        deletion_confirmed: false,
    };
    let removing = Removing {
        application: Uuid::from_u128(3),
        name,
        cascade: Cascade::Background,
        by: "admin".into(),
        unasked: false,
        deletion_confirmed: false,
        confirm: false,
        paused: None,
    };
    Delta {
        from: 6,
        to: position(),
        digest: Digest::of(b"rows"),
        rows: vec![TargetRow::Present(present), TargetRow::Removing(removing)],
        finished: vec![Uuid::from_u128(8)],
        full: true,
    }
}
