//! Reading single fields.

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::time::Timestamp;

use super::Invalid;

/// Reads a UUID of 16 bytes.
pub fn uuid(field: &str, bytes: &[u8]) -> Result<Uuid, Invalid> {
    Uuid::from_slice(bytes).map_err(|_| Invalid::new(field, format!("a UUID has 16 bytes, this has {}", bytes.len())))
}

/// Reads a digest: a known scheme and 32 bytes.
pub fn digest(field: &str, bytes: &[u8]) -> Result<Digest, Invalid> {
    Digest::from_bytes(bytes)
        .map_err(|_| Invalid::new(field, format!("not a digest of a known scheme ({} bytes)", bytes.len())))
}

/// Reads milliseconds since 1970.
pub fn time(field: &str, millis: i64) -> Result<Timestamp, Invalid> {
    Timestamp::from_millisecond(millis).map_err(|_| Invalid::new(field, "out of range"))
}

/// Reads a message that must be there.
pub(crate) fn required<W, D: TryFrom<W, Error = Invalid>>(field: &str, wire: Option<W>) -> Result<D, Invalid> {
    optional(field, wire)?.ok_or_else(|| Invalid::new(field, "missing"))
}

/// Reads a message that may be there.
pub(crate) fn optional<W, D: TryFrom<W, Error = Invalid>>(field: &str, wire: Option<W>) -> Result<Option<D>, Invalid> {
    wire.map(D::try_from).transpose().map_err(|invalid| invalid.within(field))
}

/// Reads every message of a list.
pub(crate) fn list<W, D: TryFrom<W, Error = Invalid>>(field: &str, wire: Vec<W>) -> Result<Vec<D>, Invalid> {
    let each = |(at, wire)| D::try_from(wire).map_err(|invalid: Invalid| invalid.within(&format!("{field}[{at}]")));
    wire.into_iter().enumerate().map(each).collect()
}

/// Reads an enum that must be said, by a value that this build knows.
pub(crate) fn known<W: TryFrom<i32>, D>(
    field: &str,
    value: i32,
    read: impl FnOnce(W) -> Option<D>,
) -> Result<D, Invalid> {
    let wire = W::try_from(value).map_err(|_| Invalid::new(field, format!("unknown value {value}")))?;
    read(wire).ok_or_else(|| Invalid::new(field, "missing"))
}
