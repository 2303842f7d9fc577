//! Two clusters, a hub, two agents that join as a user would have them join, and a repository.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use windlass_tests::agent::Agent;
use windlass_tests::cli::Cli;
use windlass_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use windlass_tests::git_server::{Credentials, GitServer, Repo};
use windlass_tests::hub::{Hub, HubOptions};
use windlass_tests::node::Network;
use windlass_tests::objects::Objects;

use crate::node::{RealCluster, Site};
use crate::transcript::{chapter, command, windlass};

/// The clusters: name and environment.
pub(crate) const CLUSTERS: [(&str, &str); 2] = [("eu-1", "staging"), ("us-1", "production")];

/// One cluster with its agent.
pub(crate) struct Place {
    pub(crate) objects: Objects,
    kubeconfig: PathBuf,
    // Dropped before the cluster.
    _agent: Agent,
    plane: ControlPlane,
}

impl Place {
    /// Its cluster.
    pub(crate) fn plane(&self) -> &ControlPlane {
        &self.plane
    }
}

/// Everything that runs.
pub(crate) struct World {
    pub(crate) places: Vec<Place>,
    pub(crate) hub: Hub,
    pub(crate) cli: Cli,
    pub(crate) repo: Repo,
    pub(crate) repo_url: String,
    /// The cluster with a real node, while it starts and once its chapter is told.
    pub(crate) site: Option<Site>,
    pub(crate) real: Option<RealCluster>,
    _server: GitServer,
    folder: PathBuf,
    // Dropped last: the hub listens on it.
    _network: Option<Arc<Network>>,
}

impl World {
    /// Starts it all in `folder`, telling what is done.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        chapter("Two real Kubernetes control planes with simulated nodes, and a hub");
        let started = Instant::now();
        let paths = CLUSTERS.map(|(name, _)| folder.join(name));
        let hub_folder = folder.join("hub");
        let options = || ControlPlaneOptions::with_nodes(2).audited();
        let site = Site::begin(folder)?;
        let network = site.as_ref().map(Site::network);
        // Pods do not reach loopback.
        let hub_options =
            HubOptions { address: network.as_ref().map(|network| network.host()), ..HubOptions::default() };
        let (one, two, hub) = tokio::try_join!(
            Box::pin(ControlPlane::start(&paths[0], options())),
            Box::pin(ControlPlane::start(&paths[1], options())),
            Box::pin(Hub::start(&hub_folder, hub_options)),
        )?;
        println!("started in {:.1} s, everything is in {}", started.elapsed().as_secs_f64(), folder.display());

        let cli = Cli::new(folder)?;
        let (token, ca) = (hub.token_file()?.display().to_string(), hub.ca_file().display().to_string());
        windlass(&cli, &["login", &hub.url(), "--token-file", &token, "--ca", &ca]).await?;

        chapter("The clusters join");
        let mut places = Vec::new();
        for ((name, environment), plane) in CLUSTERS.into_iter().zip([one, two]) {
            places.push(join(&cli, folder, name, environment, plane).await?);
        }
        for (name, _) in CLUSTERS {
            connected(&hub, name).await?;
        }
        windlass(&cli, &["cluster", "list"]).await?;

        let (server, repo, repo_url) = repository(&cli, folder).await?;
        let folder = folder.to_owned();
        Ok(Self { places, hub, cli, repo, repo_url, site, real: None, _server: server, folder, _network: network })
    }

    /// What a person can do now.
    pub(crate) fn explain(&self) {
        chapter("Everything runs on until Ctrl-C");
        let (program, config) = (self.cli.program().display(), self.cli.config_file().display());
        println!("API            {}/api/v1/openapi.json", self.hub.url());
        println!("repository     {} (commit and `git push origin HEAD`)", self.repo.work_area().display());
        println!("command line   export WINDLASS_CONFIG={config}; alias windlass={program}");
        for ((name, environment), place) in CLUSTERS.into_iter().zip(&self.places) {
            println!(
                "{environment:<14} kubectl --kubeconfig {} get all -n message   # {name}",
                place.kubeconfig.display()
            );
        }
        if let Some(real) = &self.real {
            println!("a real node    kubectl --kubeconfig {} get pods -A -o wide", real.kubeconfig().display());
            println!("the message    curl http://{}:{}/", real.node.address(), windlass_tests::message::PORT);
        }
        println!("try            windlass app list -o wide; windlass app get message-staging; windlass watch");
        println!("logs           {}/hub/hub.log, {}/*/agent.log", self.folder.display(), self.folder.display());
    }
}

async fn join(cli: &Cli, folder: &Path, name: &str, environment: &str, plane: ControlPlane) -> Result<Place> {
    let file = format!("{name}/join.json");
    windlass(cli, &["cluster", "add", name, "--label", &format!("env={environment}"), "-o", &file]).await?;
    let kubeconfig = plane.identity("windlass-agent", &["system:masters"])?;
    let agent = Agent::start(&folder.join(name).join("agent"), &folder.join(&file), &kubeconfig)?;
    command(&format!("windlass-agent --join {file} --kubeconfig {} &", kubeconfig.display()), "");
    let objects = Objects::new(plane.client().await?);
    Ok(Place { objects, kubeconfig: plane.kubeconfig_path(), _agent: agent, plane })
}

async fn connected(hub: &Hub, name: &str) -> Result<()> {
    let limit = std::time::Duration::from_secs(30);
    let state = || async { Ok(hub.api().cluster(name).await?["connection"].clone()) };
    let what = format!("cluster {name} to be connected");
    windlass_tests::wait::wait_for(&what, limit, state, |state| (state == "Connected").then_some(())).await
}

/// A private repository behind HTTPS, known to the hub.
async fn repository(cli: &Cli, folder: &Path) -> Result<(GitServer, Repo, String)> {
    chapter("A private git repository");
    let credentials = Credentials::new("windlass", "correct-horse");
    let server = GitServer::start(&folder.join("git"), Some(credentials)).await?;
    let repo = server.create_repo("message").await?;
    for (file, text) in [("git-ca.pem", server.ca_pem()), ("git-password", "correct-horse")] {
        std::fs::write(folder.join(file), text).with_context(|| format!("writing {file}"))?;
    }
    let url = server.https_url("message");
    let credentials = ["--username", "windlass", "--password-file", "git-password", "--ca-file", "git-ca.pem"];
    windlass(cli, &[&["repo", "add", &url], &credentials[..]].concat()).await?;
    Ok((server, repo, url))
}
