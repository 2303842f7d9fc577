//! `windlass repo add`.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use serde_json::json;

use crate::client::Client;
use crate::context::{read_ca, read_token};
use crate::output;
use crate::view::Repository;

/// Add a repository, or replace its settings and credentials.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass repo add https://git.example/team/app.git --username bot --password-file token.txt --ca-file ca.pem"
)]
pub(crate) struct Add {
    /// https://host/path, without user or password.
    url: String,
    /// Display name.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// User for basic authentication.
    #[arg(long, value_name = "USER", default_value = "", requires = "password_file")]
    username: String,
    /// File that holds the password or access token for the user; `-` is stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "bearer_file")]
    password_file: Option<PathBuf>,
    /// File that holds a bearer token; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    bearer_file: Option<PathBuf>,
    /// CA certificates of the git server, as PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Add {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let password = self.password_file.as_deref().map(read_token).transpose()?;
        let bearer = self.bearer_file.as_deref().map(read_token).transpose()?;
        let ca_pem = self.ca_file.as_deref().map(read_ca).transpose()?;
        let body = json!({
            "url": self.url, "name": self.name, "username": self.username, "password": password, "bearerToken": bearer, "caPem": ca_pem,
        });
        let repository: Repository = client.send(Method::PUT, &["repositories"], &[], &body).await?;
        output::note(&format!("repository {} saved", repository.url));
        Ok(())
    }
}
