//! The agent: keeps one cluster as its hub says, and says how it is.
//!
//! | module | carries out |
//! |---|---|
//! | [`identity`] | who this cluster is: key, certificate, join |
//! | [`link`] | the session with the hub |
//! | [`intake`] | rows made durable before they are believed |
//! | [`desired`] | the durable copy |
//! | [`observe`] | discovery, watches, looks |
//! | [`sync`] | the engine: assess, plan, apply, prune, report |
//! | [`app`] | the only wiring |

pub mod app;
pub mod args;
pub mod desired;
pub mod identity;
pub mod intake;
pub mod link;
pub mod observe;
pub mod sync;
