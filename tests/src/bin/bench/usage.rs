//! What a process uses, as the kernel counts it.

use std::path::Path;

use anyhow::{Context as _, Result};

/// Linux counts processor time in hundredths of a second, wherever it runs today.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process so far, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    cpu_seconds_of(Path::new(&format!("/proc/{pid}")))
}

/// The same of a process or a thread by its directory.
pub(crate) fn cpu_seconds_of(task: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(task.join("stat")).context("reading a process's times")?;
    let after_name = text.rsplit_once(')').context("a process has a name")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    Ok((number(11).context("no user time")? + number(12).context("no system time")?) / TICKS_PER_SECOND)
}

/// Resident now, the pages of its program included.
pub(crate) fn rss_mib(pid: u32) -> Result<f64> {
    status_mib(pid, "VmRSS:")
}

/// The most that was ever resident.
pub(crate) fn peak_mib(pid: u32) -> Result<f64> {
    status_mib(pid, "VmHWM:")
}

/// From now on [`peak_mib`] says the most from now on.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").context("forgetting a process's peak")
}

/// Resident now, without the pages of its program and of libraries.
pub(crate) fn anonymous_mib(pid: u32) -> Result<f64> {
    status_mib(pid, "RssAnon:")
}

fn status_mib(pid: u32, field: &str) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).context("reading a process's memory")?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let line = line.with_context(|| format!("a process has no {field}"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().context("a size is no number")?;
    Ok(kib / 1024.0)
}
