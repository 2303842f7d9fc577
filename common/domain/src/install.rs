//! The agent's installation as Kubernetes objects: a function of what an operator chose. `deploy/agent` is the same function's output, checked by a test.

mod objects;
mod options;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use options::{InstallOptions, InvalidInstall, Profile, is_image};

/// Where agents are installed unless somebody says otherwise.
pub const NAMESPACE: &str = "windlass-system";
/// The agent's Deployment, its service account and, with more words behind, everything else.
pub const NAME: &str = "windlass-agent";
/// The Secret that holds the join file, as [`JOIN_ENTRY`].
pub const JOIN_SECRET: &str = "windlass-agent-join";
/// The join file's entry.
pub const JOIN_ENTRY: &str = "join.json";
/// The agent's image unless the hub or an operator names another.
pub const IMAGE: &str = concat!("windlass-agent:", env!("CARGO_PKG_VERSION"));
/// Where the agent serves health and metrics inside its Pod.
pub const ADMIN_PORT: u16 = 8446;

/// Every object of the installation, in an order in which they can be made. `image` is the hub's word; `join` the join file, left out where a base is
/// printed.
pub fn objects(options: &InstallOptions, image: &str, join: Option<&Value>) -> Vec<Value> {
    objects::of(options, &options.image_of(image), join)
}

/// The objects as one text for `kubectl apply -f`.
pub fn to_yaml(objects: &[Value]) -> String {
    let documents: Vec<String> = objects.iter().map(windlass_yaml::print::to_string).collect();
    documents.join("---\n")
}
