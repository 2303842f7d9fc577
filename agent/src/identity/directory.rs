//! The identity as it is kept: a key, `instance`, `digest.key`, and `identity.json` last, which names the key's file.
//!
//! A renewal makes `next.pem` before it asks, and copies it to a file of its own name before `identity.json` names that: at every moment the certificate
//! that is named has its key. What nothing names is removed afterwards.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::KeyPair;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::digest::{DigestKey, hex, unhex};
use windlass_domain::time::Timestamp;
use windlass_runtime::tls::PemIdentity;
use zeroize::Zeroizing;

use super::{Error, Files, Identity, leaf};

const IDENTITY: &str = "identity.json";
const KEY: &str = "key.pem";
/// The key of a renewal that was not answered yet.
const NEXT: &str = "next.pem";
const INSTANCE: &str = "instance";
/// The id of the token by which this agent joined last.
const JOINED: &str = "joined";
const DIGEST_KEY: &str = "digest.key";
/// Only where there is a proxy; apart, because it may hold a password.
const PROXY: &str = "proxy";

/// What is not secret.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Public {
    version: u32,
    cluster: Uuid,
    installation: Uuid,
    trust_domain: String,
    agents_address: String,
    kube_system_uid: String,
    not_after: Timestamp,
    /// Base64 of DER, the leaf first.
    certificate: Vec<String>,
    /// Base64 of DER.
    authorities: Vec<String>,
    /// The file of the certificate's key, in the same directory; after a renewal it is another one.
    #[serde(default = "first_key")]
    key: String,
}

/// What exists before the first attempt to join, so that every attempt is the same one.
pub(super) struct Prepared {
    pub(super) key: KeyPair,
    pub(super) instance: Uuid,
}

pub(super) fn load(files: &Files) -> Result<Option<Identity>, Error> {
    let Some(text) = files.read(IDENTITY)? else { return Ok(None) };
    let bad = |problem: String| damaged(files, IDENTITY, problem);
    let public: Public = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    if public.version != 1 {
        return Err(bad(format!("format {} is not known to this build", public.version)));
    }
    let chain = certificates(files, &public.certificate)?;
    let leaf = chain.first().ok_or_else(|| bad("no certificate".into()))?;
    let leaf = leaf::read(leaf).map_err(bad)?;
    if public.key.contains('/') {
        return Err(bad("the key's file is elsewhere".into()));
    }
    let key = must(files, &public.key)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| damaged(files, &public.key, "no private key"))?;
    let certificate = PemIdentity { chain, key };
    certificate.clone().certified().map_err(|error| damaged(files, &public.key, error))?;
    let proxy_text = text_of(files, PROXY)?;
    let proxy = proxy_text.as_deref().map(str::parse).transpose();
    Ok(Some(Identity {
        proxy: proxy.map_err(|error: crate::dial::Error| damaged(files, PROXY, error))?,
        proxy_text: proxy_text.map(Into::into),
        cluster: public.cluster,
        instance: instance(files)?.ok_or_else(|| damaged(files, INSTANCE, "missing"))?,
        installation: public.installation,
        trust_domain: public.trust_domain,
        agents_address: public.agents_address,
        kube_system_uid: public.kube_system_uid,
        digest_key: digest_key(files)?,
        serial: leaf.serial,
        not_before: leaf.not_before,
        not_after: public.not_after,
        authorities: certificates(files, &public.authorities)?,
        certificate,
    }))
}

/// The key and instance of this installation; made and made durable now, where there are none.
pub(super) fn prepare(files: &Files) -> Result<Prepared, Error> {
    let key = match read_key(files, KEY)? {
        Some(key) => key,
        None => make_key(files, KEY)?,
    };
    let instance = match instance(files)? {
        Some(instance) => instance,
        None => {
            let instance = Uuid::new_v4();
            files.write(INSTANCE, instance.to_string().as_bytes())?;
            instance
        }
    };
    Ok(Prepared { key, instance })
}

/// The key of the renewal under way, made now where there is none; the key in use is not taken again.
pub(super) fn prepare_renewal(files: &Files) -> Result<Prepared, Error> {
    let key = match read_key(files, NEXT)? {
        Some(key) if !must(files, &key_in_use(files)?)?.as_slice().eq(key.serialize_pem().as_bytes()) => key,
        _ => make_key(files, NEXT)?,
    };
    let instance = instance(files)?.ok_or_else(|| damaged(files, INSTANCE, "missing"))?;
    Ok(Prepared { key, instance })
}

/// The key of a join by this token, made now where there is none.
pub(super) fn prepare_rejoin(files: &Files, token: Uuid) -> Result<Prepared, Error> {
    let name = rejoin_key(token);
    let key = match read_key(files, &name)? {
        Some(key) => key,
        None => make_key(files, &name)?,
    };
    let instance = instance(files)?.ok_or_else(|| damaged(files, INSTANCE, "missing"))?;
    Ok(Prepared { key, instance })
}

/// The id of the token by which this agent joined last, where that is known.
pub(super) fn joined_by(files: &Files) -> Result<Option<Uuid>, Error> {
    let Some(text) = text_of(files, JOINED)? else { return Ok(None) };
    Uuid::parse_str(text.trim()).map(Some).map_err(|_| damaged(files, JOINED, "not a UUID"))
}

/// A token is used.
pub(super) fn mark_joined(files: &Files, token: Uuid) -> Result<(), Error> {
    files.write(JOINED, token.to_string().as_bytes())
}

/// Makes what the hub gave durable; the key is there already.
pub(super) fn keep(files: &Files, identity: &Identity, token: Uuid) -> Result<(), Error> {
    keep_given(files, identity)?;
    keep_public(files, identity, KEY)?;
    mark_joined(files, token)
}

/// The same of a join by an agent that had an identity: that one's keys go when the new one is named.
pub(super) fn keep_rejoined(files: &Files, identity: &Identity, token: Uuid) -> Result<(), Error> {
    let (old, new, made) = (key_in_use(files)?, format!("key-{}.pem", identity.serial), rejoin_key(token));
    files.write(&new, &must(files, &made)?)?;
    keep_given(files, identity)?;
    keep_public(files, identity, &new)?;
    mark_joined(files, token)?;
    forget(files, &new, &[NEXT, &made, &old]);
    Ok(())
}

fn rejoin_key(token: Uuid) -> String {
    format!("join-{token}.pem")
}

fn keep_given(files: &Files, identity: &Identity) -> Result<(), Error> {
    match &identity.proxy_text {
        Some(proxy) => files.write(PROXY, proxy.expose_secret().as_bytes())?,
        None => files.remove(PROXY)?,
    }
    files.write(DIGEST_KEY, Zeroizing::new(hex(identity.digest_key.expose())).as_bytes())
}

/// Removes keys that nothing names any more. What stays is of no use to this agent; the next renewal tries to remove it again.
fn forget(files: &Files, used: &str, names: &[&str]) {
    for name in names.iter().filter(|name| **name != used) {
        if let Err(error) = files.remove(name) {
            tracing::warn!(%error, "an old key could not be removed");
        }
    }
}

/// Makes a renewed identity durable and then the only one: a copy of the new key under a name of its own, `identity.json`, and then nothing of the old.
pub(super) fn keep_renewed(files: &Files, identity: &Identity) -> Result<(), Error> {
    let (old, new) = (key_in_use(files)?, format!("key-{}.pem", identity.serial));
    files.write(&new, &must(files, NEXT)?)?;
    keep_public(files, identity, &new)?;
    forget(files, &new, &[NEXT, &old]);
    Ok(())
}

/// Makes another address of the hub durable; nothing else changes.
pub(super) fn keep_address(files: &Files, identity: &Identity) -> Result<(), Error> {
    keep_public(files, identity, &key_in_use(files)?)
}

fn keep_public(files: &Files, identity: &Identity, key: &str) -> Result<(), Error> {
    let encode = |list: &[CertificateDer<'_>]| list.iter().map(|der| STANDARD.encode(der)).collect();
    let public = Public {
        version: 1,
        cluster: identity.cluster,
        installation: identity.installation,
        trust_domain: identity.trust_domain.clone(),
        agents_address: identity.agents_address.clone(),
        kube_system_uid: identity.kube_system_uid.clone(),
        not_after: identity.not_after,
        certificate: encode(&identity.certificate.chain),
        authorities: encode(&identity.authorities),
        key: key.to_owned(),
    };
    let failed = |error: serde_json::Error| Error::File { path: files.path(IDENTITY), source: error.into() };
    files.write(IDENTITY, &serde_json::to_vec_pretty(&public).map_err(failed)?)
}

fn first_key() -> String {
    KEY.to_owned()
}

/// The file that `identity.json` names.
fn key_in_use(files: &Files) -> Result<String, Error> {
    let public: Public =
        serde_json::from_slice(&must(files, IDENTITY)?).map_err(|error| damaged(files, IDENTITY, error))?;
    Ok(public.key)
}

fn read_key(files: &Files, name: &str) -> Result<Option<KeyPair>, Error> {
    let Some(text) = files.read(name)? else { return Ok(None) };
    let text = std::str::from_utf8(&text).map_err(|_| damaged(files, name, "no private key"))?;
    KeyPair::from_pem(text).map(Some).map_err(|_| damaged(files, name, "no private key"))
}

fn make_key(files: &Files, name: &str) -> Result<KeyPair, Error> {
    let key = KeyPair::generate().map_err(|error| Error::Key(error.to_string()))?;
    files.write(name, Zeroizing::new(key.serialize_pem()).as_bytes())?;
    Ok(key)
}

fn instance(files: &Files) -> Result<Option<Uuid>, Error> {
    let Some(text) = files.read(INSTANCE)? else { return Ok(None) };
    let text = std::str::from_utf8(&text).ok().and_then(|text| Uuid::parse_str(text.trim()).ok());
    text.map(Some).ok_or_else(|| damaged(files, INSTANCE, "not a UUID"))
}

fn digest_key(files: &Files) -> Result<DigestKey, Error> {
    let text = must(files, DIGEST_KEY)?;
    let text = std::str::from_utf8(&text).map_err(|_| damaged(files, DIGEST_KEY, "not text"))?;
    let bytes = Zeroizing::new(unhex(text.trim()).unwrap_or_default());
    let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| damaged(files, DIGEST_KEY, "not 32 bytes in hex"))?;
    Ok(DigestKey::new(bytes))
}

fn certificates(files: &Files, list: &[String]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let decode = |text: &String| {
        STANDARD.decode(text).map(CertificateDer::from).map_err(|error| damaged(files, IDENTITY, error))
    };
    list.iter().map(decode).collect()
}

fn text_of(files: &Files, name: &str) -> Result<Option<String>, Error> {
    let Some(bytes) = files.read(name)? else { return Ok(None) };
    std::str::from_utf8(&bytes).map(|text| Some(text.to_owned())).map_err(|_| damaged(files, name, "not text"))
}

fn must(files: &Files, name: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    files.read(name)?.ok_or_else(|| damaged(files, name, "missing"))
}

fn damaged(files: &Files, name: &str, problem: impl ToString) -> Error {
    Error::Damaged { path: files.path(name), problem: problem.to_string() }
}
