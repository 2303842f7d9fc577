//! Sealing: what the database holds of secrets is AES-256-GCM under a key that lies outside the database.
//!
//! A sealed value is `1 (scheme) | key id (8) | nonce (12) | ciphertext and tag`. Where it stands (table, row, column) is bound to it: a value that is moved
//! elsewhere in the database does not open.

mod file;

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// The first byte of every value sealed in this form.
const SCHEME: u8 = 1;
const ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + ID_LEN + NONCE_LEN;

/// The key that seals secrets at rest. It has no `Debug` and no `Serialize`.
#[derive(Clone)]
pub struct SealKey {
    key: Arc<LessSafeKey>,
    id: [u8; ID_LEN],
}

/// Where a sealed value stands in the database.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Table.
    pub table: &'a str,
    /// The row's key.
    pub row: &'a str,
    /// Column.
    pub column: &'a str,
}

// === impl SealKey ===

impl SealKey {
    /// A key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self> {
        let bytes = Zeroizing::new(bytes);
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"windlass seal key id\0");
        context.update(bytes.as_slice());
        let mut id = [0; ID_LEN];
        id.copy_from_slice(&context.finish().as_ref()[..ID_LEN]);
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_slice())
            .map_err(|_| Error::Invalid("the seal key has a wrong length".into()))?;
        Ok(Self { key: Arc::new(LessSafeKey::new(key)), id })
    }

    /// A name of the key that tells nothing of it: 16 hex digits.
    pub fn id(&self) -> String {
        windlass_domain::digest::hex(&self.id)
    }

    /// Seals bytes for one place.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce)?;
        let mut body = plain.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.to_bytes()), &mut body)
            .map_err(|_| Error::Invalid("the value is too large to be sealed".into()))?;
        let mut sealed = Vec::with_capacity(HEADER_LEN + body.len());
        sealed.push(SCHEME);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) made for the same place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let bad = |why: &str| Error::Corrupt(format!("{} of {:?} in {}: {why}", place.column, place.row, place.table));
        let (header, body) = sealed.split_at_checked(HEADER_LEN).ok_or_else(|| bad("the sealed value is cut off"))?;
        if header[0] != SCHEME {
            return Err(bad("it was sealed in a form that this version does not know"));
        }
        let id = &header[1..=ID_LEN];
        if id != self.id {
            let theirs = windlass_domain::digest::hex(id);
            return Err(bad(&format!(
                "it was sealed with key {theirs}, this key is {}: give the key file that belongs to the database",
                self.id()
            )));
        }
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&header[1 + ID_LEN..]);
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(place.to_bytes()), &mut body)
            .map_err(|_| bad("the sealed value was changed, or belongs to another place"))?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

// === impl Place ===

impl Place<'_> {
    fn to_bytes(self) -> Vec<u8> {
        [self.table, self.row, self.column].join("\0").into_bytes()
    }
}

/// Random bytes from the system.
pub(crate) fn random(bytes: &mut [u8]) -> Result<()> {
    aws_lc_rs::rand::fill(bytes)
        .map_err(|_| Error::Unavailable { cause: "the system has no randomness to give".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place { table: "secrets", row: "ca-key", column: "value" };

    fn key(byte: u8) -> SealKey {
        SealKey::from_bytes([byte; 32]).expect("a key")
    }

    fn refusal(key: &SealKey, place: Place<'_>, sealed: &[u8]) -> String {
        key.open(place, sealed).map(|_| ()).expect_err("refused").to_string()
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_place_with_its_key() {
        let sealed = key(1).seal(PLACE, b"canary").expect("sealed");
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        assert_eq!(key(1).open(PLACE, &sealed).expect("opens").as_slice(), b"canary");
        let elsewhere = Place { row: "other", ..PLACE };
        assert!(refusal(&key(1), elsewhere, &sealed).contains("another place"));
        assert!(refusal(&key(2), PLACE, &sealed).contains("give the key file"));
    }

    #[test]
    fn damage_is_noticed() {
        let sealed = key(1).seal(PLACE, b"canary").expect("sealed");
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(key(1).open(PLACE, &damaged).is_err(), "byte {at}");
        }
        assert!(refusal(&key(1), PLACE, &sealed[..10]).contains("cut off"));
    }

    #[test]
    fn equal_values_do_not_look_equal() {
        assert_ne!(key(1).seal(PLACE, b"x").expect("sealed"), key(1).seal(PLACE, b"x").expect("sealed"));
    }
}
