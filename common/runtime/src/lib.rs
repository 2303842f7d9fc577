//! Process plumbing that hub and agent share: clock, TLS, telemetry, shutdown, backoff, the admin port and an accept loop.
//!
//! Nothing here knows what Windlass does, nor gRPC, Kubernetes or SQL.
#![deny(missing_docs)]

pub mod admin;
pub mod backoff;
pub mod clock;
#[cfg(feature = "faults")]
pub mod faults;
pub mod listener;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
