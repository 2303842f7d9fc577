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

/// One measured number.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// What bars and scripts call it; `ratio.wall` is `wall` of the object `ratio` in JSON.
    pub name: &'static str,
    /// To a tenth, in the unit that the name ends in; a count and a ratio have none.
    pub value: f64,
    /// What it may be at most, where there is a bar.
    pub at_most: Option<f64>,
}

/// The result of one benchmark.
#[derive(Debug, Clone)]
pub struct Report {
    /// `B1` and so on.
    pub id: &'static str,
    /// What was done.
    pub workload: String,
    /// Windlass' figures, and ratios to the floor.
    pub figures: Vec<Figure>,
    /// The floor program's figures; none when there is no floor.
    pub floor: Vec<Figure>,
    /// What peers publish of the same, in one sentence; empty when nothing is known.
    pub peers: &'static str,
}

// === impl Figure ===

impl Figure {
    /// A number without a bar.
    pub fn new(name: &'static str, value: f64) -> Self {
        Self { name, value: rounded(value), at_most: None }
    }

    /// A number with a bar.
    pub fn at_most(name: &'static str, value: f64, limit: f64) -> Self {
        Self { at_most: Some(limit), ..Self::new(name, value) }
    }

    /// A ratio, to a hundredth.
    pub fn ratio(name: &'static str, value: f64, limit: f64) -> Self {
        Self { name, value: (value * 100.0).round() / 100.0, at_most: Some(limit) }
    }

    /// Whether it is over its bar; nothing measured is.
    pub fn is_over(&self) -> bool {
        self.at_most.is_some_and(|limit| self.value.is_nan() || self.value > limit)
    }

    fn line(&self) -> String {
        let bar = match self.at_most {
            Some(limit) if self.is_over() => format!(" (OVER: at most {limit})"),
            Some(limit) => format!(" (at most {limit})"),
            None => String::new(),
        };
        format!("{} {}{bar}", self.name, self.value)
    }
}

// === impl Report ===

impl Report {
    /// For people: a heading, then one figure a line, its name first.
    pub fn text(&self, machine: Machine) -> String {
        let mut lines = vec![format!("{}: {}", self.id, self.workload)];
        lines.extend(self.figures.iter().map(Figure::line));
        lines.extend(self.floor.iter().map(|figure| format!("floor.{}", figure.line())));
        if !self.peers.is_empty() {
            lines.push(format!("published: {}", self.peers));
        }
        if machine.is_busy() {
            let load = machine.load;
            lines.push(format!(
                "not recorded: the load average was {load} at the start (at most {BUSY}); measure again"
            ));
        }
        lines.join("\n")
    }

    /// For scripts: one object, the figures by name beside `id`, `workload`, `floor`, `cores`, `load` and `recorded`.
    pub fn json(&self, machine: Machine) -> Value {
        let mut object = nested(&self.figures);
        object["id"] = json!(self.id);
        object["workload"] = json!(self.workload);
        object["cores"] = json!(machine.cores);
        object["load"] = json!(machine.load);
        object["recorded"] = json!(!machine.is_busy());
        object["over"] = self.figures.iter().filter(|figure| figure.is_over()).map(|figure| figure.name).collect();
        if !self.floor.is_empty() {
            object["floor"] = nested(&self.floor);
        }
        object
    }

    /// Writes `target/bench/ID.json` and returns its path; nothing when the machine was busy.
    pub fn record(&self, machine: Machine) -> Result<Option<PathBuf>> {
        if machine.is_busy() {
            return Ok(None);
        }
        let folder = Path::new("target/bench");
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join(format!("{}.json", self.id));
        let text = serde_json::to_string_pretty(&self.json(machine)).context("writing a report")?;
        std::fs::write(&path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
        Ok(Some(path))
    }
}

fn nested(figures: &[Figure]) -> Value {
    let mut object = json!({});
    for figure in figures {
        match figure.name.split_once('.') {
            Some((outer, inner)) => object[outer][inner] = number(figure.value),
            None => object[figure.name] = number(figure.value),
        }
    }
    object
}

/// A whole number without a fraction: counts are counts.
#[allow(clippy::cast_possible_truncation)]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

/// To a tenth: more digits would pretend.
pub fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
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

    #[test]
    fn a_report_is_read_by_people_and_by_scripts() {
        let report = Report {
            id: "B9",
            workload: "much".into(),
            figures: vec![Figure::ratio("ratio.wall", 1.512, 1.3), Figure::at_most("agent_rss_mib", 12.34, 40.0)],
            floor: vec![Figure::new("wall_s", 9.0)],
            peers: "",
        };
        let (idle, busy) = (Machine { cores: 2, load: 0.5 }, Machine { cores: 2, load: 3.0 });
        let text = report.text(idle);
        assert!(
            text.contains("\nratio.wall 1.51 (OVER: at most 1.3)\nagent_rss_mib 12.3 (at most 40)\nfloor.wall_s 9"),
            "{text}"
        );
        assert!(report.text(busy).contains("not recorded: the load average was 3"));
        let json = report.json(idle);
        assert_eq!((&json["ratio"]["wall"], &json["floor"]["wall_s"]), (&json!(1.51), &json!(9)));
        assert_eq!((&json["over"], &json["recorded"]), (&json!(["ratio.wall"]), &json!(true)));
        assert_eq!(report.json(busy)["recorded"], false);
        assert!(report.record(busy).expect("nothing to write").is_none());
    }
}
