//! `windlass proj create`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use windlass_domain::project::{ProjectDestination, ProjectManifest, ProjectSpec, ResourceRule, project_name};
use windlass_yaml::{Limits, documents};

use super::edit::warn;
use crate::client::Client;
use crate::output;
use crate::view::Project;

/// Create a project; one that exists already is an error, unless --upsert. Without flags it permits nothing.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass proj create shop -s https://git.example/shop/* -d eu-1,shop-* --allow-cluster-resource /Namespace\n  \
    windlass proj create -f project.yaml"
)]
pub(crate) struct Create {
    /// Name of the project.
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    name: Option<String>,
    /// File with AppProjects instead of a name and flags.
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// A repository, or a glob of them; may repeat.
    #[arg(short, long = "src", value_name = "URL")]
    sources: Vec<String>,
    /// A cluster (name, or address) and a namespace; globs; may repeat.
    #[arg(short, long = "dest", value_name = "CLUSTER,NAMESPACE", value_parser = destination)]
    destinations: Vec<ProjectDestination>,
    /// A cluster-scoped kind to permit, as GROUP/KIND; may repeat.
    #[arg(long, value_name = "GROUP/KIND", value_parser = kind)]
    allow_cluster_resource: Vec<ResourceRule>,
    /// A cluster-scoped kind to deny.
    #[arg(long, value_name = "GROUP/KIND", value_parser = kind)]
    deny_cluster_resource: Vec<ResourceRule>,
    /// A namespaced kind to permit; with the first one every other is not.
    #[arg(long, value_name = "GROUP/KIND", value_parser = kind)]
    allow_namespaced_resource: Vec<ResourceRule>,
    /// A namespaced kind to deny.
    #[arg(long, value_name = "GROUP/KIND", value_parser = kind)]
    deny_namespaced_resource: Vec<ResourceRule>,
    /// Change it when it exists already.
    #[arg(long)]
    upsert: bool,
}

impl Create {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let query = [("upsert", self.upsert.then(|| "true".to_owned()))];
        for value in self.manifests()? {
            let project: Project = client.send(Method::POST, &["projects"], &query, &value).await?;
            warn(&project);
            output::line(&format!("project {} created", project.name))?;
        }
        Ok(())
    }

    fn manifests(self) -> anyhow::Result<Vec<Value>> {
        let Some(name) = self.name else {
            let read = FileArgs { files: self.file }.read()?;
            return Ok(read.into_iter().map(|(_, value)| value).collect());
        };
        let spec = ProjectSpec {
            description: self.description,
            source_repos: self.sources,
            destinations: self.destinations,
            cluster_resource_whitelist: self.allow_cluster_resource,
            cluster_resource_blacklist: self.deny_cluster_resource,
            namespace_resource_whitelist: Some(self.allow_namespaced_resource).filter(|rules| !rules.is_empty()),
            namespace_resource_blacklist: self.deny_namespaced_resource,
            ..ProjectSpec::default()
        };
        let value = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": project_name(&name)?}, "spec": spec,
        });
        // What is wrong is said before anybody is asked.
        ProjectManifest::parse(&value).with_context(|| format!("project {name}"))?;
        Ok(vec![value])
    }
}

#[derive(Args)]
pub(super) struct FileArgs {
    /// File with AppProjects (YAML or JSON, several documents are fine); `-` is stdin; may repeat.
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl FileArgs {
    /// Every AppProject of every file. Nothing is returned when one of them is wrong, so that nothing is half done.
    pub(super) fn read(&self) -> anyhow::Result<Vec<(ProjectManifest, Value)>> {
        let mut found = Vec::new();
        for file in &self.files {
            read_file(file, &mut found).with_context(|| file.display().to_string())?;
        }
        if found.is_empty() {
            bail!("no AppProject found; give files of kind AppProject");
        }
        Ok(found)
    }
}

fn read_file(file: &Path, found: &mut Vec<(ProjectManifest, Value)>) -> anyhow::Result<()> {
    let text =
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    for document in documents(&text.context("cannot be read")?, &Limits::default())? {
        let items = match (document.value["kind"].as_str(), document.value["items"].as_array()) {
            (Some("List" | "AppProjectList"), Some(items)) => items.clone(),
            _ => vec![document.value],
        };
        for value in items {
            let manifest = ProjectManifest::parse(&value).with_context(|| format!("line {}", document.line))?;
            found.push((manifest, value));
        }
    }
    Ok(())
}

/// `CLUSTER,NAMESPACE`.
fn destination(text: &str) -> Result<ProjectDestination, String> {
    let (cluster, namespace) = text.rsplit_once(',').ok_or_else(|| "write CLUSTER,NAMESPACE".to_owned())?;
    Ok(to(cluster, namespace))
}

/// A destination by address or by name: an address has `://`. `*` is any cluster.
pub(super) fn to(cluster: &str, namespace: &str) -> ProjectDestination {
    let is_server = cluster.contains("://") || cluster == "*";
    let (server, name) = if is_server { (cluster, "") } else { ("", cluster) };
    ProjectDestination { server: server.to_owned(), name: name.to_owned(), namespace: namespace.to_owned() }
}

/// `GROUP/KIND`; the core group is empty.
fn kind(text: &str) -> Result<ResourceRule, String> {
    let (group, kind) = text.rsplit_once('/').unwrap_or(("", text));
    if kind.is_empty() {
        return Err("write GROUP/KIND, as in apps/Deployment or /Namespace".to_owned());
    }
    Ok(ResourceRule { group: group.to_owned(), kind: kind.to_owned(), name: String::new() })
}
