//! Sealing of what reaches the store: AES-256-GCM under a key that the caller keeps elsewhere.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Error;

/// The format of everything sealed; part of what is authenticated.
pub(super) const FORMAT: u8 = 1;
/// The format of a pointer that names a journal: an agent that does not know journals must not pass it over.
pub(super) const WITH_JOURNAL: u8 = 2;

/// The key of one agent's durable copy. It has no `Debug`, `Display` or `Serialize`, and is wiped when dropped.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

/// Seals and opens under one key.
pub(super) struct Sealer {
    key: RandomizedNonceKey,
    id: [u8; 16],
}

/// What a sealed text is for; one cannot be passed off as another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose<'a> {
    Pointer,
    Bucket(u32),
    /// A frame of a journal.
    Frame {
        journal: &'a str,
        number: u64,
    },
}

// === impl SealKey ===

impl SealKey {
    /// A key from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A fresh key.
    ///
    /// # Errors
    /// [`Error::Io`] when the system has no randomness to give.
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| no_randomness())?;
        Ok(Self(bytes))
    }

    /// The bytes, for where the key is kept.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

// === impl Sealer ===

impl Sealer {
    pub(super) fn new(key: &SealKey) -> Result<Self, Error> {
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, key.0.as_slice()).map_err(|_| Error::WrongKey)?;
        Ok(Self { key: sealing, id: id_of(key) })
    }

    /// Names the key without telling it, so that a wrong key is told from damage.
    pub(super) fn key_id(&self) -> &[u8; 16] {
        &self.id
    }

    /// Nonce, then ciphertext and tag. Nonces are random: a key must not seal more than 2^32 times, which at a write a second takes a century.
    pub(super) fn seal(&self, purpose: Purpose<'_>, mut plain: Vec<u8>) -> Result<Vec<u8>, Error> {
        let nonce =
            self.key.seal_in_place_append_tag(Aad::from(purpose.aad()), &mut plain).map_err(|_| no_randomness())?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut plain);
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) made for the same purpose.
    pub(super) fn open(&self, purpose: Purpose<'_>, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let damaged = || Error::Corrupt { what: purpose.to_string(), why: "does not authenticate" };
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut rest = rest.to_vec();
        let length = self.key.open_in_place(nonce, Aad::from(purpose.aad()), &mut rest).map_err(|_| damaged())?.len();
        rest.truncate(length);
        Ok(rest)
    }
}

fn id_of(key: &SealKey) -> [u8; 16] {
    let hash = Sha256::new().chain_update(b"windlass-agent key id").chain_update(key.0.as_slice()).finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id
}

fn no_randomness() -> Error {
    Error::Io("the system gave no random bytes".into())
}

// === impl Purpose ===

impl Purpose<'_> {
    fn aad(self) -> String {
        format!("windlass-agent {self} format {FORMAT}")
    }
}

impl std::fmt::Display for Purpose<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pointer => f.write_str("pointer"),
            Self::Bucket(bucket) => write!(f, "bucket {bucket}"),
            Self::Frame { journal, number } => write!(f, "frame {number} of journal {journal}"),
        }
    }
}
