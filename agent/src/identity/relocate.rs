//! Another address of the hub: told at the beginning of each session, tried, and only then kept in place of the one that works.

use std::time::Duration;

use tonic::metadata::MetadataMap;
use windlass_runtime::backoff;
use windlass_runtime::clock::Clock;

use super::join::on_disk;
use super::{Credentials, Error, Files, Identity, directory};
use crate::dial::{Address, Windows};

/// Where this cluster's agent is to connect, when it is not where it does.
const ADDRESS: &str = "windlass-agents-address";
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// The address that the hub names, if it names one that can be dialled.
pub(crate) fn told(metadata: &MetadataMap) -> Option<String> {
    let text = metadata.get(ADDRESS)?.to_str().ok()?;
    text.parse::<Address>().ok().map(|address| address.to_string())
}

/// Moves to each address that is told, for ever. The session stays where it is until the hub answers there, as itself.
pub async fn keep_reachable(credentials: Credentials, files: Files, clock: Clock) {
    loop {
        let address = credentials.elsewhere().await;
        for failures in 0_u32.. {
            match relocate(&credentials, &files, &address, &clock).await {
                Ok(()) => {
                    tracing::info!(address, "the hub is reached at its new address");
                    break;
                }
                Err(error) => {
                    let ceiling = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(LONGEST_RETRY);
                    let wait = ceiling / 2 + backoff::spread(ceiling / 2, backoff::entropy());
                    tracing::warn!(%error, address, ?wait, "the hub cannot be reached at its new address yet; the old one stays in use");
                    tokio::select! {
                        () = clock.sleep(wait) => {}
                        () = credentials.told_other_than(&address) => break,
                    }
                }
            }
        }
    }
}

async fn relocate(credentials: &Credentials, files: &Files, address: &str, clock: &Clock) -> Result<(), Error> {
    let _one = credentials.one_change().await;
    let moved = Identity { agents_address: address.to_owned(), ..Identity::clone(&credentials.current()) };
    // Mutual TLS under the hub's own authority: whoever answers is the hub.
    let dialled = moved.dial(clock, Windows::SESSION).await;
    dialled.map_err(|error| Error::Unreachable { hub: address.to_owned(), problem: error.to_string() })?;
    let kept = moved.clone();
    on_disk(files, move |files| directory::keep_address(files, &kept)).await?;
    credentials.replace(moved);
    Ok(())
}
