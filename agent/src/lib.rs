//! The agent: keeps one cluster as its hub says, and says how it is.
//!
//! | module | carries out |
//! |---|---|
//! | [`identity`] | who this cluster is: key, certificate, join |
//! | [`link`] | the session with the hub |
//! | [`intake`] | rows made durable before they are believed |
//! | [`desired`] | the durable copy |
//! | [`home`] | the agent's own namespace: Secrets that it keeps |
//! | [`lease`] | which replica works |
//! | [`observe`] | discovery, watches, looks |
//! | [`sync`] | the engine: assess, plan, apply, prune, report |
//! | [`live`] | what the hub asks about targets: objects as they are |
//! | [`plan`] | what the engine would do with manifests in files |
//! | [`script`] | Lua that people give |
//! | [`upgrade`] | the agent's own Deployment: its image, and a pause there |
//! | [`inspect`] | its decisions on files |
//! | [`app`] | the only wiring |

pub mod app;
pub mod args;
pub mod desired;
pub mod dial;
pub mod home;
pub mod identity;
pub mod inspect;
pub mod intake;
pub mod lease;
pub mod link;
pub mod live;
pub mod observe;
pub mod plan;
pub mod script;
pub mod sync;
pub mod upgrade;
