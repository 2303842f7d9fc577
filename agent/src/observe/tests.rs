//! Watches and questions, against an apiserver that the test plays.
#![allow(clippy::expect_used)]

mod asking;
mod serving;
mod watching;
