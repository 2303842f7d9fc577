//! Content addresses. A digest is a scheme id and 32 bytes; what is hashed is always the uncompressed, unsealed canonical bytes.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How a digest was made. The number is part of the wire and store formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Scheme {
    /// SHA-256 of the canonical bytes.
    Sha256 = 1,
    /// HMAC-SHA-256 of the canonical bytes under the installation's key, for Secrets: their digests may be seen by people who may not guess contents.
    Keyed = 2,
}

/// The address of a content: `1:<hex>` or `2:<hex>` as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    scheme: Scheme,
    bytes: [u8; 32],
}

/// The installation's digest key. It has no `Debug` and no `Serialize`: it never reaches a log or an API body.
#[derive(Clone)]
pub struct DigestKey([u8; 32]);

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a digest: expected \"1:\" or \"2:\" and 64 hex digits")]
pub struct NotADigest(pub String);

// === impl DigestKey ===

impl DigestKey {
    /// A key from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for sealing and for `Join`.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

// === impl Digest ===

impl Digest {
    /// SHA-256 of bytes that hold no secret.
    pub fn of(bytes: &[u8]) -> Self {
        Self { scheme: Scheme::Sha256, bytes: Sha256::digest(bytes).into() }
    }

    /// HMAC-SHA-256 of bytes that may hold a secret.
    pub fn keyed(key: &DigestKey, bytes: &[u8]) -> Self {
        // A key shorter than the hash's block is padded with zeros (RFC 2104).
        let mut block = [0; 64];
        block[..32].copy_from_slice(&key.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(bytes);
        Self { scheme: Scheme::Keyed, bytes: mac.finalize().into_bytes().into() }
    }

    /// Whether `bytes` are what this digest names.
    pub fn verifies(&self, key: &DigestKey, bytes: &[u8]) -> bool {
        *self
            == match self.scheme {
                Scheme::Sha256 => Self::of(bytes),
                Scheme::Keyed => Self::keyed(key, bytes),
            }
    }

    /// How it was made.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Scheme byte and hash: 33 bytes, the wire and store form.
    pub fn to_bytes(self) -> [u8; 33] {
        let mut out = [self.scheme as u8; 33];
        out[1..].copy_from_slice(&self.bytes);
        out
    }

    /// Reads [`to_bytes`](Self::to_bytes) back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotADigest> {
        let bad = || NotADigest(hex(bytes));
        let (scheme, rest) = bytes.split_first().ok_or_else(bad)?;
        let scheme = match scheme {
            1 => Scheme::Sha256,
            2 => Scheme::Keyed,
            _ => return Err(bad()),
        };
        Ok(Self { scheme, bytes: rest.try_into().map_err(|_| bad())? })
    }

    /// The first twelve hex digits, as people write them.
    pub fn short(&self) -> String {
        hex(&self.bytes[..6])
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads lower- or upper-case hex; `None` when it is not hex of even length.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    text.as_bytes().chunks_exact(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.scheme as u8, hex(&self.bytes))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl std::str::FromStr for Digest {
    type Err = NotADigest;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || NotADigest(text.to_owned());
        let (scheme, rest) = text.split_once(':').ok_or_else(bad)?;
        let mut bytes = vec![scheme.parse::<u8>().map_err(|_| bad())?];
        bytes.extend(unhex(rest).ok_or_else(bad)?);
        Self::from_bytes(&bytes).map_err(|_| bad())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_text_and_bytes() {
        let key = DigestKey::new([7; 32]);
        for digest in [Digest::of(b"x"), Digest::keyed(&key, b"x")] {
            assert_eq!(digest.to_string().parse(), Ok(digest));
            assert_eq!(Digest::from_bytes(&digest.to_bytes()), Ok(digest));
            assert!(digest.verifies(&key, b"x"));
            assert!(!digest.verifies(&key, b"y"));
        }
        assert!("3:00".parse::<Digest>().is_err());
    }
}
