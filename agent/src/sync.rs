//! The engine: what is desired against what is there, per target, and what is done about it.
//!
//! One task, [`engine::Engine`], owns every target's state. It gathers facts, asks `windlass_domain::sync` and `windlass_domain::operation` what they mean,
//! and has the answers carried out by tasks that come back with an outcome. Nothing here decides by itself whether an object may be written or deleted.
//!
//! | file | what |
//! |---|---|
//! | [`engine`] | the loop: inputs in, dirty targets evaluated |
//! | [`target`] | one target's state, and its durable form |
//! | [`evaluate`] | assesses a target, decides what is next |
//! | [`bundle`] | fetches, completes and keeps the desired bundle |
//! | [`ask`] | questions to the cluster |
//! | [`manual`], [`automated`], [`removal`] | which operation begins |
//! | [`begin`], [`operate`], [`running`] | an operation begins; goes on and ends; its state and durable form |
//! | [`follow`], [`blocked`] | what a running operation is told; whether anything may be written |
//! | [`execute`], [`carry_out`] | carries out questions; actions |
//! | [`apply`], [`replace`], [`hook`], [`check`], [`delete`], [`namespace`] | one write each |
//! | [`outcome`] | what an answer of the cluster changes |
//! | [`lens`] | what is ignored of an object, and whose script judges it |
//! | [`watched`] | live objects of interest, and who is interested |
//! | [`keep`] | durable records of many targets, written together |
//! | [`contents`], [`arrivals`] | contents by address: staged, durable, asked for; who waits for them |
//! | [`upkeep`] | which kinds are watched, which contents are still named |
//! | [`unused`], [`prove`] | whether what left git is empty or unused |
//! | [`recover`] | a lost inventory, rebuilt from the cluster |
//! | [`kinds`] | kinds that are no longer served |
//! | [`words`] | what is said of an object after a write |
//! | [`facts`] | what is known of a target, for who answers questions |
//! | [`report`] | a target's report |

mod arrivals;
mod ask;
mod automated;
mod begin;
mod bundle;
mod carry_out;
mod check;
mod follow;
mod halt;
mod keep;
mod kinds;
mod lens;
mod manual;
mod operate;
mod removal;
pub mod replace;
mod unused;
mod upkeep;
mod words;

pub mod apply;
pub mod blocked;
pub mod client;
pub mod contents;
pub mod delete;
pub mod dry_run;
pub mod engine;
pub mod evaluate;
pub mod execute;
pub mod facts;
pub mod hook;
pub mod input;
pub mod namespace;
pub mod outcome;
pub mod prove;
pub mod recover;
pub mod report;
pub mod running;
pub mod said;
pub mod target;
pub mod watched;
