//! Who is let in, over real TLS and a real store: what `../../../common/domain/src/identity` decides, and what attackers try.
// A test that cannot be set up fails where it stands.
#![allow(clippy::expect_used)]

mod bed;
mod calls;
mod clones;
mod floods;
mod forged;
mod paths;
mod revoked;
mod rotation;
mod tokens;
