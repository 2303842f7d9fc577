//! `windlass repo add`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
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
    /// Client certificate that the git server asks for, as PEM, with its issuers behind it.
    #[arg(long, value_name = "FILE", requires = "tls_client_cert_key_path")]
    tls_client_cert_path: Option<PathBuf>,
    /// Private key of the client certificate, as PEM, not encrypted.
    #[arg(long, value_name = "FILE", requires = "tls_client_cert_path")]
    tls_client_cert_key_path: Option<PathBuf>,
    /// Do not check the git server's certificate: whoever is in between can read the credentials and put in any manifest.
    #[arg(long, conflicts_with = "ca_file")]
    insecure_skip_server_verification: bool,
    /// http://host:port of a proxy on the way to the git server.
    #[arg(long, value_name = "URL", value_parser = proxy)]
    proxy: Option<String>,
    /// User for the proxy.
    #[arg(long, value_name = "USER", default_value = "", requires = "proxy_password_file")]
    proxy_username: String,
    /// File that holds the proxy's password; `-` is stdin.
    #[arg(long, value_name = "FILE", requires = "proxy")]
    proxy_password_file: Option<PathBuf>,
    /// Hosts that are reached without the proxy, by comma: .example.com,10.0.0.0/8.
    #[arg(long, value_name = "HOSTS", default_value = "", requires = "proxy")]
    no_proxy: String,
}

impl Add {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let password = self.password_file.as_deref().map(read_token).transpose()?;
        let bearer = self.bearer_file.as_deref().map(read_token).transpose()?;
        let ca_pem = self.ca_file.as_deref().map(read_ca).transpose()?;
        let certificate = self.tls_client_cert_path.as_deref().map(read_pem).transpose()?;
        let key = self.tls_client_cert_key_path.as_deref().map(read_pem).transpose()?;
        let proxy_password = self.proxy_password_file.as_deref().map(read_token).transpose()?;
        let mut body = json!({
            "url": self.url, "name": self.name, "username": self.username, "password": password, "bearerToken": bearer, "caPem": ca_pem,
        });
        // Only what was given: an older hub does not know these and says so.
        for (field, value) in [
            ("tlsClientCertData", certificate.map(serde_json::Value::from)),
            ("tlsClientCertKey", key.map(serde_json::Value::from)),
            ("insecure", self.insecure_skip_server_verification.then(|| true.into())),
            ("proxy", self.proxy.map(serde_json::Value::from)),
            ("proxyUsername", Some(self.proxy_username).filter(|name| !name.is_empty()).map(serde_json::Value::from)),
            ("proxyPassword", proxy_password.map(serde_json::Value::from)),
            ("noProxy", Some(self.no_proxy).filter(|hosts| !hosts.is_empty()).map(serde_json::Value::from)),
        ] {
            if let Some(value) = value {
                body[field] = value;
            }
        }
        let repository: Repository = client.send(Method::PUT, &["repositories"], &[], &body).await?;
        output::note(&format!("repository {} saved", repository.url));
        Ok(())
    }
}

fn read_pem(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("PEM file {}: cannot be read", path.display()))
}

/// Other users of the machine can read arguments.
fn proxy(text: &str) -> anyhow::Result<String> {
    if text.contains('@') {
        bail!("a user or password does not belong on the command line; use --proxy-username and --proxy-password-file");
    }
    Ok(text.to_owned())
}
