//! The list of revocations outside the database: one JSON object a line, only ever appended to, so that a database that is restored from an older copy
//! still refuses what was revoked after it was made.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// The most bytes of the whole list: some hundred thousand lines.
pub const MAX_BYTES: u64 = 64 << 20;

/// One certificate that is refused for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    /// When it was revoked.
    pub at: Timestamp,
    /// Whose certificate.
    pub cluster: Uuid,
    /// Its serial number.
    pub serial: String,
    /// By whom.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} is no revocation ({problem}): restore the file, or correct the line; while it cannot be read nobody can be let in safely"
)]
pub struct Unreadable {
    /// Which, from 1.
    pub line: usize,
    /// Why.
    pub problem: String,
}

/// Reads a list. A last line without its end was cut off while it was written: nobody was told that it holds, and it is left out.
///
/// # Errors
/// For any other line that is not a revocation; a newer version's further fields are ignored.
pub fn read(text: &str) -> Result<Vec<Revocation>, Unreadable> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|error| Unreadable { line: at + 1, problem: error.to_string() })
        })
        .collect()
}

impl Revocation {
    /// Its line, with the end of the line.
    ///
    /// # Errors
    /// Never in practice: it has no map with other keys than texts.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{}\n", serde_json::to_string(self)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::from_millis;

    fn revocation(serial: &str) -> Revocation {
        let (by, reason) = ("ann".into(), "stolen\nlaptop".into());
        Revocation {
            at: from_millis(1_700_000_000_000),
            cluster: Uuid::from_u128(1),
            serial: serial.into(),
            by,
            reason,
        }
    }

    #[test]
    fn what_is_written_is_read_and_a_torn_end_is_left_out() {
        let (a, b) = (revocation("0a"), revocation("0b"));
        let text = format!("{}{}", a.to_line().expect("a line"), b.to_line().expect("a line"));
        assert_eq!(text.lines().count(), 2, "a reason has no lines of its own");
        assert_eq!(read(&text), Ok(vec![a.clone(), b]));
        for cut in 1..text.len() / 2 {
            let read = read(&text[..text.len() - cut]).expect("a list");
            assert!(read.is_empty() || read[0] == a);
        }
        assert_eq!(read(""), Ok(vec![]));
        assert_eq!(read(&format!("nonsense\n{text}")).expect_err("an error").line, 1);
    }
}
