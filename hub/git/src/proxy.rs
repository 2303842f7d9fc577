//! An HTTP proxy between the hub and a repository, by `CONNECT`: it sees the host's name, nothing of the conversation.

mod bypass;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::bypass::Bypass;
use crate::error::{Error, Result};

const SETTING: &str = "proxy";

/// A proxy, with the user and password it asks for, and the hosts that are reached without it. Neither `Debug` nor `Serialize`.
#[derive(Clone)]
pub struct Proxy {
    /// Without user information.
    url: Url,
    user: Option<(String, SecretString)>,
    /// `user:password`, to tell proxies apart by.
    secret: SecretString,
    bypass: Bypass,
}

// === impl Proxy ===

impl Proxy {
    /// `http://[user:password@]host:port` or `https://...`; without a scheme, http. `no_proxy` is a list by comma as Go reads `NO_PROXY`: a domain with
    /// everything below it, `.domain` for what is below it only, an address, a CIDR, each with an optional `:port`; `*` is every host. No error repeats the user information.
    pub fn parse(text: &str, no_proxy: &str) -> Result<Self> {
        let invalid = |cause: &str| Error::Setting { setting: SETTING, cause: cause.to_owned() };
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&with_scheme).map_err(|_| invalid("it is no URL; write http://host:port"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("only http and https proxies are supported (CONNECT); write http://host:port"));
        }
        if url.host_str().is_none_or(str::is_empty) || url.path() != "/" || url.query().is_some() {
            return Err(invalid("it is more than scheme, user, host and port; write http://host:port"));
        }
        let user = match (url.username(), url.password()) {
            ("", None) => None,
            (name, password) => Some((decode(name), SecretString::from(decode(password.unwrap_or_default())))),
        };
        // Neither can fail where there is a host.
        let _ = (url.set_username(""), url.set_password(None));
        let proxy =
            Self { url, user: None, secret: SecretString::from(String::new()), bypass: Bypass::parse(no_proxy)? };
        Ok(match user {
            Some((name, password)) => proxy.with_user(name, password),
            None => proxy,
        })
    }

    /// The proxy that the process's environment names for this host: `HTTPS_PROXY` or `ALL_PROXY`, and `NO_PROXY`, in capitals or not.
    pub(crate) fn of_environment(url: &Url) -> Option<Self> {
        let read = |name: &str| {
            let found = std::env::var(name).or_else(|_| std::env::var(name.to_ascii_lowercase())).ok();
            found.filter(|value| !value.is_empty())
        };
        let address = read("HTTPS_PROXY").or_else(|| read("ALL_PROXY"))?;
        Self::parse(&address, &read("NO_PROXY").unwrap_or_default()).ok().filter(|proxy| proxy.is_for(url))
    }

    /// With the user and password that the proxy asks for.
    pub fn with_user(mut self, name: String, password: SecretString) -> Self {
        self.secret = SecretString::from(format!("{name}:{}", password.expose_secret()));
        self.user = Some((name, password));
        self
    }

    /// The address, fit to be shown: no user information.
    pub fn address(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Who the proxy is told we are.
    pub fn user(&self) -> Option<(&str, &SecretString)> {
        self.user.as_ref().map(|(name, password)| (name.as_str(), password))
    }

    pub(crate) fn secret(&self) -> &str {
        self.secret.expose_secret()
    }

    /// Whether this host is reached through the proxy.
    pub(crate) fn is_for(&self, url: &Url) -> bool {
        !self.bypass.covers(url)
    }

    pub(crate) fn to_reqwest(&self) -> std::result::Result<reqwest::Proxy, reqwest::Error> {
        let proxy = reqwest::Proxy::all(self.url.as_str())?;
        Ok(match &self.user {
            Some((name, password)) => proxy.basic_auth(name, password.expose_secret()),
            None => proxy,
        })
    }
}

/// User information is percent-encoded in a URL.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_secrets() {
        for (text, address, user) in [
            ("http://proxy.example:3128", "http://proxy.example:3128", None),
            ("proxy.example:3128", "http://proxy.example:3128", None),
            ("https://me:p%40ss%3A@proxy.example", "https://proxy.example", Some(("me", "p@ss:"))),
        ] {
            let proxy = Proxy::parse(text, "").unwrap();
            assert_eq!(proxy.address(), address);
            assert_eq!(proxy.user().map(|(name, password)| (name, password.expose_secret())), user);
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_repeating_it() {
        for text in
            ["", "socks5://me:hunter2@h:1", "http://me:hunter2@h/path", "http://me:hunter2@", "http://h?x=hunter2"]
        {
            let error = Proxy::parse(text, "").err().unwrap().to_string();
            assert!(error.contains("`proxy`") && !error.contains("hunter2"), "{text}: {error}");
        }
        assert!(Proxy::parse("h:1", "10.0.0.0/99").is_err());
    }
}
