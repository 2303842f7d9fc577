//! Lua that people give: Argo CD's health scripts and actions, run where they can do no harm.
//!
//! LuaJIT, because Argo CD's scripts use `goto`. One fresh interpreter for each run: nothing survives it. What a script may use is what Argo CD gives to
//! scripts of users: the basic functions, `table`, and the clock of `os`. It reads no file, loads no code and reaches no library of C. It has a second of
//! time, 32 MiB of memory, and the compiler to machine code is off, because the limit of time is checked between instructions of the interpreter.
//!
//! jq, which people give too, runs in a process of its own ([`jq`]). [`judge`] is where the running agent asks both.

mod action;
mod health;
mod sandbox;

pub mod jq;
pub mod judge;

pub use action::{ActionScript, DiscoveryScript};
pub use health::HealthScript;
pub use sandbox::{Error, Limits};
