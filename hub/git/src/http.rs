//! Git over HTTPS: the connections, and what is kept warm between questions.

pub(crate) mod classify;
pub(crate) mod session;

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::credentials::Fingerprint;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::repository::Repository;

/// Ways of connecting that are kept; beyond that all are forgotten and made again, for settings come and go.
const KEPT: usize = 512;

/// One connection pool for each way of connecting (authorities, client certificate, proxy). Passwords and tokens travel with requests, never with
/// connections, so repositories of one host share its connections; a client certificate belongs to the connection, and is in the way's name.
pub(crate) struct Clients {
    options: Options,
    by_way: Mutex<HashMap<Fingerprint, reqwest::Client>>,
}

// === impl Clients ===

impl Clients {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, by_way: Mutex::default() }
    }

    pub(crate) fn get(&self, url: &str, repository: &Repository) -> Result<reqwest::Client> {
        let way = Fingerprint::of_connection(repository);
        let mut by_way = self.by_way.lock();
        if let Some(client) = by_way.get(&way) {
            return Ok(client.clone());
        }
        let client = self.build(url, repository)?;
        if by_way.len() >= KEPT {
            by_way.clear();
        }
        by_way.insert(way, client.clone());
        Ok(client)
    }

    fn build(&self, url: &str, repository: &Repository) -> Result<reqwest::Client> {
        let tls = |cause: String| Error::Tls { url: url.to_owned(), cause };
        let mut builder = reqwest::Client::builder()
            .user_agent(&self.options.user_agent)
            .connect_timeout(self.options.connect_timeout)
            // Redirects are followed by hand: credentials must not travel, and git only allows them on the first request.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .tcp_nodelay(true)
            .http2_max_header_list_size(64 << 10)
            .http2_adaptive_window(true);
        builder = match repository.proxy() {
            Some(proxy) => builder.proxy(proxy.to_reqwest().map_err(|error| tls(classify::words(&error)))?),
            None if self.options.environment_proxy && repository.proxy.is_none() => builder,
            None => builder.no_proxy(),
        };
        if let Some(pem) = &repository.ca_pem {
            let authorities = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|e| tls(e.to_string()))?;
            if authorities.is_empty() {
                return Err(tls("the repository's `ca` setting holds no PEM certificate".to_owned()));
            }
            builder = builder.tls_certs_only(authorities);
        }
        if let Some(certificate) = &repository.client_certificate {
            builder = builder.identity(certificate.identity().map_err(|error| tls(classify::words(&error)))?);
        }
        if repository.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        builder.build().map_err(|error| tls(classify::words(&error)))
    }
}
