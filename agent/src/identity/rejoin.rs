//! Joining again with a new join file, by an agent that has an identity: after a revocation, or whenever an operator hands it one.
//!
//! A join file is used once: the token's id is kept with the identity. The new key is durable before it is sent, under the token's name, and
//! `identity.json` names it before the token counts as used: killed at any point, the same request is made again and has the same answer.

use uuid::Uuid;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::identity::{JoinFile, JoinToken};
use windlass_runtime::clock::Clock;

use super::directory::{self, Prepared};
use super::join::{Asking, attempt, on_disk};
use super::{Credentials, Error, Files, Identity};

/// The id of a join file's token.
///
/// # Errors
/// [`Error::JoinFile`] where it has none.
pub fn token_of(file: &JoinFile) -> Result<Uuid, Error> {
    JoinToken::parse(&file.token).map(|token| token.id).map_err(|error| Error::JoinFile(error.to_string()))
}

/// Whether this agent should join by a join file with this token: it has joined by another one. An identity that does not say by which token it was made
/// counts as made by this one.
///
/// # Errors
/// When files cannot be read or written.
pub async fn is_new(files: &Files, token: Uuid) -> Result<bool, Error> {
    on_disk(files, move |files| match directory::joined_by(files)? {
        Some(known) => Ok(known != token),
        None => directory::mark_joined(files, token).map(|()| false),
    })
    .await
}

/// One attempt to join again; the new identity is durable when this returns. It speaks for the same cluster, with a new key.
///
/// # Errors
/// As a join has them; a file of another cluster is refused here.
pub async fn rejoin(
    file: &JoinFile,
    identity: &Identity,
    files: &Files,
    facts: &ClusterFacts,
    clock: &Clock,
) -> Result<Identity, Error> {
    if file.cluster != identity.cluster {
        return Err(Error::JoinFile(format!(
            "it is for another cluster of the hub ({}) than this agent is ({}): to make this one that, remove the agent's identity and state first (docs/operations.md, \"Backup\")",
            file.cluster, identity.cluster
        )));
    }
    let token = token_of(file)?;
    let Prepared { key, instance } = on_disk(files, move |files| directory::prepare_rejoin(files, token)).await?;
    let joined = attempt(file, Asking { key, instance, facts }, clock).await?;
    // What was kept of another cluster is forgotten by who finds that out (`replaced`).
    let joined = Identity { kube_system_uid: identity.kube_system_uid.clone(), ..joined };
    fail::fail_point!("identity::rejoined-before-kept");
    let kept = joined.clone();
    on_disk(files, move |files| directory::keep_rejoined(files, &kept, token)).await?;
    Ok(joined)
}

/// [`rejoin`] while everything runs: the session goes over to the new identity.
///
/// # Errors
/// As [`rejoin`].
pub async fn rejoin_running(
    file: &JoinFile,
    credentials: &Credentials,
    files: &Files,
    facts: &ClusterFacts,
    clock: &Clock,
) -> Result<(), Error> {
    let _one = credentials.one_change().await;
    let joined = rejoin(file, &credentials.current(), files, facts, clock).await?;
    tracing::info!(serial = joined.serial, "joined again, with a new key");
    credentials.replace(joined);
    Ok(())
}
