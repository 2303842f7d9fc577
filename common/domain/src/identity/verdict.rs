//! What is answered to who shows an identity. Whoever reads the words has shown a certificate of our authority.

use crate::time::Timestamp;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Let in.
    Admitted(Mode),
    /// Not let in.
    Refused(Refusal),
}

/// As what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As the cluster.
    Full,
    /// What it reports is taken; it gets no desired state and no contents until a person approves.
    ReportOnly,
}

/// Why somebody is not let in, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such certificate.
    #[error(
        "this hub does not know the certificate {serial}: its cluster was removed, or the hub was restored from a backup that is older than the cluster; join again with a new token (windlass cluster add, or rejoin)"
    )]
    Unknown {
        /// What was shown.
        serial: String,
    },
    /// An authority of this hub signed it, and the hub has no record of it.
    #[error(
        "this hub does not know the certificate {serial} of this cluster: it was restored from an older backup. If this agent is the right one, an operator approves it (windlass cluster approve NAME --serial {serial}), or has it join again (windlass cluster rejoin NAME)"
    )]
    Forgotten {
        /// What was shown.
        serial: String,
    },
    /// Revoked, alone or with its cluster.
    #[error("the certificate {serial} was revoked: join again with a new token (windlass cluster rejoin)")]
    Revoked {
        /// What was shown.
        serial: String,
    },
    /// Its authority was retired.
    #[error(
        "the certificate {serial} was signed by an authority that was retired: join again with a new token (windlass cluster rejoin)"
    )]
    RetiredAuthority {
        /// What was shown.
        serial: String,
    },
    /// Its time is over.
    #[error("the certificate ended at {at}: it can only be renewed")]
    Ended {
        /// When.
        at: Timestamp,
    },
    /// Its time is over for longer than the grace.
    #[error(
        "the certificate ended at {at}, more than 90 days ago: join again with a new token (windlass cluster rejoin)"
    )]
    TooLate {
        /// When.
        at: Timestamp,
    },
    /// A successor is in use.
    #[error(
        "the certificate {serial} is not the newest: a newer one was issued to this cluster and is in use. If this agent is the right one (restored from an older copy of its identity), an operator approves it (windlass cluster approve NAME --serial {serial}); if not, somebody has a copy of the identity: revoke it and join again (windlass cluster revoke, rejoin)"
    )]
    Superseded {
        /// What was shown.
        serial: String,
    },
    /// A clone is proved.
    #[error(
        "the cluster is quarantined: two installations of the agent use its identity. Find and stop the wrong one, then approve (windlass cluster approve), or make a new identity (windlass cluster revoke, rejoin)"
    )]
    Quarantined,
    /// Another cluster.
    #[error(
        "cluster replaced: the agent is in another cluster than before (namespace kube-system has uid {found:?}, not {known:?}). If it was made anew, an operator confirms it (windlass cluster approve); if not, correct the agent's kubeconfig"
    )]
    OtherCluster {
        /// The one that is known.
        known: String,
        /// The one that was said.
        found: String,
    },
    /// There is nothing that a person's word would change.
    #[error(
        "nothing waits for an approval; windlass cluster get shows what the cluster's identity is, and alerts with the serial that --serial takes"
    )]
    NothingToApprove,
}

// === impl Verdict ===

impl Verdict {
    /// The refusal, where it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Admitted(_) => None,
            Self::Refused(refusal) => Some(refusal),
        }
    }
}
