//! Git over HTTPS: the connections, and what is kept warm between questions.

pub(crate) mod classify;
pub(crate) mod session;

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::options::Options;

/// One connection pool for each set of trusted authorities. Credentials travel with requests, never with connections, so repositories of one host
/// share its connections.
pub(crate) struct Clients {
    options: Options,
    by_ca: Mutex<HashMap<Option<String>, reqwest::Client>>,
}

// === impl Clients ===

impl Clients {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, by_ca: Mutex::default() }
    }

    pub(crate) fn get(&self, url: &str, ca_pem: Option<&str>) -> Result<reqwest::Client> {
        let mut by_ca = self.by_ca.lock();
        if let Some(client) = by_ca.get(&ca_pem.map(str::to_owned)) {
            return Ok(client.clone());
        }
        let client = self.build(url, ca_pem)?;
        by_ca.insert(ca_pem.map(str::to_owned), client.clone());
        Ok(client)
    }

    fn build(&self, url: &str, ca_pem: Option<&str>) -> Result<reqwest::Client> {
        let tls = |cause: String| Error::Tls { url: url.to_owned(), cause };
        let mut builder = reqwest::Client::builder()
            .user_agent(&self.options.user_agent)
            .connect_timeout(self.options.connect_timeout)
            // Redirects are followed by hand: credentials must not travel, and git only allows them on the first request.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .tcp_nodelay(true)
            .http2_max_header_list_size(64 << 10)
            .http2_adaptive_window(true);
        if let Some(pem) = ca_pem {
            let authorities = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|e| tls(e.to_string()))?;
            if authorities.is_empty() {
                return Err(tls("the repository's `ca` setting holds no PEM certificate".to_owned()));
            }
            builder = builder.tls_certs_only(authorities);
        }
        builder.build().map_err(|error| tls(classify::words(&error)))
    }
}
