//! Failpoints, for tests and the demo. This module exists only under the feature `faults`.
//!
//! A failpoint is `fail::fail_point!("name")` in the code. Beside the actions of the `fail` crate there is `kill`: the process says so on stderr and
//! aborts, as by SIGKILL, nothing flushed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use parking_lot::Mutex;

/// Where a process finds the failpoints to begin with: `name=actions;name=actions`.
pub const VARIABLE: &str = "WINDLASS_FAILPOINTS";

/// How often failpoints that count were reached.
static HITS: LazyLock<Mutex<BTreeMap<String, u64>>> = LazyLock::new(Mutex::default);

/// Sets the failpoints that [`VARIABLE`] names. Call it in `main`.
///
/// # Errors
/// With the entry that cannot be read.
pub fn from_environment() -> Result<(), String> {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    for entry in text.split(';').filter(|entry| !entry.trim().is_empty()) {
        let (name, actions) =
            entry.split_once('=').ok_or_else(|| format!("{VARIABLE}: {entry:?} is not name=actions"))?;
        set(name.trim(), actions.trim())?;
    }
    Ok(())
}

/// Sets one failpoint: `kill`, `count` (only counts how often it is reached), `off`, or actions of the `fail` crate such as `1*sleep(500)->off`.
///
/// # Errors
/// When the actions cannot be read.
pub fn set(name: &str, actions: &str) -> Result<(), String> {
    let named = name.to_owned();
    match actions {
        "kill" => fail::cfg_callback(name, move || kill(&named)),
        "count" => fail::cfg_callback(name, move || count(&named)),
        _ => fail::cfg(name, actions),
    }
    .map_err(|problem| format!("failpoint {name}: {problem}"))
}

/// All failpoints that were set, with their actions and how often those that `count` were reached.
pub fn list() -> Vec<(String, String, u64)> {
    let hits = HITS.lock();
    let hits_of = |name: &str| hits.get(name).copied().unwrap_or(0);
    fail::list()
        .into_iter()
        .map(|(name, actions)| {
            let hits = hits_of(&name);
            (name, actions, hits)
        })
        .collect()
}

fn count(name: &str) {
    *HITS.lock().entry(name.to_owned()).or_default() += 1;
}

#[allow(clippy::print_stderr, reason = "the logger may hold lines back, and there is no later")]
fn kill(name: &str) {
    eprintln!("failpoint {name}: killed");
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaching_a_failpoint_is_counted() {
        set("runtime::test", "count").expect("an action");
        fail::fail_point!("runtime::test");
        fail::fail_point!("runtime::test");
        assert!(list().iter().any(|(name, _, hits)| name == "runtime::test" && *hits == 2));
        set("runtime::test", "off").expect("an action");
        assert!(set("runtime::test", "no such action").is_err());
    }
}
