//! `windlass app adopt`.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::name::NameArgs;
use super::resources::read_all;
use crate::client::Client;
use crate::commands::parse;
use crate::output::{self, table};
use crate::view::{Key, Resource};

/// Take over objects that another application, hub or tool owns.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass app adopt web --cluster eu-1\n  windlass app adopt web --resource apps:Deployment:shop/web"
)]
pub(crate) struct Adopt {
    #[command(flatten)]
    name: NameArgs,
    /// Only on this cluster.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Exactly this object; may repeat. Without it, those that were refused for their owner.
    #[arg(long = "resource", value_name = "GROUP:KIND:[NAMESPACE/]NAME", value_parser = parse::key)]
    resources: Vec<Key>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Deserialize)]
struct Adopted {
    adopted: Vec<AdoptedSet>,
}

#[derive(Deserialize)]
struct AdoptedSet {
    cluster: String,
    keys: Vec<Key>,
}

impl Adopt {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let keys = if self.resources.is_empty() { self.refused(client).await? } else { self.resources.clone() };
        for key in &keys {
            output::note(&table::single_line(&format!("  {key}")));
        }
        output::confirm(&format!("Take over these {} objects?", keys.len()), self.yes)?;
        let body = json!({"cluster": self.cluster, "keys": self.resources});
        let adopted: Adopted = client.post(&self.name.below("adopt"), &body).await?;
        for set in adopted.adopted {
            output::line(&format!(
                "application {} may take over {} objects on {}",
                self.name,
                set.keys.len(),
                set.cluster
            ))?;
        }
        Ok(())
    }

    /// Agents name this command in the message of every object that they refuse.
    async fn refused(&self, client: &Client) -> anyhow::Result<Vec<Key>> {
        let resources: Vec<Resource> = read_all(client, &self.name, self.cluster.clone()).await?;
        let keys: Vec<Key> = resources
            .into_iter()
            .filter(|resource| resource.message.contains("app adopt"))
            .map(|resource| resource.key)
            .collect();
        anyhow::ensure!(
            !keys.is_empty(),
            "application {}: no object belongs to another owner; there is nothing to adopt",
            self.name
        );
        Ok(keys)
    }
}
