//! The agent's greeting and the periodic proof.

use windlass_domain::cluster::ClusterFacts;
use windlass_domain::exchange::{Compare, FrozenTarget, Hello, MAX_FROZEN};
use windlass_domain::time::to_millis;

use super::Invalid;
use super::field::{digest, optional, required, time, uuid};
use crate::v1;

/// The longest name of a frozen target that is kept; it is only shown.
const MAX_NAME_BYTES: usize = 512;

impl From<ClusterFacts> for v1::ClusterFacts {
    fn from(facts: ClusterFacts) -> Self {
        let ClusterFacts { kubernetes_version, kube_system_uid, agent_version } = facts;
        Self { kubernetes_version, kube_system_uid, agent_version }
    }
}

impl TryFrom<v1::ClusterFacts> for ClusterFacts {
    type Error = Invalid;
    fn try_from(wire: v1::ClusterFacts) -> Result<Self, Invalid> {
        let v1::ClusterFacts { kubernetes_version, kube_system_uid, agent_version } = wire;
        Ok(Self { kubernetes_version, kube_system_uid, agent_version })
    }
}

impl From<Hello> for v1::Hello {
    fn from(hello: Hello) -> Self {
        Self {
            instance: hello.instance.as_bytes().to_vec(),
            protocol: hello.protocol,
            facts: Some(hello.facts.into()),
            discovery: hello.discovery.to_bytes().to_vec(),
            position: hello.position.map(Into::into),
            rows: hello.rows.to_bytes().to_vec(),
            reported: hello.reported.to_bytes().to_vec(),
        }
    }
}

impl TryFrom<v1::Hello> for Hello {
    type Error = Invalid;
    fn try_from(wire: v1::Hello) -> Result<Self, Invalid> {
        Ok(Self {
            instance: uuid("instance", &wire.instance)?,
            protocol: wire.protocol,
            facts: required("facts", wire.facts)?,
            discovery: digest("discovery", &wire.discovery)?,
            position: optional("position", wire.position)?,
            rows: digest("rows", &wire.rows)?,
            reported: digest("reported", &wire.reported)?,
        })
    }
}

impl From<Compare> for v1::Compare {
    fn from(compare: Compare) -> Self {
        Self {
            sent_at_ms: to_millis(compare.sent_at),
            generation: compare.generation,
            rows: compare.rows.to_bytes().to_vec(),
            reported: compare.reported.to_bytes().to_vec(),
            watches_live: compare.watches_live,
            frozen: compare.frozen.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<FrozenTarget> for v1::FrozenTarget {
    fn from(frozen: FrozenTarget) -> Self {
        Self { application: frozen.application.as_bytes().to_vec(), name: frozen.name }
    }
}

impl TryFrom<v1::FrozenTarget> for FrozenTarget {
    type Error = Invalid;
    fn try_from(wire: v1::FrozenTarget) -> Result<Self, Invalid> {
        let mut name = wire.name;
        name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
        Ok(Self { application: uuid("frozen.application", &wire.application)?, name })
    }
}

impl TryFrom<v1::Compare> for Compare {
    type Error = Invalid;
    fn try_from(wire: v1::Compare) -> Result<Self, Invalid> {
        Ok(Self {
            sent_at: time("sent_at_ms", wire.sent_at_ms)?,
            generation: wire.generation,
            rows: digest("rows", &wire.rows)?,
            reported: digest("reported", &wire.reported)?,
            watches_live: wire.watches_live,
            frozen: wire.frozen.into_iter().take(MAX_FROZEN).map(FrozenTarget::try_from).collect::<Result<_, _>>()?,
        })
    }
}
