//! Where a cluster's desired state stands and how it moves.

use windlass_domain::desired_state::{Chain, Delta, Position};

use super::Invalid;
use super::field::{digest, list, required, uuid};
use crate::v1;

impl From<Position> for v1::Position {
    fn from(position: Position) -> Self {
        Self {
            incarnation: position.incarnation.as_bytes().to_vec(),
            generation: position.generation,
            chain: position.chain.0.to_vec(),
        }
    }
}

impl TryFrom<v1::Position> for Position {
    type Error = Invalid;
    fn try_from(wire: v1::Position) -> Result<Self, Invalid> {
        let chain: [u8; 32] = wire
            .chain
            .as_slice()
            .try_into()
            .map_err(|_| Invalid::new("chain", format!("a chain has 32 bytes, this has {}", wire.chain.len())))?;
        Ok(Self {
            incarnation: uuid("incarnation", &wire.incarnation)?,
            generation: wire.generation,
            chain: Chain(chain),
        })
    }
}

impl From<Delta> for v1::Delta {
    fn from(delta: Delta) -> Self {
        Self {
            from: delta.from,
            to: Some(delta.to.into()),
            digest: delta.digest.to_bytes().to_vec(),
            rows: delta.rows.into_iter().map(Into::into).collect(),
            finished: delta.finished.iter().map(|uid| uid.as_bytes().to_vec()).collect(),
            full: delta.full,
        }
    }
}

impl TryFrom<v1::Delta> for Delta {
    type Error = Invalid;
    fn try_from(wire: v1::Delta) -> Result<Self, Invalid> {
        let finished = wire.finished.iter().enumerate().map(|(at, uid)| uuid(&format!("finished[{at}]"), uid));
        Ok(Self {
            from: wire.from,
            to: required("to", wire.to)?,
            digest: digest("digest", &wire.digest)?,
            finished: finished.collect::<Result<_, _>>()?,
            rows: list("rows", wire.rows)?,
            full: wire.full,
        })
    }
}
