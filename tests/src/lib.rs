//! Under construction.

pub mod control_plane;
pub mod fault_proxy;
pub mod git_server;
pub mod manifest;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod wait;
