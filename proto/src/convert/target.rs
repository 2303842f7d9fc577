//! The rows of a cluster's desired state.

use windlass_domain::application::Cascade;
use windlass_domain::name::ApplicationName;
use windlass_domain::target::{Adoption, Approval, PauseKind, Paused, Removing, TargetRow, TargetSpec};
use windlass_domain::time::to_millis;

use super::Invalid;
use super::field::{digest, known, list, optional, required, time, uuid};
use crate::v1;

impl From<ApplicationName> for v1::ApplicationName {
    fn from(name: ApplicationName) -> Self {
        Self { namespace: name.namespace, name: name.name }
    }
}

impl TryFrom<v1::ApplicationName> for ApplicationName {
    type Error = Invalid;
    fn try_from(wire: v1::ApplicationName) -> Result<Self, Invalid> {
        if wire.namespace.is_empty() {
            return Err(Invalid::new("namespace", "missing"));
        }
        Self::new(&wire.namespace, &wire.name).map_err(|invalid| Invalid::new("name", invalid.to_string()))
    }
}

impl From<TargetSpec> for v1::TargetSpec {
    fn from(spec: TargetSpec) -> Self {
        Self {
            application: spec.application.as_bytes().to_vec(),
            name: Some(spec.name.into()),
            bundle: spec.bundle.to_bytes().to_vec(),
            settings: spec.settings.to_bytes().to_vec(),
            revision: spec.revision,
            default_namespace: spec.default_namespace,
            operation: spec.operation.map(Into::into),
            approval: spec.approval.map(Into::into),
            adoption: spec.adoption.map(Into::into),
            paused: spec.paused.map(Into::into),
            deletion_confirmed: spec.deletion_confirmed,
        }
    }
}

impl TryFrom<v1::TargetSpec> for TargetSpec {
    type Error = Invalid;
    fn try_from(wire: v1::TargetSpec) -> Result<Self, Invalid> {
        Ok(Self {
            application: uuid("application", &wire.application)?,
            name: required("name", wire.name)?,
            bundle: digest("bundle", &wire.bundle)?,
            settings: digest("settings", &wire.settings)?,
            revision: wire.revision,
            default_namespace: wire.default_namespace,
            operation: optional("operation", wire.operation)?,
            approval: optional("approval", wire.approval)?,
            adoption: optional("adoption", wire.adoption)?,
            paused: optional("paused", wire.paused)?,
            deletion_confirmed: wire.deletion_confirmed,
        })
    }
}

impl From<Approval> for v1::Approval {
    fn from(approval: Approval) -> Self {
        Self { bundle: approval.bundle.to_bytes().to_vec(), set: approval.set.to_bytes().to_vec(), by: approval.by }
    }
}

impl TryFrom<v1::Approval> for Approval {
    type Error = Invalid;
    fn try_from(wire: v1::Approval) -> Result<Self, Invalid> {
        Ok(Self { bundle: digest("bundle", &wire.bundle)?, set: digest("set", &wire.set)?, by: wire.by })
    }
}

impl From<Adoption> for v1::Adoption {
    fn from(adoption: Adoption) -> Self {
        Self { keys: adoption.keys.into_iter().map(Into::into).collect(), by: adoption.by }
    }
}

impl TryFrom<v1::Adoption> for Adoption {
    type Error = Invalid;
    fn try_from(wire: v1::Adoption) -> Result<Self, Invalid> {
        Ok(Self { keys: list("keys", wire.keys)?, by: wire.by })
    }
}

impl From<Paused> for v1::Paused {
    fn from(paused: Paused) -> Self {
        let kind = match paused.kind {
            PauseKind::Freeze => v1::PauseKind::Freeze,
            PauseKind::DependsOn => v1::PauseKind::DependsOn,
        };
        Self { kind: kind.into(), by: paused.by, message: paused.message, since_ms: to_millis(paused.since) }
    }
}

impl TryFrom<v1::Paused> for Paused {
    type Error = Invalid;
    fn try_from(wire: v1::Paused) -> Result<Self, Invalid> {
        let kind = known("kind", wire.kind, |wire| match wire {
            v1::PauseKind::Unspecified => None,
            v1::PauseKind::Freeze => Some(PauseKind::Freeze),
            v1::PauseKind::DependsOn => Some(PauseKind::DependsOn),
        })?;
        Ok(Self { kind, by: wire.by, message: wire.message, since: time("since_ms", wire.since_ms)? })
    }
}

impl From<Cascade> for v1::Cascade {
    fn from(cascade: Cascade) -> Self {
        match cascade {
            Cascade::Foreground => Self::Foreground,
            Cascade::Background => Self::Background,
            Cascade::Orphan => Self::Orphan,
        }
    }
}

impl From<Removing> for v1::Removing {
    fn from(removing: Removing) -> Self {
        Self {
            application: removing.application.as_bytes().to_vec(),
            name: Some(removing.name.into()),
            cascade: v1::Cascade::from(removing.cascade).into(),
            by: removing.by,
            unasked: removing.unasked,
            deletion_confirmed: removing.deletion_confirmed,
            confirm: removing.confirm,
            paused: removing.paused.map(Into::into),
        }
    }
}

impl TryFrom<v1::Removing> for Removing {
    type Error = Invalid;
    fn try_from(wire: v1::Removing) -> Result<Self, Invalid> {
        // Nothing is deleted on a word that this build does not know.
        let cascade = known("cascade", wire.cascade, |wire| match wire {
            v1::Cascade::Unspecified => None,
            v1::Cascade::Foreground => Some(Cascade::Foreground),
            v1::Cascade::Background => Some(Cascade::Background),
            v1::Cascade::Orphan => Some(Cascade::Orphan),
        })?;
        Ok(Self {
            application: uuid("application", &wire.application)?,
            name: required("name", wire.name)?,
            cascade,
            by: wire.by,
            unasked: wire.unasked,
            deletion_confirmed: wire.deletion_confirmed,
            confirm: wire.confirm,
            paused: wire.paused.map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<TargetRow> for v1::TargetRow {
    fn from(row: TargetRow) -> Self {
        let row = match row {
            TargetRow::Present(spec) => v1::target_row::Row::Present(spec.into()),
            TargetRow::Removing(removing) => v1::target_row::Row::Removing(removing.into()),
        };
        Self { row: Some(row) }
    }
}

impl TryFrom<v1::TargetRow> for TargetRow {
    type Error = Invalid;
    fn try_from(wire: v1::TargetRow) -> Result<Self, Invalid> {
        match wire.row {
            Some(v1::target_row::Row::Present(spec)) => Ok(Self::Present(required("present", Some(spec))?)),
            Some(v1::target_row::Row::Removing(removing)) => Ok(Self::Removing(required("removing", Some(removing))?)),
            None => Err(Invalid::new("row", "missing, or of a kind that this build does not know")),
        }
    }
}
