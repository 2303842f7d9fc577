//! What went wrong, in words: the hub's own, or those for a hub that cannot be reached.

use std::error::Error;

use reqwest::StatusCode;
use serde::Deserialize;

/// A refusal of the hub.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    body: Body,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    message: String,
    request_id: String,
}

/// Why a request found no hub, and what to do.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn Error = error;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    let chain = deepest.to_string();
    if chain.contains("certificate") || chain.contains("UnknownIssuer") {
        return format!("its certificate is not trusted ({chain}); log in again with the hub's --ca or --pin");
    }
    if error.is_timeout() {
        return "does not answer in time; check that it runs, and the way to it".to_owned();
    }
    if error.is_connect() {
        return format!("cannot be reached ({chain}); check the address, and that the hub runs");
    }
    if chain.contains("close_notify") || chain.contains("closed before message completed") {
        return "the connection was cut; check that it still runs".to_owned();
    }
    format!("the connection failed ({chain}); try again")
}

// === impl Problem ===

impl Problem {
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Self {
        Self { status, body: serde_json::from_slice(body).unwrap_or_default() }
    }

    /// Whether trying again later may help.
    pub(crate) fn is_transient(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.body.message.is_empty() {
            return write!(f, "the hub answered {}; see its log", self.status);
        }
        f.write_str(&self.body.message)?;
        if self.status.is_server_error() && !self.body.request_id.is_empty() {
            write!(f, " (request {})", self.body.request_id)?;
        }
        Ok(())
    }
}

impl Error for Problem {}
