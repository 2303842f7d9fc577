//! What the operator said.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::plan::PlanArgs;

/// The Windlass agent: keeps one cluster as its hub says, and says how it is.
#[derive(Debug, Parser)]
#[command(name = "windlass-agent", version, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Something else than keeping a cluster.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The file that `windlass cluster add NAME -o FILE` wrote. Needed once: afterwards the agent has an identity.
    #[arg(long, value_name = "FILE")]
    pub join: Option<PathBuf>,
    /// The Secret of the agent's namespace that holds `join.json`, where state is kept as Secrets; it is waited for.
    #[arg(long, default_value = "windlass-agent-join", value_name = "NAME")]
    pub join_secret: String,
    /// Directory for the agent's key, certificate and trust [default: ./windlass-agent/identity, or a Secret]. The key is made here and never leaves it.
    #[arg(long, value_name = "DIR", conflicts_with = "state")]
    pub identity_dir: Option<PathBuf>,
    /// Directory for the durable copy of desired state and inventory, sealed under a key in the identity directory [default: ./windlass-agent/state, or Secrets].
    #[arg(long, value_name = "DIR", conflicts_with = "state")]
    pub state_dir: Option<PathBuf>,
    /// `secrets` or `secrets:NAMESPACE`: keep identity and durable copy as Secrets of the agent's namespace (the Pod's, or the kubeconfig's), for one replica
    /// at a time. The default in a Pod.
    #[arg(long, value_name = "WHERE", value_parser = secrets)]
    pub state: Option<SecretsIn>,
    /// The name of this replica among those of the same agent.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub replica: Option<String>,
    /// Watch and change only these namespaces, for an agent that may do no more; cluster-scoped objects are refused to it.
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// Write as this service account of the namespace that is written to, and as the one of the agent's own namespace where an object has none.
    #[arg(long, value_name = "NAME")]
    pub impersonate: Option<String>,
    /// Kubeconfig of the cluster; without it, the Pod's service account.
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Where health, readiness and metrics are served, without TLS.
    #[arg(long, default_value = "127.0.0.1:8446", value_name = "ADDRESS")]
    pub admin_listen: SocketAddr,
}

/// State as Secrets: of which namespace; the Pod's own where none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsIn(pub Option<String>);

fn secrets(text: &str) -> Result<SecretsIn, String> {
    match text.strip_prefix("secrets") {
        Some("") => Ok(SecretsIn(None)),
        Some(rest) if rest.len() > 1 && rest.starts_with(':') => Ok(SecretsIn(Some(rest[1..].to_owned()))),
        _ => Err("write `secrets` or `secrets:NAMESPACE`".into()),
    }
}

/// What the program does instead of keeping a cluster.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print, in order, what a sync of manifests would do. No cluster is asked.
    Plan(PlanArgs),
    /// How well objects do: Healthy, Suspended, Progressing, Missing, Degraded or Unknown, and why.
    Health(crate::inspect::health::Args),
    /// What git says against what is there, field by field; exit status 1 when something differs.
    Diff(crate::inspect::diff::Args),
    /// Evaluates jq for the agent that started it.
    #[command(hide = true)]
    Jq,
}
