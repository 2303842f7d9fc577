//! Frames to messages.

use std::marker::PhantomData;

use prost::Message as _;
use windlass_domain::exchange::{AgentMessage, HubMessage, PROTOCOL_VERSION};

use super::assemble::Assembler;
use super::{FrameError, MAX_FRAME_BYTES};
use crate::convert::NotAMessage;
use crate::v1;
use crate::v1::frame::Body;

/// What one end hears.
pub trait Message: TryFrom<Body, Error = NotAMessage> {
    /// The most bytes that unfinished messages may have in all.
    const MAX_BODY_BYTES: usize;
}

/// One end's receiver, for one session: the hub's is `Decoder<AgentMessage>`, the agent's `Decoder<HubMessage>`.
pub struct Decoder<M> {
    parts: Assembler,
    hears: PhantomData<fn() -> M>,
}

// === impl Message ===

impl Message for AgentMessage {
    /// The longest is a target's first whole status: some 150 bytes an object.
    const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
}

impl Message for HubMessage {
    /// The longest is the whole list of a cluster's rows: some 300 bytes a target.
    const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
}

// === impl Decoder ===

impl<M: Message> Decoder<M> {
    /// A receiver for one session.
    pub fn new() -> Self {
        Self { parts: Assembler::new(M::MAX_BODY_BYTES), hears: PhantomData }
    }

    /// Takes a frame. `None` when the message is not whole yet, or is one that this build does not know and may skip.
    ///
    /// # Errors
    /// See [`FrameError`]; after one the session must end, but for [`FrameError::TooManyBytes`], which says that one message was left out.
    pub fn push(&mut self, frame: v1::Frame) -> Result<Option<M>, FrameError> {
        let bytes = frame.encoded_len();
        if bytes > MAX_FRAME_BYTES {
            return Err(FrameError::TooLong { bytes });
        }
        let body = match understood(frame)? {
            Some(Body::Part(part)) => match self.parts.push(part)? {
                Some(frame) => understood(frame)?,
                None => return Ok(None),
            },
            body => body,
        };
        Ok(body.map(M::try_from).transpose()?)
    }
}

impl<M: Message> Default for Decoder<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// The body, where this build knows it; `None` where it may be skipped.
fn understood(frame: v1::Frame) -> Result<Option<Body>, FrameError> {
    match frame.body {
        Some(body) if frame.min_version <= PROTOCOL_VERSION => Ok(Some(body)),
        _ if frame.critical => Err(FrameError::NotUnderstood { min_version: frame.min_version }),
        _ => Ok(None),
    }
}
