//! The test bed of Windlass: real control planes, real git, the real binaries, and what scenarios ask of them.
//!
//! | module | idea |
//! |---|---|
//! | `control_plane`, `objects` | a real Kubernetes on loopback, and hands to touch its objects |
//! | `node`, `message` | a real node for one, where the machine allows, and an application for it |
//! | `git_server`, `manifest` | repositories, and what is committed to them |
//! | `hub`, `agent`, `cli`, `api`, `registration` | the real binaries, and a client of the HTTP API |
//! | `fleet`, `app` | a hub, clusters and agents together; one application on them |
//! | `documents` | the commands that README and docs tell people to type |
//! | `invariants` | what must hold after every fault |
//! | `bench` | what benchmarks share |
//! | `fault_proxy`, `apiserver_proxy`, `connect_proxy`, `tmpfs`, `webhook` | links, API servers, disks and admission that misbehave |
//! | `store` | what the hub's database really has |
//! | `process`, `ports`, `folder`, `wait`, `postgres` | machinery |

pub mod agent;
pub mod api;
pub mod apiserver_proxy;
pub mod app;
pub mod bench;
pub mod binaries;
pub mod cli;
pub mod connect_proxy;
pub mod control_plane;
pub mod documents;
pub mod fault_proxy;
pub mod faults;
pub mod fleet;
pub mod folder;
pub mod git_server;
pub mod helm;
pub mod https;
pub mod hub;
pub mod invariants;
pub mod manifest;
pub mod message;
pub mod node;
pub mod objects;
pub mod pod;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod registration;
pub mod store;
pub mod tmpfs;
pub mod wait;
pub mod webhook;
