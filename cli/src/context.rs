//! Saved contexts: where hubs are, how they are known, and the tokens for them. The file is readable by its owner only.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::connection::ConnectionArgs;

/// The file. It holds tokens: no `Debug`.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Contexts {
    pub(crate) current: String,
    pub(crate) contexts: BTreeMap<String, Saved>,
}

/// One context.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Saved {
    pub(crate) server: String,
    pub(crate) token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_pem: Option<String>,
}

/// Where the contexts are: `WINDLASS_CONFIG`, or `windlass/config.json` in the user's configuration directory.
pub(crate) fn path() -> anyhow::Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = variable("WINDLASS_CONFIG") {
        return Ok(path);
    }
    let base = variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")));
    let base =
        base.context("no place for contexts: none of WINDLASS_CONFIG, XDG_CONFIG_HOME and HOME is set; set one")?;
    Ok(base.join("windlass/config.json"))
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let name = path.file_name().with_context(|| format!("{}: not a file name; give a file", path.display()))?;
    let part = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().or_else(|error| {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&part);
        Err(error).with_context(|| format!("{}: cannot be written", path.display()))
    })
}

/// A token from a file, `-` being stdin.
pub(crate) fn read_token(path: &Path) -> anyhow::Result<String> {
    let text =
        if path == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    let text = text.with_context(|| format!("token file {}: cannot be read", path.display()))?;
    let token = text.trim().to_owned();
    if token.is_empty() {
        bail!("token file {}: is empty; write the token into it", path.display());
    }
    Ok(token)
}

// === impl Contexts ===

impl Contexts {
    /// What is saved; nothing yet is nothing.
    pub(crate) fn load() -> anyhow::Result<Self> {
        let path = path()?;
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{}: not a file of contexts; correct or remove it", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("{}: cannot be read", path.display())),
        }
    }

    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let path = path()?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
            std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
        write_private(&path, &serde_json::to_vec_pretty(self)?)
    }

    /// The context that a command is to use: flags and variables over what is saved.
    pub(crate) fn resolve(mut self, args: &ConnectionArgs) -> anyhow::Result<Saved> {
        let name = args.context.clone().unwrap_or_else(|| self.current.clone());
        let saved = self.contexts.remove(&name);
        if args.context.is_some() && saved.is_none() {
            bail!("context {name:?}: is not saved; `windlass context list` shows those that are");
        }
        let server = args.server.clone().or_else(|| saved.as_ref().map(|saved| saved.server.clone()));
        let server = server.context("no hub: no context is saved and WINDLASS_SERVER is not set; run `windlass login https://host:8443 --token-file FILE --ca FILE`")?;
        // What was saved for one hub is not sent to another.
        let saved = saved.filter(|saved| saved.server.trim_end_matches('/') == server.trim_end_matches('/'));
        let token = match token(args)? {
            Some(token) => token,
            None => saved
                .as_ref()
                .map(|saved| saved.token.clone())
                .context("no token for this hub; run `windlass login`, or give --token-file")?,
        };
        let ca_pem = match &args.ca {
            Some(path) => Some(read_ca(path)?),
            None => saved.and_then(|saved| saved.ca_pem),
        };
        Ok(Saved { server, token, ca_pem })
    }
}

pub(crate) fn read_ca(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("CA file {}: cannot be read", path.display()))
}

/// A token from flags or variables.
pub(crate) fn token(args: &ConnectionArgs) -> anyhow::Result<Option<String>> {
    if let Some(path) = &args.token_file {
        return read_token(path).map(Some);
    }
    Ok(std::env::var("WINDLASS_TOKEN").ok().map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> Contexts {
        let saved = Saved { server: "https://a:1".into(), token: "t".into(), ca_pem: Some("pem".into()) };
        Contexts { current: "a".into(), contexts: [("a".to_owned(), saved)].into() }
    }

    fn args(server: Option<&str>, context: Option<&str>) -> ConnectionArgs {
        ConnectionArgs {
            server: server.map(str::to_owned),
            token_file: None,
            ca: None,
            context: context.map(str::to_owned),
        }
    }

    #[test]
    fn the_current_context_is_used() {
        let used = saved().resolve(&args(None, None)).expect("a context");
        assert_eq!(
            (used.server.as_str(), used.token.as_str(), used.ca_pem.as_deref()),
            ("https://a:1", "t", Some("pem"))
        );
    }

    #[test]
    fn a_saved_token_is_not_sent_to_another_hub() {
        assert!(saved().resolve(&args(Some("https://b:1"), None)).is_err());
        assert!(saved().resolve(&args(Some("https://a:1/"), None)).is_ok());
    }

    #[test]
    fn an_unknown_context_is_named() {
        let error = saved().resolve(&args(None, Some("nope"))).err().expect("an error");
        assert!(error.to_string().contains("nope"));
    }
}
