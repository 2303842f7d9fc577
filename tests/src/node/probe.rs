//! Whether a machine can run a real node.

use std::process::Command;

/// `scripts/prerequisites` asks the same script.
const PROBE: &str = include_str!("probe.sh");

/// Nothing when a real node can run here, or else why not, as a sentence without its end. `WINDLASS_NODE=kwok` refuses it
/// anywhere.
pub fn refusal() -> Option<String> {
    match Command::new("bash").args(["-c", PROBE]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        Err(error) => Some(format!("bash does not run: {error}")),
    }
}
