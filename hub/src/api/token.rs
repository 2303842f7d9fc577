//! API tokens: `wl_<id>_<secret>`. The store keeps the id and the SHA-256 of the secret, so a stolen database opens nothing, and looking a token up by its
//! hash leaks no timing of the secret itself.

use sha2::{Digest, Sha256};
use uuid::Uuid;
use windlass_domain::time::Timestamp;
use windlass_store::NewToken;
use zeroize::Zeroizing;

const PREFIX: &str = "wl_";
const SECRET_BYTES: usize = 32;

/// What a caller proves itself with. It has no `Debug` and no `Serialize`; the secret is wiped when it goes.
#[derive(Clone)]
pub struct ApiToken {
    /// Public part: which token.
    pub id: Uuid,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

/// A text that is no API token. The text is not repeated: it may be a mistyped secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API token (wl_<id>_<secret>)")]
pub struct NotAToken;

// === impl ApiToken ===

impl ApiToken {
    /// A new token from the operating system's randomness; `id` is a UUID v7.
    pub fn mint(id: Uuid) -> Result<Self, rand::rngs::SysError> {
        Ok(Self { id, secret: Zeroizing::new(random()?) })
    }

    /// Reads the text whole; spaces around it are dropped, as files end with a newline.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(NotAToken)?;
        let (id, secret) = rest.split_once('_').ok_or(NotAToken)?;
        if id.len() != 32 {
            return Err(NotAToken);
        }
        let id = Uuid::parse_str(id).map_err(|_| NotAToken)?;
        Ok(Self { id, secret: Zeroizing::new(unhex(secret).ok_or(NotAToken)?) })
    }

    /// The text that is shown once.
    pub fn expose(&self) -> Zeroizing<String> {
        let secret: String = self.secret.iter().map(|byte| format!("{byte:02x}")).collect();
        Zeroizing::new(format!("{PREFIX}{}_{secret}", self.id.simple()))
    }

    /// SHA-256 of the secret part: all that the store keeps of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(*self.secret).into()
    }

    /// The record for the store.
    pub fn record(&self, principal: &str, expires_at: Timestamp) -> NewToken {
        NewToken { id: self.id, hash: self.hash(), principal: principal.to_owned(), expires_at }
    }
}

/// 32 bytes of the operating system's randomness.
pub(crate) fn random() -> Result<[u8; SECRET_BYTES], rand::rngs::SysError> {
    let mut bytes = [0; SECRET_BYTES];
    rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut bytes)?;
    Ok(bytes)
}

fn unhex(text: &str) -> Option<[u8; SECRET_BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * SECRET_BYTES {
        return None;
    }
    let mut bytes = [0; SECRET_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text() {
        let token = ApiToken::mint(Uuid::from_u128(7)).expect("randomness");
        let text = token.expose();
        let read = ApiToken::parse(&format!(" {}\n", *text)).expect("a token");
        assert_eq!((read.id, read.hash()), (token.id, token.hash()));
        assert_eq!(text.len(), 3 + 32 + 1 + 64);
    }

    #[test]
    fn what_is_not_exactly_a_token_is_refused() {
        let text = ApiToken::mint(Uuid::from_u128(7)).expect("randomness").expose();
        for bad in [
            "",
            "wl_",
            "wl__",
            &text[3..],
            &text[..99],
            &format!("{}0", *text),
            &text.to_uppercase(),
            &text.replace('_', "-"),
        ] {
            assert!(ApiToken::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_tokens_differ() {
        let mint = || ApiToken::mint(Uuid::from_u128(7)).expect("randomness").hash();
        assert_ne!(mint(), mint());
    }
}
