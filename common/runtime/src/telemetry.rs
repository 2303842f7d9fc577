//! Logs: to stderr, as text or as JSON lines, filtered by `RUST_LOG`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// What is logged where `RUST_LOG` says nothing. The HTTP/2 crates are quieter: each connection's every frame is of no use to an operator.
const DEFAULT_FILTER: &str = "info,h2=warn,hyper=warn,rustls=warn,tower=warn,kube_client=off";

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `RUST_LOG` cannot be read.
    #[error("RUST_LOG: {0}")]
    Filter(String),
    /// `WINDLASS_LOG_FORMAT` is neither `text` nor `json`.
    #[error("WINDLASS_LOG_FORMAT is {0:?}; it may be text or json")]
    Format(String),
    /// The process logs already.
    #[error("logging was set up twice")]
    Twice,
}

/// Begins logging by the environment: `RUST_LOG` (default `info`), `WINDLASS_LOG_FORMAT` (`text`, the default, or `json`). Call it once, first in `main`.
///
/// # Errors
/// When a variable cannot be read; nothing is logged then.
pub fn init() -> Result<(), Error> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => {
            EnvFilter::try_new(filter).map_err(|error| Error::Filter(error.to_string()))?
        }
        _ => EnvFilter::new(DEFAULT_FILTER),
    };
    let format = std::env::var("WINDLASS_LOG_FORMAT").unwrap_or_default();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_span_events(FmtSpan::NONE);
    let started = match format.as_str() {
        "json" => builder.json().flatten_event(true).with_current_span(true).try_init(),
        "" | "text" => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        _ => return Err(Error::Format(format)),
    };
    started.map_err(|_| Error::Twice)
}
