//! The hosts that are reached without a proxy, by the rules of Go's `NO_PROXY`. Unlike there, loopback addresses are no exception of their own: who sets a proxy
//! on a repository of this machine means it.

use std::net::IpAddr;

use url::{Host, Url};

use crate::error::{Error, Result};

/// Hosts that are reached directly.
#[derive(Clone, Default)]
pub(super) struct Bypass {
    all: bool,
    rules: Vec<Rule>,
}

#[derive(Clone)]
struct Rule {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone)]
enum Hosts {
    Network {
        address: IpAddr,
        bits: u8,
    },
    /// `below` is whether the domain's own name is left out.
    Domain {
        name: String,
        below: bool,
    },
}

// === impl Bypass ===

impl Bypass {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut bypass = Self::default();
        for part in text.split(',').map(|part| part.trim().to_ascii_lowercase()).filter(|part| !part.is_empty()) {
            if part == "*" {
                bypass.all = true;
            } else {
                let cause = || format!("{part:?} is no domain, address or network; write .example.com, 10.0.0.0/8");
                let rule = rule(&part).ok_or_else(|| Error::Setting { setting: "noProxy", cause: cause() })?;
                bypass.rules.push(rule);
            }
        }
        Ok(bypass)
    }

    pub(super) fn covers(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let fits = |rule: &Rule| rule.port.is_none_or(|wanted| Some(wanted) == port) && rule.hosts.hold(url);
        self.all || self.rules.iter().any(fits)
    }
}

// === impl Hosts ===

impl Hosts {
    fn hold(&self, url: &Url) -> bool {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        match (self, address, url.host_str()) {
            (Self::Network { address: network, bits }, Some(address), _) => is_within(address, *network, *bits),
            (Self::Domain { name, below }, None, Some(host)) => {
                let host = host.trim_end_matches('.');
                let under = host.strip_suffix(name.as_str()).is_some_and(|before| before.ends_with('.'));
                under || (!below && host == name)
            }
            _ => false,
        }
    }
}

fn rule(text: &str) -> Option<Rule> {
    if let Some((address, bits)) = text.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        let bits: u8 = bits.parse().ok().filter(|bits| u32::from(*bits) <= width(address))?;
        return Some(Rule { hosts: Hosts::Network { address, bits }, port: None });
    }
    let (host, port) = match text.rsplit_once(':') {
        // An IPv6 address without brackets has colons and no port.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (text, None),
    };
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(Rule { hosts: Hosts::Network { address, bits: width(address) as u8 }, port });
    }
    let stripped = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
    let name = stripped.unwrap_or(host);
    let odd = name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    (!odd).then(|| Rule { hosts: Hosts::Domain { name: name.to_owned(), below: stripped.is_some() }, port })
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let drop = width(network).saturating_sub(u32::from(bits));
    let head = |address| number(address).checked_shr(drop).unwrap_or_default();
    address.is_ipv4() == network.is_ipv4() && head(address) == head(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_reached_directly_by_the_rules_of_go() {
        for (list, url, covered) in [
            ("", "https://a.example/x", false),
            ("*", "https://a.example/x", true),
            ("example.com", "https://example.com/x", true),
            ("example.com", "https://git.example.com/x", true),
            ("example.com", "https://badexample.com/x", false),
            (".example.com", "https://example.com/x", false),
            ("*.example.com, other", "https://git.example.com/x", true),
            ("EXAMPLE.com", "https://Git.Example.Com/x", true),
            ("git.example:8443", "https://git.example:8443/x", true),
            ("git.example:8443", "https://git.example/x", false),
            ("git.example:443", "https://git.example/x", true),
            ("10.0.0.0/8", "https://10.1.2.3/x", true),
            ("10.0.0.0/8", "https://11.1.2.3/x", false),
            ("0.0.0.0/0", "https://11.1.2.3/x", true),
            ("10.1.2.3:8443", "https://10.1.2.3:8443/x", true),
            ("fd00::/8", "https://[fd00::1]/x", true),
            ("::1", "https://[::1]/x", true),
            ("[::1]:8443", "https://[::1]/x", false),
            ("127.0.0.1", "https://localhost/x", false),
        ] {
            let bypass = Bypass::parse(list).unwrap();
            assert_eq!(bypass.covers(&Url::parse(url).unwrap()), covered, "{list:?} {url}");
        }
        for list in ["a b", "10.0.0.0/33", "host:port", "fd00::/129"] {
            assert!(Bypass::parse(list).is_err(), "{list}");
        }
    }
}
