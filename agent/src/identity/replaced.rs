//! An identity that was made in another cluster than the agent is in now: the cluster was made anew, or the kubeconfig is another one's. Nothing is done here
//! until an operator confirms it at the hub; what the agent kept of the other cluster is of no use then, and is forgotten first.

use windlass_runtime::backoff;
use windlass_runtime::clock::Clock;

use super::renew::{is_taken, renew_once, retry};
use super::{Error, Files, Identity};

/// Waits until the hub takes this identity for the cluster with this uid; it is durable as that cluster's when this returns. `forget` drops what was kept of
/// the other cluster; it is called after the hub's word and before the identity is this cluster's, so that a kill in between forgets it again.
pub async fn confirmed<F: Future<Output = Result<(), Error>>>(
    identity: Identity,
    files: &Files,
    kube_system_uid: &str,
    clock: &Clock,
    forget: impl Fn() -> F,
) -> Identity {
    let here = Identity { kube_system_uid: kube_system_uid.to_owned(), ..identity };
    for failures in 0_u32.. {
        let moved = async {
            is_taken(&here, files, kube_system_uid, clock).await?;
            forget().await?;
            renew_once(&here, files, kube_system_uid, clock).await
        };
        match moved.await {
            Ok(moved) => {
                tracing::warn!(
                    kube_system_uid,
                    "the agent works for another cluster than before, as an operator confirmed"
                );
                return moved;
            }
            Err(error) => {
                let wait = retry(failures.min(1), backoff::entropy());
                tracing::error!(%error, ?wait, "the agent is in another cluster than before, and does nothing until that is confirmed");
                clock.sleep(wait).await;
            }
        }
    }
    here
}
