//! One application of a scenario: its repository, its namespace, and what it should come to.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::api::Api;
use crate::fleet::Fleet;
use crate::git_server::Repo;
use crate::manifest::{self, Manifest};
use crate::wait::wait_for;

/// Long enough for anything that works; a failing scenario is found by it.
pub const SOON: Duration = Duration::from_secs(45);
/// The directory of its repository that an application is read from.
pub const DIRECTORY: &str = "app";

/// Where an application goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To every cluster of the fleet, by label.
    Everywhere,
    /// To one cluster, by name.
    Cluster(String),
}

/// How an application is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Commits are applied as they come, with prune and self-heal.
    Automated,
    /// Commits wait for a sync.
    Manual,
}

/// An application with a repository and a namespace of its own, both of its name.
#[derive(Debug)]
pub struct App {
    name: String,
    repo: Repo,
    repo_url: String,
    destination: Destination,
    clusters: Vec<String>,
    policy: Policy,
    files: BTreeMap<String, Vec<Manifest>>,
    api: Api,
}

/// The usual application: a Deployment that reads a message, a Service and the ConfigMap with the message.
pub fn message_application(message: &str) -> Vec<(&'static str, Manifest)> {
    let reference = json!({ "configMapKeyRef": { "name": "message", "key": "MESSAGE" } });
    let container = json!({
        "name": "message",
        "image": "registry.example/message:1",
        "env": [{ "name": "MESSAGE", "valueFrom": reference }],
    });
    let deployment = manifest::deployment("message", 2, "").with("spec.template.spec.containers", json!([container]));
    vec![
        ("configmap.yaml", message_of(message)),
        ("deployment.yaml", deployment),
        ("service.yaml", manifest::service("message", 8080)),
    ]
}

/// The ConfigMap with the message.
pub fn message_of(message: &str) -> Manifest {
    manifest::configmap("message", &[("MESSAGE", message)])
}

impl App {
    /// An application whose repository is on the hub's own disk. Nothing is created at the hub yet.
    pub async fn new(fleet: &Fleet, name: &str, destination: Destination, policy: Policy) -> Result<Self> {
        let folder = fleet.folder().join("git");
        let repo = Repo::create(&folder, name).await?;
        let url = repo.url();
        Ok(Self::with_repo(fleet, name, destination, policy, repo, &url))
    }

    /// The same with a repository that the hub reaches at another URL.
    pub fn with_repo(
        fleet: &Fleet,
        name: &str,
        destination: Destination,
        policy: Policy,
        repo: Repo,
        repo_url: &str,
    ) -> Self {
        let clusters = match &destination {
            Destination::Everywhere => fleet.members().map(|member| member.name.clone()).collect(),
            Destination::Cluster(name) => vec![name.clone()],
        };
        Self {
            name: name.to_owned(),
            repo,
            repo_url: repo_url.to_owned(),
            destination,
            clusters,
            policy,
            files: BTreeMap::new(),
            api: fleet.api().clone(),
        }
    }

    /// An automated application on one cluster of a hub that no fleet has, with its repository in `folder`.
    pub async fn alone(api: &Api, folder: &Path, name: &str, cluster: &str) -> Result<Self> {
        let repo = Repo::create(folder, name).await?;
        let url = repo.url();
        Ok(Self::alone_from(api, name, cluster, repo, &url))
    }

    /// The same from a repository that the hub reaches at a URL.
    pub fn alone_from(api: &Api, name: &str, cluster: &str, repo: Repo, repo_url: &str) -> Self {
        Self {
            name: name.to_owned(),
            repo,
            repo_url: repo_url.to_owned(),
            destination: Destination::Cluster(cluster.to_owned()),
            clusters: vec![cluster.to_owned()],
            policy: Policy::Automated,
            files: BTreeMap::new(),
            api: api.clone(),
        }
    }

    /// Its name, and its namespace in the clusters.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The administrator's client.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The repository.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// The names of the clusters it goes to.
    pub fn clusters(&self) -> &[String] {
        &self.clusters
    }

    /// Whether commits are applied as they come.
    pub fn is_automated(&self) -> bool {
        self.policy == Policy::Automated
    }

    /// Every manifest that git has now.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.files.values().flatten()
    }

    /// Commits files of the application and pushes; returns the commit.
    pub async fn commit(&mut self, files: &[(&str, Manifest)]) -> Result<String> {
        for (file, manifest) in files {
            self.files.insert((*file).to_owned(), vec![manifest.clone()]);
        }
        let texts: Vec<(String, String)> =
            files.iter().map(|(file, manifest)| (format!("{DIRECTORY}/{file}"), manifest.to_yaml())).collect();
        let contents: Vec<(&str, Option<&str>)> =
            texts.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        self.repo.publish(&contents, "a change").await
    }

    /// As [`App::commit`], for names that are made.
    pub async fn commit_all(&mut self, files: &[(String, Manifest)]) -> Result<String> {
        let files: Vec<(&str, Manifest)> =
            files.iter().map(|(file, manifest)| (file.as_str(), manifest.clone())).collect();
        self.commit(&files).await
    }

    /// Commits any text as a file of the application.
    pub async fn commit_text(&mut self, file: &str, text: &str) -> Result<String> {
        self.repo.publish(&[(&format!("{DIRECTORY}/{file}"), Some(text))], "a change").await
    }

    /// Removes files in one commit; the directory stays, with a file that is no manifest.
    pub async fn remove(&mut self, files: &[&str]) -> Result<String> {
        let paths: Vec<String> = files.iter().map(|file| format!("{DIRECTORY}/{file}")).collect();
        let mut contents: Vec<(&str, Option<&str>)> = paths.iter().map(|path| (path.as_str(), None)).collect();
        let readme = format!("{DIRECTORY}/README.md");
        contents.push((&readme, Some("Not a manifest.\n")));
        for file in files {
            self.files.remove(*file);
        }
        self.repo.publish(&contents, "a removal").await
    }

    /// The Argo CD Application.
    pub fn manifest(&self) -> Value {
        let mut destination = json!({ "namespace": self.name });
        match &self.destination {
            Destination::Everywhere => destination["clusterSelector"] = json!({ "matchLabels": { "env": "test" } }),
            Destination::Cluster(name) => destination["name"] = json!(name),
        }
        let mut policy = json!({ "syncOptions": ["CreateNamespace=true"] });
        if self.policy == Policy::Automated {
            policy["automated"] = json!({ "prune": true, "selfHeal": true });
        }
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": { "name": self.name, "namespace": crate::api::NAMESPACE },
            "spec": {
                "project": "default",
                "source": { "repoURL": self.repo_url, "path": DIRECTORY, "targetRevision": "main" },
                "destination": destination,
                "syncPolicy": policy,
            },
        })
    }

    /// Creates it at the hub.
    pub async fn create(&self) -> Result<()> {
        self.api.put_application(&self.manifest()).await.map(drop)
    }

    /// Has the hub look at the repository now.
    pub async fn refresh(&self) -> Result<Value> {
        self.api.refresh(&self.name).await
    }

    /// How the hub sees it.
    pub async fn seen(&self) -> Result<Value> {
        let found = self.api.application(&self.name).await?;
        found.with_context(|| format!("application {} does not exist", self.name))
    }

    /// Waits until every target is Synced and Healthy at this commit.
    pub async fn settles_at(&self, revision: &str) -> Result<()> {
        self.settles_within(SOON, revision).await
    }

    /// The same with other patience, for what is large or was disturbed.
    pub async fn settles_within(&self, patience: Duration, revision: &str) -> Result<()> {
        let count = self.clusters.len();
        let what = format!("application {} to be Synced and Healthy at {revision}", self.name);
        let look = || async {
            let mut targets = self.targets().await?;
            for target in &mut targets {
                // Its results name every object; those that matter are beside it.
                target["operation"]["results"].take();
            }
            Ok(targets)
        };
        wait_for(&what, patience, look, |targets| {
            (targets.len() == count && targets.iter().all(|target| is_settled(target, revision))).then_some(())
        })
        .await
    }

    /// Waits until what is seen of its targets is as wanted, and returns them.
    pub async fn wait_for_targets(&self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>> {
        let what = format!("application {} {what}", self.name);
        wait_for(&what, SOON, || self.targets(), |targets| wanted(targets).then(|| targets.clone())).await
    }

    /// Waits until the application itself, conditions and all, is as wanted, and returns it.
    pub async fn wait_for_status(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let what = format!("application {} {what}", self.name);
        wait_for(&what, SOON, || self.seen(), |seen| wanted(seen).then(|| seen.clone())).await
    }

    /// An error when an operation that was ever reported has failed: a fault that is over leaves nothing red behind.
    pub async fn no_operation_failed(&self) -> Result<()> {
        for operation in self.api.operations(&self.name).await? {
            let phase = operation["state"]["phase"].as_str().unwrap_or_default();
            let message = &operation["state"]["message"];
            ensure!(!matches!(phase, "Failed" | "Error" | "Running"), "an operation is {phase}: {message}");
        }
        Ok(())
    }

    /// Its targets as the hub sees them.
    pub async fn targets(&self) -> Result<Vec<Value>> {
        Ok(self.seen().await?["targets"].as_array().cloned().unwrap_or_default())
    }

    /// Where its repository is.
    pub fn repository_folder(&self) -> &Path {
        self.repo.work_area()
    }
}

/// Whether a target is what the commit says and works.
pub fn is_settled(target: &Value, revision: &str) -> bool {
    target["sync"] == "Synced"
        && target["health"] == "Healthy"
        && target["current"] == true
        && target["desiredRevision"] == revision
        && target["revision"] == revision
}

/// Whether a status has a condition of this kind whose message contains the text.
pub fn has_condition(holder: &Value, kind: &str, text: &str) -> bool {
    let conditions = holder["conditions"].as_array().or_else(|| holder["status"]["conditions"].as_array());
    conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| {
            condition["type"] == kind && condition["message"].as_str().is_some_and(|message| message.contains(text))
        })
    })
}
