//! What an operator may choose, checked before it becomes an object.

use serde::{Deserialize, Serialize};

use crate::name;

/// Everything but the join file. What is absent is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InstallOptions {
    /// What the agent may do in the cluster.
    #[serde(skip_serializing_if = "is_default")]
    pub profile: Profile,
    /// Of the profile `namespaces`: the only ones that it may touch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Of the profile `impersonate`: the service account of each namespace whose rights writes have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// The agent's image, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// A registry that stands for the image's own: `host[:port][/path]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Secrets of the agent's namespace with credentials for the registry; made by the operator.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pull_secrets: Vec<String>,
    /// A proxy between the agent and the hub: `http://[user:password@]host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// 1 or 2; two elect by a Lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}

/// What the agent may do in its cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Everything: cluster-admin.
    #[default]
    Admin,
    /// Everything in some namespaces, and nothing outside but to look at which kinds and namespaces there are.
    Namespaces,
    /// Read everything, and write only as a service account of the namespace that is written to.
    Impersonate,
}

/// Which option is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}")]
pub struct InvalidInstall {
    /// The option, as the API names it.
    pub option: &'static str,
    /// For people.
    pub problem: String,
}

/// The service account that is impersonated where none is named.
const SERVICE_ACCOUNT: &str = "windlass-deployer";
const MOST_NAMESPACES: usize = 100;
const MOST_PULL_SECRETS: usize = 10;
const MOST_REPLICAS: u32 = 2;
const LONGEST: usize = 500;

// === impl InstallOptions ===

impl InstallOptions {
    /// Checks every option.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn check(&self) -> Result<(), InvalidInstall> {
        let bad = |option: &'static str, problem: String| Err(InvalidInstall { option, problem });
        if self.namespaces.len() > MOST_NAMESPACES {
            return bad(
                "namespaces",
                format!("{} are more than the limit of {MOST_NAMESPACES}", self.namespaces.len()),
            );
        }
        match (self.profile, self.namespaces.is_empty()) {
            (Profile::Namespaces, true) => {
                return bad("namespaces", "the profile `namespaces` needs at least one".into());
            }
            (Profile::Admin | Profile::Impersonate, false) => {
                return bad("namespaces", "only the profile `namespaces` has namespaces".into());
            }
            _ => {}
        }
        if self.service_account.is_some() && self.profile != Profile::Impersonate {
            return bad("serviceAccount", "only the profile `impersonate` has a service account".into());
        }
        for namespace in &self.namespaces {
            if !is_label(namespace) {
                return bad("namespaces", format!("{} is not the name of a namespace", shown(namespace)));
            }
        }
        let names = self.pull_secrets.iter().map(|name| ("pullSecrets", name));
        for (option, text) in names.chain(self.service_account.iter().map(|name| ("serviceAccount", name))) {
            if name::subdomain("name", text).is_err() {
                return bad(option, format!("{} is not a name", shown(text)));
            }
        }
        if self.pull_secrets.len() > MOST_PULL_SECRETS {
            return bad("pullSecrets", format!("more than the limit of {MOST_PULL_SECRETS}"));
        }
        for (option, text) in [("image", &self.image), ("registry", &self.registry)] {
            if let Some(text) = text.as_ref().filter(|text| !is_reference(text)) {
                return bad(option, format!("{} is not of the form [host[:port]/]path[:tag][@digest]", shown(text)));
            }
        }
        if self.proxy.as_ref().is_some_and(|proxy| !is_proxy(proxy)) {
            // Not repeated: it may hold a password.
            return bad("proxy", "a proxy is http://[user:password@]host:port".into());
        }
        if self.replicas.is_some_and(|replicas| !(1..=MOST_REPLICAS).contains(&replicas)) {
            return bad("replicas", format!("1 to {MOST_REPLICAS} are possible: one works, another stands by"));
        }
        Ok(())
    }

    /// The image to pull, where the hub's default is `default`.
    pub fn image_of(&self, default: &str) -> String {
        let image = self.image.as_deref().unwrap_or(default);
        let Some(registry) = &self.registry else { return image.to_owned() };
        format!("{}/{}", registry.trim_end_matches('/'), without_host(image))
    }

    /// How many replicas.
    pub fn replicas(&self) -> u32 {
        self.replicas.unwrap_or(1)
    }

    /// Whose rights writes have, where they are not the agent's.
    pub fn impersonated(&self) -> Option<&str> {
        (self.profile == Profile::Impersonate).then(|| self.service_account.as_deref().unwrap_or(SERVICE_ACCOUNT))
    }
}

/// As container engines tell a host from the first part of a path.
fn without_host(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => image,
    }
}

fn is_label(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
    let bytes = text.as_bytes();
    bytes.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
}

/// Whether a text may be an image: `[host[:port]/]path[:tag][@digest]`.
pub fn is_image(text: &str) -> bool {
    is_reference(text)
}

fn is_reference(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    !text.is_empty()
        && text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(plain)
}

fn is_proxy(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://") else { return false };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let port = host.rsplit_once(':').filter(|(name, _)| !name.is_empty()).map(|(_, port)| port.parse::<u16>());
    text.len() <= LONGEST && matches!(port, Some(Ok(_))) && text.chars().all(|c| c.is_ascii_graphic())
}

fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(100).collect::<String>())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
