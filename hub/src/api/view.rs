//! What the API answers with: its own types, apart from the domain's and the store's, so that neither can leak a field. None holds a credential.

mod application;
mod cluster;
mod common;
mod history;
mod operation;
mod project;
mod repository;
mod resource;
mod target;

pub(crate) use application::{ApplicationItem, ApplicationObject, Refreshed};
pub(crate) use cluster::{CertificateView, ClusterObject, Installation, Joining, TargetCount};
pub(crate) use common::{Condition, FreshnessView, Page};
pub(crate) use history::{EventObject, HeldView, HistoryObject, PausedView};
pub(crate) use operation::{OperationObject, OperationStateView};
pub(crate) use project::ProjectObject;
pub(crate) use repository::RepositoryObject;
pub(crate) use resource::{Key, ResourceObject};
pub(crate) use target::{SyncWindowView, TargetObject};
