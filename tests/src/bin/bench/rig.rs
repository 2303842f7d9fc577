//! One cluster, one hub, one agent, and one application of five objects with one Deployment.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use windlass_tests::agent::Agent;
use windlass_tests::app::is_settled;
use windlass_tests::control_plane::{AuditMark, ControlPlane};
use windlass_tests::fleet::{connected, control_plane};
use windlass_tests::git_server::Repo;
use windlass_tests::hub::{Hub, HubOptions};
use windlass_tests::manifest::{self, Manifest};

/// The cluster's name.
const CLUSTER: &str = "bench";
/// The agent's user at the API server.
const USER: &str = "windlass-agent-bench";
/// Objects of the application.
pub(crate) const OBJECTS: usize = 5;

/// What is measured.
pub(crate) struct Rig {
    pub(crate) hub: Hub,
    pub(crate) agent: Agent,
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) repo: Repo,
}

impl Rig {
    /// All of it, connected; the hub polls so rarely that it never does while something is measured.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let plane = control_plane(&folder.join("cluster")).await?;
        let options = HubOptions { poll_interval: Some("1h".to_owned()), ..HubOptions::default() };
        let hub = Hub::start(&folder.join("hub"), options).await?;
        let join = hub.api().create_cluster(CLUSTER, &[]).await?.write(&folder.join("agent"))?;
        let agent = Agent::start(&folder.join("agent"), &join, &plane.identity(USER, &["system:masters"])?)?;
        connected(hub.api(), CLUSTER, &agent).await?;
        let repo = Repo::create(&folder.join("git"), "app").await?;
        Ok(Self { hub, agent, plane, repo })
    }

    /// Commits and pushes: every object has the label `round` with this value afterwards.
    pub(crate) async fn push(&self, round: usize) -> Result<String> {
        self.publish(files_in("app", round)).await
    }

    /// Commits and pushes files.
    pub(crate) async fn publish(&self, files: Vec<(String, String)>) -> Result<String> {
        let files: Vec<(&str, Option<&str>)> =
            files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        self.repo.publish(&files, "a round").await
    }

    /// Creates the application `name`, automated, of the directory `app`, in a namespace of its own.
    pub(crate) async fn create(&self, name: &str) -> Result<()> {
        self.hub.api().put_application(&self.application(name, "app", name)).await.map(drop)
    }

    /// An application, automated, of a directory of the repository, in a namespace that is made where it is missing.
    pub(crate) fn application(&self, name: &str, path: &str, namespace: &str) -> Value {
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": { "name": name },
            "spec": {
                "project": "default",
                "source": { "repoURL": self.repo.url(), "path": path, "targetRevision": "main" },
                "destination": { "name": CLUSTER, "namespace": namespace },
                "syncPolicy": {
                    "automated": { "prune": true, "selfHeal": true },
                    "syncOptions": ["CreateNamespace=true"],
                },
            },
        })
    }

    /// Whether an API server's user is the agent.
    pub(crate) fn is_agent(&self, user: &str) -> bool {
        user == USER
    }

    /// Every request of the agent since the mark.
    pub(crate) fn requests(&self, mark: AuditMark) -> Result<Vec<Value>> {
        self.plane.audit_by_user(USER, mark).context("reading the audit log")
    }
}

/// The application's objects at a round; in a namespace when one is named.
pub(crate) fn objects(round: usize, namespace: &str) -> Vec<Manifest> {
    let all = vec![
        manifest::configmap("settings", &[("MESSAGE", "hello"), ("LEVEL", "info")]),
        manifest::configmap("pages", &[("index.html", "<h1>hello</h1>")]),
        Manifest::new("v1", "ServiceAccount", "web"),
        manifest::service("web", 8080),
        manifest::deployment("web", 1, "registry.example/web:1"),
    ];
    let labelled = all.into_iter().map(|one| one.label("round", &format!("r{round}")));
    labelled.map(|one| if namespace.is_empty() { one } else { one.in_namespace(namespace) }).collect()
}

/// The files of an application's directory at a round.
pub(crate) fn files_in(directory: &str, round: usize) -> Vec<(String, String)> {
    objects(round, "").iter().map(|one| (file_of(directory, one), one.to_yaml())).collect()
}

/// Where a manifest is in the repository.
pub(crate) fn file_of(directory: &str, manifest: &Manifest) -> String {
    let value = manifest.to_json();
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    format!("{directory}/{}-{}.yaml", text("/kind"), text("/metadata/name"))
}

/// Whether there are so many applications and every target of them is Synced and Healthy at the commit.
pub(crate) fn is_all_settled(applications: &[Value], count: usize, targets: usize, commit: &str) -> bool {
    let settled = |application: &Value| {
        let all = application["targets"].as_array().map_or(&[][..], Vec::as_slice);
        all.len() == targets && all.iter().all(|target| is_settled(target, commit))
    };
    applications.len() == count && applications.iter().all(settled)
}
