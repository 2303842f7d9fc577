//! Renewal: another key and certificate for the same cluster, before the old one ends or, where the hub allows it, after.
//!
//! The order is what makes it safe to be killed at any point. The new key is durable before it is sent, so that a lost answer is asked for again with the
//! same key and gets the same certificate. The certificate is durable, together with the name of its key, before it is used. It is used once for a call
//! that changes nothing before the session goes over to it: the session that works is never given up for one that might not.

use std::time::Duration;

use rustls_pki_types::PrivateKeyDer;
use tonic::Code;
use windlass_domain::identity::SpiffeId;
use windlass_domain::time::Timestamp;
use windlass_proto::v1;
use windlass_proto::v1::agent_client::AgentClient;
use windlass_runtime::backoff;
use windlass_runtime::clock::Clock;

use super::directory::{self, Prepared};
use super::join::{csr, on_disk};
use super::leaf::Given;
use super::{Credentials, Error, Files, Identity, leaf};
use crate::dial::{self, Windows, skew};

/// How long the hub may take for its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// The first wait after a failure is at most this; each further one doubles.
const FIRST_RETRY: Duration = Duration::from_secs(10);
/// No wait is longer: an operator's approval, or the end of an outage, is found soon.
const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// A certificate that was just made is not renewed sooner, whatever this machine's clock says of its age.
const LEAST: Duration = Duration::from_secs(3600);

/// Renews whenever it is due, for ever. `kube_system_uid` is the cluster's now: the hub takes nobody back who speaks for another cluster than before.
pub async fn keep_renewed(credentials: Credentials, files: Files, kube_system_uid: String, clock: Clock) {
    let mut not_before = Timestamp::UNIX_EPOCH;
    loop {
        let due = credentials.current().renewal_due(backoff::entropy()).max(not_before);
        tokio::select! {
            () = clock.sleep_until(due) => {}
            () = credentials.asked() => {}
        }
        renew(&credentials, &files, &kube_system_uid, &clock).await;
        not_before = clock.now().saturating_add(LEAST).unwrap_or(Timestamp::MAX);
    }
}

/// Tries until it works.
async fn renew(credentials: &Credentials, files: &Files, kube_system_uid: &str, clock: &Clock) {
    for failures in 0_u32.. {
        let turn = credentials.one_change().await;
        let identity = credentials.current();
        match renew_once(&identity, files, kube_system_uid, clock).await {
            Ok(renewed) => {
                tracing::info!(
                    was = identity.serial,
                    serial = renewed.serial,
                    not_after = %renewed.not_after,
                    "the certificate was renewed"
                );
                credentials.replace(renewed);
                return;
            }
            Err(error) => {
                drop(turn);
                let wait = retry(failures, backoff::entropy());
                let not_after = identity.not_after;
                if not_after > clock.now() {
                    tracing::warn!(%error, %not_after, ?wait, "the certificate could not be renewed yet; the session goes on with the old one");
                } else {
                    tracing::error!(%error, %not_after, ?wait, "the certificate has ended and could not be renewed");
                }
                clock.sleep(wait).await;
            }
        }
    }
}

/// Whether the hub renews for this cluster, in words where it does not. Nothing changes here; asking again is the same request.
pub(super) async fn is_taken(
    identity: &Identity,
    files: &Files,
    kube_system_uid: &str,
    clock: &Clock,
) -> Result<(), Error> {
    let Prepared { key, instance } = on_disk(files, directory::prepare_renewal).await?;
    let (csr_der, instance) = (csr(&key)?, instance.as_bytes().to_vec());
    ask(identity, v1::RenewRequest { csr_der, instance, kube_system_uid: kube_system_uid.to_owned() }, clock).await?;
    Ok(())
}

/// One attempt: the new identity is durable, and the hub took it, when this returns.
pub(super) async fn renew_once(
    identity: &Identity,
    files: &Files,
    kube_system_uid: &str,
    clock: &Clock,
) -> Result<Identity, Error> {
    let Prepared { key, instance } = on_disk(files, directory::prepare_renewal).await?;
    let request = v1::RenewRequest {
        csr_der: csr(&key)?,
        instance: instance.as_bytes().to_vec(),
        kube_system_uid: kube_system_uid.to_owned(),
    };
    let reply = ask(identity, request.clone(), clock).await?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|problem| Error::Key(problem.to_owned()))?;
    let renewed = accept(identity, key, reply)?;
    fail::fail_point!("identity::renewed-before-kept");
    let kept = renewed.clone();
    on_disk(files, move |files| directory::keep_renewed(files, &kept)).await?;
    fail::fail_point!("identity::renewed-before-used");
    // The same request again, as the new identity: its answer says that the hub takes it.
    ask(&renewed, request, clock).await?;
    Ok(renewed)
}

async fn ask(identity: &Identity, request: v1::RenewRequest, clock: &Clock) -> Result<v1::RenewReply, Error> {
    let hub = || identity.agents_address.clone();
    let call = async {
        let channel = identity
            .dial(clock, Windows::SESSION)
            .await
            .map_err(|error| Error::Unreachable { hub: hub(), problem: error.to_string() })?;
        let reply =
            AgentClient::new(channel).renew(request).await.map_err(|status| failed(identity, &status, clock))?;
        skew::mention(reply.metadata(), clock.now());
        Ok(reply.into_inner())
    };
    let answer = clock.timeout(ANSWER_LIMIT, call).await;
    answer.map_err(|slow| Error::Unreachable { hub: hub(), problem: slow.to_string() })?
}

/// Whatever the hub decided may be decided otherwise by an operator, so that it is asked again; only the words differ.
fn failed(identity: &Identity, status: &tonic::Status, clock: &Clock) -> Error {
    let hub = identity.agents_address.clone();
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::InvalidArgument | Code::FailedPrecondition => {
            Error::RenewalRefused { hub, reason: status.message().to_owned() }
        }
        _ => {
            let problem = dial::describe(status);
            match identity.explain_alert(&problem, clock.now()) {
                Some(reason) => Error::RenewalRefused { hub, reason },
                None => Error::Unreachable { hub, problem },
            }
        }
    }
}

fn accept(identity: &Identity, key: PrivateKeyDer<'static>, reply: v1::RenewReply) -> Result<Identity, Error> {
    let expected = SpiffeId { trust_domain: identity.trust_domain.clone(), cluster: identity.cluster };
    let Given { leaf, certificate, authorities } = leaf::given(reply.certificate_der, reply.ca_der, key, &expected)?;
    Ok(Identity {
        serial: leaf.serial,
        not_before: leaf.not_before,
        not_after: leaf.not_after,
        authorities,
        certificate,
        ..identity.clone()
    })
}

/// Full jitter below a ceiling that doubles.
pub(super) fn retry(failures: u32, entropy: u64) -> Duration {
    let ceiling = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(LONGEST_RETRY);
    // Not below half of it: a hub that refuses is not asked in a burst.
    let half = ceiling / 2;
    backoff::spread(half, entropy).saturating_add(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_slow_down_and_never_stop() {
        assert!(retry(0, 0) >= Duration::from_secs(5) && retry(0, u64::MAX) <= Duration::from_secs(10));
        assert!(retry(2, 0) >= Duration::from_secs(20));
        assert_eq!(retry(60, u64::MAX).as_secs(), 299);
        assert_eq!(retry(60, 0), Duration::from_secs(150));
    }
}
