//! The agent protocol: generated messages and services, and the doors between them and the domain's types.
//!
//! [`frame`] cuts messages into frames and puts them together again; [`convert`] reads each message once and names the field that is wrong.
#![deny(missing_docs)]

pub mod contents;
pub mod convert;
pub mod frame;
mod redacted;
pub mod serve;
#[cfg(test)]
mod tests;

/// Generated from `agent/v1/agent.proto`.
#[allow(
    missing_docs,
    clippy::all,
    clippy::too_many_lines,
    clippy::unwrap_used,
    clippy::large_futures,
    clippy::or_fun_call,
    unreachable_pub
)]
pub mod v1 {
    tonic::include_proto!("windlass.agent.v1");
}

pub use convert::Invalid;
pub use frame::{Decoder, Encoder, FrameError};
