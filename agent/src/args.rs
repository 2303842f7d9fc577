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
    /// The file that `windlass cluster add NAME -o FILE` wrote. Needed once: afterwards the identity directory has what it takes.
    #[arg(long, value_name = "FILE")]
    pub join: Option<PathBuf>,
    /// Directory for the agent's key, certificate and trust. The key is made here and never leaves it.
    #[arg(long, default_value = "./windlass-agent/identity", value_name = "DIR")]
    pub identity_dir: PathBuf,
    /// Directory for the durable copy of desired state and inventory, sealed under a key in the identity directory.
    #[arg(long, default_value = "./windlass-agent/state", value_name = "DIR")]
    pub state_dir: PathBuf,
    /// Kubeconfig of the cluster; without it, the Pod's service account.
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Where health, readiness and metrics are served, without TLS.
    #[arg(long, default_value = "127.0.0.1:8446", value_name = "ADDRESS")]
    pub admin_listen: SocketAddr,
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
}
