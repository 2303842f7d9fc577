//! How an agent gets into its cluster: what may be chosen, and the command or the manifest that does it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::client::Client;
use crate::context::{read_token, write_private};
use crate::output;

#[derive(Args)]
#[command(next_help_heading = "Installation")]
pub(super) struct InstallArgs {
    /// What the agent may do: `admin` makes it cluster-admin, `impersonate` lets it read all and write as a service account of each namespace.
    #[arg(long, value_name = "PROFILE", conflicts_with = "namespaces")]
    profile: Option<Profile>,
    /// The agent may touch these namespaces and nothing else; cluster-scoped objects are refused to it.
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    namespaces: Vec<String>,
    /// Of `--profile impersonate`: the service account that each namespace has for it [default: windlass-deployer].
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// The agent's image, in place of the one that the hub names.
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// A registry that mirrors the image's own.
    #[arg(long, value_name = "HOST[:PORT][/PATH]")]
    registry: Option<String>,
    /// A Secret in windlass-system with credentials for the registry; may repeat.
    #[arg(long = "pull-secret", value_name = "NAME")]
    pull_secrets: Vec<String>,
    /// A file with the proxy on the agent's way to the hub: http://[USER:PASSWORD@]HOST:PORT; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    proxy_file: Option<PathBuf>,
    /// The proxy itself, where it needs no password.
    #[arg(long, value_name = "URL", conflicts_with = "proxy_file")]
    proxy: Option<String>,
    /// 2: another replica stands by.
    #[arg(long, value_name = "NUMBER")]
    replicas: Option<u32>,
    /// Do it: apply the manifest with kubectl to the cluster of this context.
    #[arg(long = "context", value_name = "CONTEXT", conflicts_with = "output")]
    pub(super) kube_context: Option<String>,
    /// Write the manifest there, for `kubectl apply -f`; `-` prints it. A name that ends in .json gets the join file alone, for `windlass-agent --join`.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    Admin,
    Impersonate,
}

/// What was done, and by whom the rest is.
pub(super) enum Handed {
    /// A link; the operator's command fetches the manifest.
    Link,
    /// A file; whenever somebody uses it.
    File,
    /// kubectl has applied it.
    Applied,
}

// === impl InstallArgs ===

impl InstallArgs {
    /// The API's `install`; none where the join file alone is wanted.
    pub(super) fn body(&self) -> anyhow::Result<Option<Value>> {
        if self.wants_join_file() {
            return Ok(None);
        }
        let profile = match (self.namespaces.is_empty(), self.profile) {
            (false, _) => "namespaces",
            (true, Some(Profile::Impersonate)) => "impersonate",
            (true, Some(Profile::Admin) | None) => "admin",
        };
        let proxy = match &self.proxy_file {
            Some(path) => Some(read_token(path)?),
            None => self.proxy.clone(),
        };
        let mut body = json!({"profile": profile, "namespaces": self.namespaces, "pullSecrets": self.pull_secrets});
        let given = [
            ("serviceAccount", &self.service_account),
            ("image", &self.image),
            ("registry", &self.registry),
            ("proxy", &proxy),
        ];
        for (key, value) in given.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            body[key] = json!(value);
        }
        if let Some(replicas) = self.replicas {
            body["replicas"] = json!(replicas);
        }
        Ok(Some(body))
    }

    fn wants_join_file(&self) -> bool {
        self.output.as_deref().is_some_and(|path| path.extension().is_some_and(|extension| extension == "json"))
    }

    /// Says, applies or writes what installs the agent.
    pub(super) async fn hand_over(&self, client: &Client, name: &str, joining: &Value) -> anyhow::Result<Handed> {
        let manifest = joining["install"]["manifest"].as_str().unwrap_or_default();
        match (&self.output, &self.kube_context) {
            (Some(path), _) if self.wants_join_file() => {
                write_join_file(path, &joining["join"])?;
                return Ok(Handed::File);
            }
            (Some(path), _) if path == Path::new("-") => output::line(manifest.trim_end())?,
            (Some(path), _) => {
                write_private(path, manifest.as_bytes())?;
                output::note(&format!("manifest written to {}: it holds a secret, for one agent", path.display()));
                output::note(&format!("in the cluster: kubectl apply -f {}", path.display()));
            }
            (None, Some(context)) => {
                self.say_rights(name);
                apply(context, manifest).await?;
                return Ok(Handed::Applied);
            }
            (None, None) => {
                self.say_rights(name);
                let url =
                    joining["install"]["url"].as_str().context("the hub gave no link; compare `windlass version`")?;
                output::note("run this where kubectl reaches the cluster; it is good for once:");
                output::line(&command(url, client.leaf_pin().await?.as_deref()))?;
                return Ok(Handed::Link);
            }
        }
        self.say_rights(name);
        Ok(Handed::File)
    }

    fn say_rights(&self, name: &str) {
        let account = self.service_account.as_deref().unwrap_or("windlass-deployer");
        let rights = match (self.namespaces.is_empty(), self.profile) {
            (false, _) => {
                format!("the agent of {name} may do everything in {} and nothing outside", self.namespaces.join(", "))
            }
            (true, Some(Profile::Impersonate)) => {
                format!(
                    "the agent of {name} reads everything and writes as service account {account} of each namespace"
                )
            }
            (true, _) => {
                format!("the agent of {name} becomes cluster-admin; --namespaces or --profile impersonate grant less")
            }
        };
        output::note(&rights);
    }
}

fn write_join_file(path: &Path, join: &Value) -> anyhow::Result<()> {
    write_private(path, format!("{}\n", serde_json::to_string_pretty(join)?).as_bytes())?;
    output::note(&format!("join file written to {}: it holds a secret, for one agent", path.display()));
    output::note(&format!("in the cluster: windlass-agent --join {}", path.display()));
    Ok(())
}

/// kubectl trusts what the system trusts. A hub under a CA of its own is known by its key instead: curl then checks that, and `-k` skips nothing that matters.
fn command(url: &str, pin: Option<&str>) -> String {
    match pin {
        None => format!("kubectl apply -f '{url}'"),
        Some(pin) => format!("curl -fsSk --pinnedpubkey 'sha256//{pin}' '{url}' | kubectl apply -f -"),
    }
}

async fn apply(context: &str, manifest: &str) -> anyhow::Result<()> {
    let mut kubectl = tokio::process::Command::new("kubectl");
    kubectl
        .args(["--context", context, "apply", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut running = match kubectl.spawn() {
        Ok(running) => running,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("kubectl: not found in PATH; install it, or take the manifest with -o FILE and apply that")
        }
        Err(error) => return Err(error).context("kubectl: cannot be started"),
    };
    let mut stdin = running.stdin.take().context("kubectl: takes no input")?;
    // An error of kubectl's own says more than one of the pipe.
    let _ = stdin.write_all(manifest.as_bytes()).await;
    drop(stdin);
    let output = running.wait_with_output().await?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        output::note(line);
    }
    if !output.status.success() {
        bail!(
            "kubectl: apply to context {context} failed; the cluster is registered: windlass cluster token makes a new manifest"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_of_its_own_authority_is_known_by_its_key() {
        assert_eq!(command("https://h/install/x", None), "kubectl apply -f 'https://h/install/x'");
        let pinned = command("https://h/install/x", Some("AAA="));
        assert_eq!(pinned, "curl -fsSk --pinnedpubkey 'sha256//AAA=' 'https://h/install/x' | kubectl apply -f -");
    }
}
