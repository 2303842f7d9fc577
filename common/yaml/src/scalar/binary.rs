//! `!!binary`: base64 to text.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use crate::error::ErrorKind;

/// Go's `base64.StdEncoding`: padding required, unused trailing bits ignored.
const ENGINE: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

pub(super) fn decode(text: &str) -> Result<String, ErrorKind> {
    let compact: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = ENGINE.decode(compact);
    let bytes = bytes.map_err(|_| ErrorKind::Tag { tag: "!!binary", value: text.to_owned() })?;
    Ok(to_text(&bytes))
}

/// As Go's JSON encoder: each byte that is not UTF-8 becomes one U+FFFD. (Rust's lossy conversion
/// makes one of a whole truncated sequence.)
fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
