//! The API server's audit log: one JSON event a line.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A place in the audit log; the default is its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditMark(u64);

/// Who did what when, of every request, once it is answered.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
";

/// The end of the log now.
pub(super) fn mark(path: &Path) -> Result<AuditMark> {
    Ok(AuditMark(read_from(path, 0)?.len() as u64))
}

/// The events after `mark`; a line still being written is left for later.
pub(super) fn read(path: &Path, mark: AuditMark) -> Result<Vec<Value>> {
    let text = read_from(path, mark.0)?;
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).context("parsing a line of the audit log")).collect()
}

/// The whole lines from `offset` on; a log that does not exist yet is empty.
fn read_from(path: &Path, offset: u64) -> Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("opening {}", path.display())),
    };
    file.seek(SeekFrom::Start(offset)).with_context(|| format!("seeking in {}", path.display()))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).with_context(|| format!("reading {}", path.display()))?;
    let end = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    text.truncate(end);
    Ok(text)
}
