//! Container images of Windlass, made without a registry, an engine or a base image: what a program links and what it
//! reads is put into one layer, and that into an OCI image layout.
//!
//! | module | idea |
//! |---|---|
//! | `tar` | an archive whose bytes follow from its entries alone |
//! | `layer` | a file system, sorted, without times |
//! | `linked` | the shared libraries of a program, and its loader |
//! | `layout` | the OCI image layout of one image, as one archive |
//! | `recipe` | what hub, agent and any other program of ours need around them |
//!
//! The same input bytes give the same image, to the digest: there are no times, no users of this machine and no order of a
//! directory in it.

pub mod layer;
pub mod layout;
pub mod linked;
pub mod recipe;
mod tar;
