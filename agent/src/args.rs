//! What the operator said.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// The Windlass agent: keeps one cluster as its hub says, and says how it is.
#[derive(Debug, Parser)]
#[command(name = "windlass-agent", version)]
pub struct Args {
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
