//! What the hub tells the person who started it, on standard output; logs go to standard error.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::args::Advertised;
use crate::pki::Authority;

/// Says where the hub is, how it is known, and, at the first start, where the admin's token is; the token itself only to a terminal.
pub(super) fn started(
    advertised: &Advertised,
    authority: &Authority,
    ca_file: &Path,
    data_dir: &Path,
    admin_token: Option<Zeroizing<String>>,
) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "windlass-hub: API {}", advertised.api_url)?;
    writeln!(out, "windlass-hub: agents {}", advertised.agents_address)?;
    writeln!(out, "windlass-hub: CA pin {} ({})", String::from(authority.pin()), ca_file.display())?;
    if let Some(token) = admin_token {
        // What is not a terminal is collected and kept.
        if out.is_terminal() {
            writeln!(out, "windlass-hub: initial admin token (shown once): {}", token.as_str())?;
        }
        writeln!(
            out,
            "windlass-hub: the initial admin token is in {}; delete the file after `windlass login`",
            data_dir.join("admin-token").display()
        )?;
    }
    if advertised.api_url.starts_with("https://localhost") || advertised.agents_address.starts_with("localhost") {
        tracing::warn!("agents on other machines cannot reach localhost: give --advertise-api and --advertise-agents");
    }
    Ok(out.flush()?)
}

/// Keeps `ca.pem` what is trusted, for as long as the hub runs: a rotation is in it at once.
pub(super) async fn keep_ca(authority: Arc<Authority>, data_dir: PathBuf, stop: CancellationToken) {
    let mut changed = authority.changed();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            // The sender is in `authority`.
            _ = changed.changed() => {}
        }
        match write_ca(&authority, &data_dir) {
            Ok(file) => tracing::info!(file = %file.display(), "the authorities that are trusted were written down"),
            Err(error) => tracing::error!("{error:#}: restart the hub once there is room"),
        }
    }
}

/// Writes `ca.pem`, whole or not at all: who reads it meanwhile has the one of before. Returns where it is.
pub(super) fn write_ca(authority: &Authority, data_dir: &Path) -> Result<PathBuf> {
    let (file, beside) = (data_dir.join("ca.pem"), data_dir.join("ca.pem.new"));
    let written = std::fs::write(&beside, authority.ca_pem()).and_then(|()| std::fs::rename(&beside, &file));
    written.with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(file)
}

/// Says why the hub ends; the exit code for it.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    // Where standard error is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "windlass-hub: {error:#}");
    ExitCode::FAILURE
}
