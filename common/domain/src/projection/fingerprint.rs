//! A short hash that says "the same value" without saying the value.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::digest::{hex, unhex};
use crate::manifest::canonical_bytes;

/// The first 16 bytes of a SHA-256. It is not keyed, so for a Secret it lets a guess be checked: it has no `Display`, its `Debug` shows
/// nothing, and it must stay where the object itself may be read.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 16]);

// === impl Fingerprint ===

impl Fingerprint {
    /// Of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&Sha256::digest(bytes)[..16]);
        Self(short)
    }

    /// Of values, in order.
    pub(super) fn of_values(values: &[&Value]) -> Self {
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend(canonical_bytes(value));
            bytes.push(b'\n');
        }
        Self::of(&bytes)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        hex(&fingerprint.0)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = unhex(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("a fingerprint is 32 hex digits")
    }
}
