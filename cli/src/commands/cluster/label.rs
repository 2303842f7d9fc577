//! `windlass cluster label`.

use std::collections::BTreeMap;

use anyhow::bail;
use clap::Args;
use reqwest::Method;
use serde_json::json;

use crate::client::Client;
use crate::output;
use crate::view::Cluster;

/// Set and remove labels; applications with a selector come and go by them.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass cluster label eu-1 env=prod canary-")]
pub(crate) struct Label {
    /// Name of the cluster.
    name: String,
    /// `key=value` sets, `key-` removes.
    #[arg(required_unless_present = "server_aliases", value_name = "KEY=VALUE|KEY-")]
    labels: Vec<String>,
    /// Replace the addresses by which `destination.server` may mean this cluster; may repeat.
    #[arg(long = "server-alias", value_name = "URL")]
    server_aliases: Option<Vec<String>>,
}

impl Label {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let mut labels = BTreeMap::new();
        for text in &self.labels {
            match (text.split_once('='), text.strip_suffix('-')) {
                (Some((key, value)), _) => labels.insert(key, Some(value)),
                (None, Some(key)) => labels.insert(key, None),
                (None, None) => bail!("label {text:?}: write key=value to set it, or key- to remove it"),
            };
        }
        let mut body = json!({"labels": labels});
        if let Some(aliases) = self.server_aliases {
            body["serverAliases"] = json!(aliases);
        }
        let cluster: Cluster = client.send(Method::PATCH, &["clusters", &self.name], &[], &body).await?;
        let labels: Vec<_> = cluster.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        output::note(&format!("cluster {} labeled: {}", cluster.name, labels.join(", ")));
        Ok(())
    }
}
