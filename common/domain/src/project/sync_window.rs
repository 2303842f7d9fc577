//! `syncWindows`: when the applications of a project may sync, and which of them a window is about.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::pattern::NamePattern;
use super::{ProjectSpec, or_default};
use crate::application::Application;
use crate::cluster::Cluster;
use crate::window::{Window, WindowKind};

/// One window, with the applications, namespaces and clusters that it is about. One that names none of them is about nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncWindow {
    /// `allow` or `deny`.
    pub kind: WindowKind,
    /// When it begins: five cron fields.
    pub schedule: String,
    /// How long it lasts: Go's duration.
    pub duration: String,
    /// Globs of application names.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<String>,
    /// Globs of the namespaces that applications go to.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Globs of the names and addresses of clusters.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    /// A person may sync all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual_sync: bool,
    /// What began before may go on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sync_overrun: bool,
    /// In which time zone the schedule is read; UTC when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
    /// Every list that is given must match, not one of them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub and_operator: bool,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

// === impl SyncWindow ===

impl SyncWindow {
    /// Whether it is about an application on one cluster.
    pub fn is_about(&self, application: &Application, cluster: &Cluster) -> bool {
        let names = |list: &[String], names: &[&str]| {
            let globs = list.iter().filter_map(|glob| NamePattern::new(glob).ok());
            (!list.is_empty()).then(|| globs.into_iter().any(|glob| names.iter().any(|name| glob.is_match(name))))
        };
        let mut addresses: Vec<&str> = cluster.server_aliases.iter().map(String::as_str).collect();
        addresses.push(&cluster.name);
        let answers = [
            names(&self.applications, &[&application.name.name, &application.name.to_string()]),
            names(&self.namespaces, &[&application.spec.destination.namespace]),
            names(&self.clusters, &addresses),
        ];
        let mut given = answers.into_iter().flatten().peekable();
        let any = given.peek().is_some();
        any && if self.and_operator { given.all(|matches| matches) } else { given.any(|matches| matches) }
    }

    /// When it is active, whatever it is about.
    pub fn window(&self) -> Window {
        Window {
            kind: self.kind,
            schedule: self.schedule.clone(),
            duration: self.duration.clone(),
            time_zone: self.time_zone.clone(),
            manual_sync: self.manual_sync,
            sync_overrun: self.sync_overrun,
        }
    }
}

// === impl ProjectSpec ===

impl ProjectSpec {
    /// The windows that are about an application on one cluster, each once, in the order of the project.
    pub fn windows_for(&self, application: &Application, cluster: &Cluster) -> Vec<Window> {
        let mut windows: Vec<Window> = Vec::new();
        for window in self.sync_windows.iter().filter(|window| window.is_about(application, cluster)) {
            let window = window.window();
            if !windows.contains(&window) {
                windows.push(window);
            }
        }
        windows
    }
}

#[cfg(test)]
mod tests;
