//! What a failed HTTP request means.

use crate::error::{Error, Result};
use crate::protocol::Fault;

/// A request that got no answer; `proxy` is what it went through.
pub(crate) fn transport(url: &str, proxy: Option<&str>, error: &reqwest::Error) -> Error {
    let (url, cause) = (url.to_owned(), words(error));
    if let Some(tls) = find_tls(error) {
        return Error::Tls { url, cause: tls.to_string() };
    }
    match proxy.filter(|_| error.is_connect()) {
        Some(proxy) if cause.contains("proxy authorization required") => {
            let hint = "it asks for a user and password (HTTP 407), or does not take those it got";
            Error::ProxyRefused { url, proxy: proxy.to_owned(), hint }
        }
        Some(proxy) => {
            let cause = cause.replace("tunnel error: unsuccessful", "it refused to connect to the repository's host");
            Error::ProxyUnreachable { url, proxy: proxy.to_owned(), cause }
        }
        None => Error::Unreachable { url, cause },
    }
}

/// An answer whose status says no.
pub(crate) fn status(url: &str, status: reqwest::StatusCode, with_credentials: bool) -> Result<()> {
    let hint = match (status.as_u16(), with_credentials) {
        (401 | 403, false) => "it has no credentials; add them with `windlass repo add --username ... --password ...`",
        (401, true) => "the credentials are wrong or expired; replace them with `windlass repo add --upsert`",
        _ => "the credentials may not read this repository; check their permissions at the git host",
    };
    let url = url.to_owned();
    match status.as_u16() {
        200 => Ok(()),
        code @ (401 | 403) => Err(Error::Authentication { url, status: code, hint }),
        404 | 410 => Err(Error::NotFound { url, cause: format!("HTTP {}", status.as_u16()) }),
        408 | 429 | 500.. => Err(Error::Unreachable { url, cause: format!("HTTP {status}") }),
        _ => Err(Error::Protocol { url, cause: format!("HTTP {status}") }),
    }
}

/// An answer that makes no sense.
pub(crate) fn fault(url: &str, fault: Fault) -> Error {
    let url = url.to_owned();
    match fault {
        Fault::TooManyRefs(limit) => Error::TooLarge { url, limit: limit as u64, unit: "refs" },
        Fault::ObjectFormat(format) => {
            Error::Unsupported { what: format!("repository {url}: object format {format:?} (sha1 only)") }
        }
        other => Error::Protocol { url, cause: other.to_string() },
    }
}

/// The chain of causes, without the URL.
pub(crate) fn words(error: &reqwest::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !words.iter().any(|w| w.contains(&text)) {
            words.push(text);
        }
        next = cause.source();
    }
    if error.is_timeout() {
        words.push("the connection timed out".to_owned());
    }
    if words.is_empty() { "the request failed".to_owned() } else { crate::error::quote(&words.join(": ")) }
}

fn find_tls<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        // An io::Error names its inner error's source as its own, hiding the inner error itself.
        if let Some(inner) = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && let Some(tls) = find_tls(inner)
        {
            return Some(tls);
        }
        next = cause.source();
    }
    None
}
