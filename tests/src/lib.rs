//! The test bed of Windlass: real control planes, real git, the real binaries, and what scenarios ask of them.
//!
//! | module | idea |
//! |---|---|
//! | `control_plane`, `objects` | a real Kubernetes on loopback, and hands to touch its objects |
//! | `git_server`, `manifest` | repositories, and what is committed to them |
//! | `hub`, `agent`, `cli`, `api` | the real binaries, and a client of the HTTP API |
//! | `fleet`, `app` | a hub, clusters and agents together; one application on them |
//! | `invariants` | what must hold after every fault |
//! | `bench` | what benchmarks share |
//! | `process`, `ports`, `folder`, `wait`, `fault_proxy`, `postgres` | machinery |

pub mod agent;
pub mod api;
pub mod app;
pub mod bench;
pub mod binaries;
pub mod cli;
pub mod control_plane;
pub mod fault_proxy;
pub mod faults;
pub mod fleet;
pub mod folder;
pub mod git_server;
pub mod hub;
pub mod invariants;
pub mod manifest;
pub mod objects;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod wait;
