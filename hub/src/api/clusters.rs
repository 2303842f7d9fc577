//! Clusters: records first, joined by an agent later.

pub(crate) mod authorities;
pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod install;
pub(crate) mod list;
pub(crate) mod trust;
pub(crate) mod upgrade;

use windlass_domain::name;
use windlass_store::{ClusterView, Labels};

use super::Shared;
use super::error::{ApiError, Result};
use super::view::ClusterObject;

const LIMIT: usize = 100;

async fn object(shared: &Shared, cluster: &str) -> Result<ClusterObject> {
    let view: Option<ClusterView> = shared.state.store.cluster_view(cluster).await?;
    let view = view.ok_or_else(|| ApiError::not_found("cluster", cluster))?;
    Ok(ClusterObject::of(view, shared.state.clock.now()))
}

/// Kubernetes' rules for label keys and values.
fn check_labels(labels: &Labels) -> Result<()> {
    if labels.len() > LIMIT {
        return Err(ApiError::invalid("labels", format!("{} labels are more than the limit of {LIMIT}", labels.len())));
    }
    for (key, value) in labels {
        let (prefix, rest) = key.rsplit_once('/').unwrap_or(("", key));
        let prefix_is_fine = prefix.is_empty() && !key.contains('/') || name::subdomain("label prefix", prefix).is_ok();
        if !prefix_is_fine || rest.is_empty() || !is_label_text(rest) || !is_label_text(value) {
            let shown: String = format!("{key}={value}").chars().take(200).collect();
            let rule = "at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
            return Err(ApiError::invalid("labels", format!("{shown:?} is not a label: key and value are {rule}")));
        }
    }
    Ok(())
}

fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
}

fn check_aliases(aliases: &[String]) -> Result<()> {
    if aliases.len() > LIMIT {
        return Err(ApiError::invalid(
            "serverAliases",
            format!("{} aliases are more than the limit of {LIMIT}", aliases.len()),
        ));
    }
    for alias in aliases {
        let url =
            url::Url::parse(alias).ok().filter(|url| alias.len() <= 1024 && matches!(url.scheme(), "https" | "http"));
        if url.is_none_or(|url| !url.username().is_empty() || url.password().is_some()) {
            return Err(ApiError::invalid(
                "serverAliases",
                "an alias must be a URL as in destination.server: https://host:port, without a user",
            ));
        }
    }
    Ok(())
}

fn check_address(address: &str) -> Result<()> {
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    if address.is_empty() || (address.len() <= 300 && address.chars().all(plain) && matches!(port, Some(Ok(1..)))) {
        return Ok(());
    }
    Err(ApiError::invalid(
        "agentsAddress",
        "an address of the agents listener is host:port; an empty one is what the hub says to everybody",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_kubernetes() {
        let check = |key: &str, value: &str| check_labels(&[(key.to_owned(), value.to_owned())].into()).is_ok();
        for (key, value) in [("env", "prod"), ("env", ""), ("example.com/tier", "a_b.c-d"), ("A", "1")] {
            assert!(check(key, value), "{key}={value}");
        }
        for (key, value) in [
            ("", "x"),
            ("/x", "x"),
            ("a/b/c", "x"),
            ("env", "a b"),
            ("env", "-a"),
            ("env", "a-"),
            ("é", "x"),
            ("A.example/", "x"),
        ] {
            assert!(!check(key, value), "{key}={value}");
        }
    }

    #[test]
    fn an_alias_is_an_address_without_a_password() {
        assert!(check_aliases(&["https://10.0.0.1:6443".into()]).is_ok());
        for bad in ["", "eu-1", "https://me:secret@host", "file:///x"] {
            assert!(check_aliases(&[bad.into()]).is_err(), "{bad}");
        }
    }
}
