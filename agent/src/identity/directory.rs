//! The identity on disk: a key, `instance`, `digest.key`, and `identity.json` last, which names the key's file. Files are 0600, written beside and renamed,
//! with fsync.
//!
//! A renewal makes `next.pem` before it asks, and copies it to a file of its own name before `identity.json` names that: at every moment the certificate
//! that is named has its key. What nothing names is removed afterwards.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::KeyPair;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use windlass_domain::digest::{DigestKey, hex, unhex};
use windlass_domain::time::Timestamp;
use windlass_runtime::tls::PemIdentity;
use zeroize::Zeroizing;

use super::{Error, Identity, leaf};

const IDENTITY: &str = "identity.json";
const KEY: &str = "key.pem";
/// The key of a renewal that was not answered yet.
const NEXT: &str = "next.pem";
const INSTANCE: &str = "instance";
const DIGEST_KEY: &str = "digest.key";
/// Far more than any of the files has.
const MAX_BYTES: u64 = 1024 * 1024;

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

pub(super) fn load(directory: &Path) -> Result<Option<Identity>, Error> {
    let Some(text) = read(&directory.join(IDENTITY))? else { return Ok(None) };
    let path = directory.join(IDENTITY);
    let public: Public = serde_json::from_slice(&text).map_err(|error| damaged(&path, error))?;
    if public.version != 1 {
        return Err(damaged(&path, format!("format {} is not known to this build", public.version)));
    }
    let chain = certificates(&path, &public.certificate)?;
    let leaf = chain.first().ok_or_else(|| damaged(&path, "no certificate"))?;
    let leaf = leaf::read(leaf).map_err(|problem| damaged(&path, problem))?;
    if public.key.contains('/') {
        return Err(damaged(&path, "the key's file is elsewhere"));
    }
    let key_file = directory.join(&public.key);
    let key = must(&key_file)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| damaged(&key_file, "no private key"))?;
    let certificate = PemIdentity { chain, key };
    certificate.clone().certified().map_err(|error| damaged(&key_file, error))?;
    Ok(Some(Identity {
        cluster: public.cluster,
        instance: instance(directory)?.ok_or_else(|| damaged(&directory.join(INSTANCE), "missing"))?,
        installation: public.installation,
        trust_domain: public.trust_domain,
        agents_address: public.agents_address,
        kube_system_uid: public.kube_system_uid,
        digest_key: digest_key(&directory.join(DIGEST_KEY))?,
        serial: leaf.serial,
        not_before: leaf.not_before,
        not_after: public.not_after,
        authorities: certificates(&path, &public.authorities)?,
        certificate,
    }))
}

/// The key and instance of this installation; made and made durable now, where there are none.
pub(super) fn prepare(directory: &Path) -> Result<Prepared, Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|source| file(directory, source))?;
    let path = directory.join(KEY);
    let key = match read_key(&path)? {
        Some(key) => key,
        None => make_key(&path)?,
    };
    let instance = match instance(directory)? {
        Some(instance) => instance,
        None => {
            let instance = Uuid::new_v4();
            write(&directory.join(INSTANCE), instance.to_string().as_bytes())?;
            instance
        }
    };
    Ok(Prepared { key, instance })
}

/// The key of the renewal under way, made now where there is none; the key in use is not taken again.
pub(super) fn prepare_renewal(directory: &Path) -> Result<Prepared, Error> {
    let path = directory.join(NEXT);
    let key = match read_key(&path)? {
        Some(key) if !must(&directory.join(key_in_use(directory)?))?.as_slice().eq(key.serialize_pem().as_bytes()) => {
            key
        }
        _ => make_key(&path)?,
    };
    let instance = instance(directory)?.ok_or_else(|| damaged(&directory.join(INSTANCE), "missing"))?;
    Ok(Prepared { key, instance })
}

/// Makes what the hub gave durable; the key is there already.
pub(super) fn keep(directory: &Path, identity: &Identity) -> Result<(), Error> {
    write(&directory.join(DIGEST_KEY), Zeroizing::new(hex(identity.digest_key.expose())).as_bytes())?;
    keep_public(directory, identity, KEY)
}

/// Makes a renewed identity durable and then the only one: a copy of the new key under a name of its own, `identity.json`, and then nothing of the old.
pub(super) fn keep_renewed(directory: &Path, identity: &Identity) -> Result<(), Error> {
    let next = directory.join(NEXT);
    let (old, new) = (key_in_use(directory)?, format!("key-{}.pem", identity.serial));
    write(&directory.join(&new), &must(&next)?)?;
    keep_public(directory, identity, &new)?;
    for path in [next, directory.join(&old)] {
        // What stays is of no use to this agent; the next renewal tries to remove it again.
        if path.file_name() != Some(new.as_ref())
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(path = %path.display(), %error, "an old key could not be removed");
        }
    }
    Ok(())
}

fn keep_public(directory: &Path, identity: &Identity, key: &str) -> Result<(), Error> {
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
    let path = directory.join(IDENTITY);
    let text = serde_json::to_vec_pretty(&public).map_err(|error| file(&path, error.into()))?;
    write(&path, &text)
}

fn first_key() -> String {
    KEY.to_owned()
}

/// The file that `identity.json` names.
fn key_in_use(directory: &Path) -> Result<String, Error> {
    let path = directory.join(IDENTITY);
    let public: Public = serde_json::from_slice(&must(&path)?).map_err(|error| damaged(&path, error))?;
    Ok(public.key)
}

fn read_key(path: &Path) -> Result<Option<KeyPair>, Error> {
    let Some(text) = read(path)? else { return Ok(None) };
    let text = std::str::from_utf8(&text).map_err(|_| damaged(path, "no private key"))?;
    KeyPair::from_pem(text).map(Some).map_err(|_| damaged(path, "no private key"))
}

fn make_key(path: &Path) -> Result<KeyPair, Error> {
    let key = KeyPair::generate().map_err(|error| Error::Key(error.to_string()))?;
    write(path, Zeroizing::new(key.serialize_pem()).as_bytes())?;
    Ok(key)
}

fn instance(directory: &Path) -> Result<Option<Uuid>, Error> {
    let path = directory.join(INSTANCE);
    let Some(text) = read(&path)? else { return Ok(None) };
    let text = std::str::from_utf8(&text).ok().and_then(|text| Uuid::parse_str(text.trim()).ok());
    text.map(Some).ok_or_else(|| damaged(&path, "not a UUID"))
}

fn digest_key(path: &Path) -> Result<DigestKey, Error> {
    let text = must(path)?;
    let text = std::str::from_utf8(&text).map_err(|_| damaged(path, "not text"))?;
    let bytes = Zeroizing::new(unhex(text.trim()).unwrap_or_default());
    let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| damaged(path, "not 32 bytes in hex"))?;
    Ok(DigestKey::new(bytes))
}

fn certificates(path: &Path, list: &[String]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let decode = |text: &String| STANDARD.decode(text).map(CertificateDer::from).map_err(|error| damaged(path, error));
    list.iter().map(decode).collect()
}

fn must(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    read(path)?.ok_or_else(|| damaged(path, "missing"))
}

fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    use std::io::Read;
    let mut bytes = Zeroizing::new(Vec::new());
    match File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(file(path, source)),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes).map_err(|source| file(path, source))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside: PathBuf = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The name is durable only when its directory is.
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

fn file(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.display().to_string(), source }
}

fn damaged(path: &Path, problem: impl ToString) -> Error {
    Error::Damaged { path: path.display().to_string(), problem: problem.to_string() }
}
