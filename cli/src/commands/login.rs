//! `windlass login`.

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use crate::client::{Client, parse_server, pinned_ca};
use crate::connection::ConnectionArgs;
use crate::context::{self, Contexts, Saved};
use crate::output;

/// Save the hub's address, its CA and your token as a context, and make it the current one.
///
/// The token is tried before anything is saved. The hub is known by --ca, by --pin, or by this machine's trusted authorities when neither is given; there
/// is no way around that.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass login https://hub.example:8443 --token-file admin.token --ca ca.pem\n  \
    windlass login https://hub.example:8443 --token-file - --pin sha256:9f86d081...")]
pub(crate) struct Login {
    /// The hub's API: https://host:port.
    url: String,
    /// Pin of the hub's CA: sha256: and 64 hex digits.
    #[arg(long, value_name = "PIN", conflicts_with = "ca")]
    pin: Option<String>,
    /// Name of the context; the hub's host when absent.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Login {
    pub(crate) async fn run(self, args: &ConnectionArgs) -> anyhow::Result<()> {
        let url = parse_server(&self.url)?;
        let server = url.as_str().trim_end_matches('/').to_owned();
        let Some(token) = context::token(args)? else {
            bail!("no token: give --token-file FILE, or set WINDLASS_TOKEN");
        };
        let ca_pem = match (&args.ca, &self.pin) {
            (Some(path), _) => Some(context::read_ca(path)?),
            (None, Some(pin)) => Some(pinned_ca(&server, pin).await?),
            (None, None) => None,
        };
        let saved = Saved { server: server.clone(), token, ca_pem };
        let _: Value = Client::new(&saved)?.get(&["applications"], &[("limit", Some("1".to_owned()))]).await?;
        let name = self.name.or_else(|| url.host_str().map(str::to_owned)).context("the hub's address has no host")?;
        let mut contexts = Contexts::load()?;
        contexts.contexts.insert(name.clone(), saved);
        contexts.current.clone_from(&name);
        contexts.save()?;
        output::note(&format!("logged in to {server}; context {name:?} saved in {}", context::path()?.display()));
        Ok(())
    }
}
