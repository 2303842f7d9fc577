//! What benchmarks share: percentiles, the machine's state, one line and one file of results.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Above this load average, what is measured says more about the machine than about Windlass.
pub const BUSY: f64 = 2.5;

/// Measured times, sorted.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<f64>);

impl Times {
    /// Of durations in any order.
    pub fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut millis: Vec<f64> = durations.into_iter().map(|duration| duration.as_secs_f64() * 1000.0).collect();
        millis.sort_by(f64::total_cmp);
        Self(millis)
    }

    /// The value that `percent` of all do not exceed, in milliseconds, by nearest rank; NaN of nothing.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn percentile(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    /// The median, in milliseconds.
    pub fn p50(&self) -> f64 {
        self.percentile(50.0)
    }

    /// The 99th percentile, in milliseconds; of fewer than a hundred it is the worst.
    pub fn p99(&self) -> f64 {
        self.percentile(99.0)
    }
}

/// The machine, at the start of a benchmark.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Processors.
    pub cores: usize,
    /// The load average of the last minute.
    pub load: f64,
}

impl Machine {
    /// Looks at it now.
    pub fn look() -> Result<Self> {
        let cores = std::thread::available_parallelism().context("counting processors")?.get();
        let text = std::fs::read_to_string("/proc/loadavg").context("reading the load average")?;
        let load =
            text.split(' ').next().and_then(|first| first.parse().ok()).context("the load average is no number")?;
        Ok(Self { cores, load })
    }

    /// Whether figures are not worth much.
    pub fn is_busy(self) -> bool {
        self.load > BUSY
    }
}

/// The result of one benchmark.
#[derive(Debug, Clone)]
pub struct Report {
    /// `B1` and so on.
    pub id: &'static str,
    /// What was done.
    pub workload: String,
    /// Figures by name.
    pub measured: Value,
    /// The floor program's figures; null when there is none.
    pub floor: Value,
    /// Measured over floor; absent when there is no floor.
    pub ratio: Option<f64>,
    /// What peers publish of the same, in one sentence; empty when nothing is known.
    pub peers: &'static str,
}

impl Report {
    /// Writes `target/bench/ID.json`, and returns its path and the one line for people.
    pub fn write(&self, machine: Machine) -> Result<(PathBuf, String)> {
        let folder = Path::new("target/bench");
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join(format!("{}.json", self.id));
        let file = json!({
            "workload": self.workload,
            "measured": self.measured,
            "floor": self.floor,
            "ratio": self.ratio.map(rounded),
            "cores": machine.cores,
            "load": machine.load,
        });
        let text = serde_json::to_string_pretty(&file).context("writing a report")?;
        std::fs::write(&path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
        Ok((path, self.line(machine)))
    }

    fn line(&self, machine: Machine) -> String {
        let mut line = format!("{}: {}: {}", self.id, self.workload, figures(&self.measured));
        if let Some(ratio) = self.ratio {
            line.push_str(&format!("; floor {}; ratio {:.1}x", figures(&self.floor), ratio));
        }
        if !self.peers.is_empty() {
            line.push_str(&format!("; published: {}", self.peers));
        }
        if machine.is_busy() {
            line.push_str(&format!("; THE MACHINE WAS BUSY (load {}): measure again", machine.load));
        }
        line
    }
}

/// To a tenth: more digits would pretend.
pub fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn figures(value: &Value) -> String {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(name, value)| format!("{name} {value}")).collect::<Vec<String>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times = Times::of((1..=30).rev().map(Duration::from_millis));
        assert_eq!((times.p50(), times.p99(), times.percentile(0.0)), (15.0, 30.0, 1.0));
        assert_eq!(Times::of([Duration::from_millis(7)]).p50(), 7.0);
        assert!(Times::default().p50().is_nan());
    }
}
