//! Which hub a command talks to, and as whom.

use std::path::PathBuf;

/// Which hub, and as whom; what is not given comes from the context that `windlass login` saved.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// The hub's API: https://host:port.
    #[arg(long, global = true, env = "WINDLASS_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File that holds the API token; `-` is stdin. The variable WINDLASS_TOKEN may hold the token itself.
    #[arg(long, global = true, env = "WINDLASS_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// CA certificates of the hub, as PEM; only these are trusted then.
    #[arg(long, global = true, env = "WINDLASS_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// A saved context other than the current one.
    #[arg(long = "hub-context", global = true, env = "WINDLASS_CONTEXT", value_name = "NAME", id = "hub-context")]
    pub(crate) context: Option<String>,
}
