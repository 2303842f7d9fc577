//! The unions: what an agent says and what a hub says, as a frame's body.

use windlass_domain::exchange::{AgentMessage, HubMessage};
use windlass_domain::time::to_millis;

use super::Invalid;
use super::field::{digest, required, time, uuid};
use crate::v1;
use crate::v1::frame::Body;

/// Why a body is not a message for this end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAMessage {
    /// A field is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It is said by the other end only.
    #[error("{0} is not for this end to hear")]
    WrongWay(&'static str),
}

impl From<AgentMessage> for Body {
    fn from(message: AgentMessage) -> Self {
        match message {
            AgentMessage::Hello(hello) => Self::Hello(hello.into()),
            AgentMessage::Discovery(discovery) => Self::Discovery(discovery.into()),
            AgentMessage::Ack { generation } => Self::Ack(v1::Ack { generation }),
            AgentMessage::Held { application, bundle } => Self::Held(v1::Held {
                application: application.as_bytes().to_vec(),
                bundle: bundle.to_bytes().to_vec(),
            }),
            AgentMessage::Status(delta) => Self::Status((*delta).into()),
            AgentMessage::Compare(compare) => Self::Compare(compare.into()),
        }
    }
}

impl TryFrom<Body> for AgentMessage {
    type Error = NotAMessage;
    fn try_from(body: Body) -> Result<Self, NotAMessage> {
        Ok(match body {
            Body::Hello(hello) => Self::Hello(required("hello", Some(hello))?),
            Body::Discovery(discovery) => Self::Discovery(required("discovery", Some(discovery))?),
            Body::Ack(ack) => Self::Ack { generation: ack.generation },
            Body::Held(held) => Self::Held {
                application: uuid("held.application", &held.application)?,
                bundle: digest("held.bundle", &held.bundle)?,
            },
            Body::Status(delta) => Self::Status(Box::new(required("status", Some(delta))?)),
            Body::Compare(compare) => Self::Compare(required("compare", Some(compare))?),
            other => return Err(NotAMessage::WrongWay(name(&other))),
        })
    }
}

impl From<HubMessage> for Body {
    fn from(message: HubMessage) -> Self {
        match message {
            HubMessage::Welcome { epoch, want_discovery, want_reports } => {
                Self::Welcome(v1::Welcome { epoch, want_discovery, want_reports })
            }
            HubMessage::Delta(delta) => Self::Delta((*delta).into()),
            HubMessage::Content { digest, compressed } => {
                Self::Content(v1::Content { digest: digest.to_bytes().to_vec(), compressed })
            }
            HubMessage::Compared { sent_at, want_reports } => {
                Self::Compared(v1::Compared { sent_at_ms: to_millis(sent_at), want_reports })
            }
            HubMessage::Refused { reason, retry_after_ms } => Self::Refused(v1::Refused { reason, retry_after_ms }),
            HubMessage::RenewCertificate => Self::RenewCertificate(v1::RenewCertificate {}),
            HubMessage::Request { id, deadline_ms } => {
                Self::Request(v1::Request { id: id.as_bytes().to_vec(), deadline_ms })
            }
        }
    }
}

impl TryFrom<Body> for HubMessage {
    type Error = NotAMessage;
    fn try_from(body: Body) -> Result<Self, NotAMessage> {
        Ok(match body {
            Body::Welcome(v1::Welcome { epoch, want_discovery, want_reports }) => {
                Self::Welcome { epoch, want_discovery, want_reports }
            }
            Body::Delta(delta) => Self::Delta(Box::new(required("delta", Some(delta))?)),
            Body::Content(content) => {
                Self::Content { digest: digest("content.digest", &content.digest)?, compressed: content.compressed }
            }
            Body::Compared(compared) => Self::Compared {
                sent_at: time("compared.sent_at_ms", compared.sent_at_ms)?,
                want_reports: compared.want_reports,
            },
            Body::Refused(v1::Refused { reason, retry_after_ms }) => Self::Refused { reason, retry_after_ms },
            Body::RenewCertificate(_) => Self::RenewCertificate,
            Body::Request(v1::Request { id, deadline_ms }) => {
                Self::Request { id: uuid("request.id", &id)?, deadline_ms }
            }
            other => return Err(NotAMessage::WrongWay(name(&other))),
        })
    }
}

/// What a body is called, in errors.
fn name(body: &Body) -> &'static str {
    match body {
        Body::Hello(_) => "Hello",
        Body::Discovery(_) => "Discovery",
        Body::Ack(_) => "Ack",
        Body::Held(_) => "Held",
        Body::Status(_) => "Status",
        Body::Compare(_) => "Compare",
        Body::Welcome(_) => "Welcome",
        Body::Delta(_) => "Delta",
        Body::Content(_) => "Content",
        Body::Compared(_) => "Compared",
        Body::Refused(_) => "Refused",
        Body::Request(_) => "Request",
        Body::RenewCertificate(_) => "RenewCertificate",
        Body::Part(_) => "Part",
    }
}
