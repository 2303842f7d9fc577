//! Kubeconfig files with everything inside, written as JSON, which is YAML.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::certificates::Authority;

/// Writes `NAME.kubeconfig` into `folder` for a new client certificate of user `name`.
pub(super) fn write(folder: &Path, name: &str, groups: &[&str], url: &str, authority: &Authority) -> Result<PathBuf> {
    let client = authority.client(name, groups)?;
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "test",
            "cluster": { "server": url, "certificate-authority-data": BASE64.encode(authority.pem()) },
        }],
        "users": [{
            "name": name,
            "user": {
                "client-certificate-data": BASE64.encode(client.certificate),
                "client-key-data": BASE64.encode(client.key),
            },
        }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": name } }],
        "current-context": "test",
    });
    let file = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.', "_");
    let path = folder.join(format!("{file}.kubeconfig"));
    let text = serde_json::to_string_pretty(&kubeconfig).context("writing a kubeconfig")?;
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
