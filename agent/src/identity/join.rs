//! Joining: a token for a certificate. Key and instance are durable before the first attempt, so that a lost answer is harmless: the next attempt is the
//! same request.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rcgen::{CertificateParams, DistinguishedName};
use rustls_pki_types::PrivateKeyDer;
use tonic::Code;
use uuid::Uuid;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::digest::DigestKey;
use windlass_domain::identity::{JoinFile, JoinToken, SpiffeId};
use windlass_proto::v1;
use windlass_proto::v1::join_client::JoinClient;
use windlass_runtime::backoff::{self, Backoff};
use windlass_runtime::clock::Clock;
use windlass_runtime::tls;

use super::directory::{self, Prepared};
use super::leaf::Given;
use super::pin::{PinnedAuthority, is_wrong_authority};
use super::rejoin::token_of;
use super::{Error, Files, Identity, leaf};
use crate::dial::{self, Address, Proxy, Windows};

/// How long the hub may take for its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Joins and makes the identity durable in `files`. A hub that cannot be reached is tried again for ever; every other failure is returned at once.
pub async fn join(file: &JoinFile, files: &Files, facts: &ClusterFacts, clock: &Clock) -> Result<Identity, Error> {
    let mut backoff = Backoff::new();
    loop {
        match join_once(file, files, facts, clock).await {
            Err(error) if error.is_retryable() => {
                let wait = backoff.next(backoff::entropy());
                tracing::warn!(%error, ?wait, "joining the hub did not work yet");
                clock.sleep(wait).await;
            }
            done => return done,
        }
    }
}

/// One attempt to join. Nothing of the token is sent before the hub's certificate authority was found to be the pinned one.
pub async fn join_once(file: &JoinFile, files: &Files, facts: &ClusterFacts, clock: &Clock) -> Result<Identity, Error> {
    let token = token_of(file)?;
    let Prepared { key, instance } = on_disk(files, directory::prepare).await?;
    let identity = attempt(file, Asking { key, instance, facts }, clock).await?;
    fail::fail_point!("identity::joined-before-kept");
    let kept = identity.clone();
    on_disk(files, move |files| directory::keep(files, &kept, token)).await?;
    Ok(identity)
}

/// Who asks.
pub(super) struct Asking<'a> {
    pub(super) key: rcgen::KeyPair,
    pub(super) instance: Uuid,
    pub(super) facts: &'a ClusterFacts,
}

/// A token for an identity, which is not kept yet.
pub(super) async fn attempt(file: &JoinFile, asking: Asking<'_>, clock: &Clock) -> Result<Identity, Error> {
    let (address, Asking { key, instance, facts }) = (checked(file)?, asking);
    let request = v1::JoinRequest {
        token: file.token.trim().to_owned(),
        csr_der: csr(&key)?,
        instance: instance.as_bytes().to_vec(),
        kube_system_uid: facts.kube_system_uid.clone(),
    };
    let reply = clock
        .timeout(ANSWER_LIMIT, ask(file, &address, request, clock))
        .await
        .map_err(|error| Error::Unreachable { hub: file.hub.clone(), problem: error.to_string() })??;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|problem| Error::Key(problem.to_owned()))?;
    accept(file, instance, &facts.kube_system_uid, key, reply)
}

fn checked(file: &JoinFile) -> Result<Address, Error> {
    let bad = |problem: String| Error::JoinFile(problem);
    if file.version != 1 {
        return Err(bad(format!("version {} is not known to this build", file.version)));
    }
    if file.pins.is_empty() {
        return Err(bad("it has no pin, and there is no joining without one".into()));
    }
    JoinToken::parse(&file.token).map_err(|error| bad(error.to_string()))?;
    let uri: Uri = file.hub.parse().map_err(|error| bad(format!("hub: {error}")))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => Ok(Address::new(host, uri.port_u16().unwrap_or(443))),
        _ => Err(bad("hub must be https://host:port".into())),
    }
}

fn proxy_of(file: &JoinFile) -> Result<Option<Proxy>, Error> {
    let parsed = file.proxy.as_deref().map(str::parse).transpose();
    parsed.map_err(|error: dial::Error| Error::JoinFile(error.to_string()))
}

pub(super) fn csr(key: &rcgen::KeyPair) -> Result<Vec<u8>, Error> {
    let mut params = CertificateParams::default();
    // The hub takes nothing but the public key.
    params.distinguished_name = DistinguishedName::new();
    let csr = params.serialize_request(key).map_err(|error| Error::Key(error.to_string()))?;
    Ok(csr.der().to_vec())
}

async fn ask(
    file: &JoinFile,
    address: &Address,
    request: v1::JoinRequest,
    clock: &Clock,
) -> Result<v1::JoinReply, Error> {
    let hub = file.hub.clone();
    let proxy = proxy_of(file)?;
    let verifier = Arc::new(PinnedAuthority::new(file.pins.clone()));
    let config = tls::client_config_with(clock, verifier, None, tls::H2)
        .map_err(|error| Error::Handshake { hub: hub.clone(), problem: error.to_string() })?;
    let stream = dial::tls(address, proxy.as_ref(), Arc::new(config)).await.map_err(|error| match error {
        dial::Error::Handshake { problem, .. } if is_wrong_authority(&problem) => {
            Error::WrongAuthority { hub: hub.clone() }
        }
        dial::Error::Handshake { problem, .. } => Error::Handshake { hub: hub.clone(), problem: problem.to_string() },
        error => Error::Unreachable { hub: hub.clone(), problem: error.to_string() },
    })?;
    let channel = dial::channel(stream, address, Windows::SESSION)
        .await
        .map_err(|error| Error::Unreachable { hub: hub.clone(), problem: error.to_string() })?;
    let reply = JoinClient::new(channel).join(request).await;
    reply.map(tonic::Response::into_inner).map_err(|status| failed(hub, &status))
}

/// Only what the hub decided is final: anything else may be a broken connection or a hub that is not ready.
fn failed(hub: String, status: &tonic::Status) -> Error {
    match status.code() {
        Code::Unauthenticated
        | Code::PermissionDenied
        | Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::NotFound
        | Code::AlreadyExists
        | Code::Unimplemented => Error::Refused { hub, reason: status.message().to_owned() },
        _ => Error::Unreachable { hub, problem: dial::describe(status) },
    }
}

fn accept(
    file: &JoinFile,
    instance: Uuid,
    kube_system_uid: &str,
    key: PrivateKeyDer<'static>,
    reply: v1::JoinReply,
) -> Result<Identity, Error> {
    let bad = |problem: String| Error::Reply(problem);
    let digest_key = reply.digest_key.as_slice().try_into().map_err(|_| bad("digest_key has not 32 bytes".into()))?;
    let installation = windlass_proto::convert::uuid("installation_id", &reply.installation_id);
    let expected = SpiffeId { trust_domain: reply.trust_domain.clone(), cluster: file.cluster };
    let Given { leaf, certificate, authorities } = leaf::given(reply.certificate_der, reply.ca_der, key, &expected)?;
    let agents_address = if reply.agents_address.is_empty() { file.agents.clone() } else { reply.agents_address };
    agents_address.parse::<Address>().map_err(|error| bad(error.to_string()))?;
    Ok(Identity {
        cluster: file.cluster,
        instance,
        installation: installation.map_err(|error| bad(error.to_string()))?,
        trust_domain: reply.trust_domain,
        agents_address,
        proxy: proxy_of(file)?,
        proxy_text: file.proxy.clone().map(Into::into),
        kube_system_uid: kube_system_uid.to_owned(),
        digest_key: DigestKey::new(digest_key),
        serial: leaf.serial,
        not_before: leaf.not_before,
        not_after: leaf.not_after,
        authorities,
        certificate,
    })
}

/// Runs file work where it may block.
pub(super) async fn on_disk<T: Send + 'static>(
    files: &Files,
    work: impl FnOnce(&Files) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let files = files.clone();
    let done = tokio::task::spawn_blocking(move || work(&files)).await;
    done.map_err(|error| Error::Key(format!("the task that writes it ended: {error}")))?
}
