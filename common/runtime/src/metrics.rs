//! Counters and gauges, and their text form (Prometheus 0.0.4). No labels beyond fixed ones: what has one value per target or cluster belongs in the
//! store, not in a scrape.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;

/// A process's metrics; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    families: Arc<Mutex<BTreeMap<&'static str, Family>>>,
}

/// A number that only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicI64>);

/// A number that goes both ways.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

#[derive(Debug)]
struct Family {
    kind: &'static str,
    help: &'static str,
    /// By label text, such as `{outcome="ok"}`; empty for none.
    series: BTreeMap<String, Arc<AtomicI64>>,
}

// === impl Metrics ===

impl Metrics {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter of this name; the same one whenever it is asked for. Names end in `_total`.
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        Counter(self.series("counter", name, help, &[]))
    }

    /// The counter of this name and these fixed labels.
    pub fn counter_with(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Counter {
        Counter(self.series("counter", name, help, labels))
    }

    /// The gauge of this name.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        Gauge(self.series("gauge", name, help, &[]))
    }

    /// The gauge of this name and these fixed labels.
    pub fn gauge_with(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Gauge {
        Gauge(self.series("gauge", name, help, labels))
    }

    /// All of them, as Prometheus reads them.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, family) in self.families.lock().iter() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {}", family.help, family.kind);
            for (labels, value) in &family.series {
                let _ = writeln!(text, "{name}{labels} {}", value.load(Ordering::Relaxed));
            }
        }
        text
    }

    fn series(
        &self,
        kind: &'static str,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
    ) -> Arc<AtomicI64> {
        let mut families = self.families.lock();
        let family = families.entry(name).or_insert_with(|| Family { kind, help, series: BTreeMap::new() });
        Arc::clone(family.series.entry(label_text(labels)).or_default())
    }
}

fn label_text(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

// === impl Counter ===

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(i64::try_from(n).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// How many.
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Gauge ===

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Changes the value.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    /// The value.
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_prometheus_reads() {
        let metrics = Metrics::new();
        metrics.gauge("windlass_sessions", "Open sessions.").set(2);
        metrics.counter_with("windlass_dials_total", "Dials.", &[("outcome", "a \"b\"")]).add(3);
        metrics.counter_with("windlass_dials_total", "Dials.", &[("outcome", "a \"b\"")]).increment();
        let want = "# HELP windlass_dials_total Dials.\n# TYPE windlass_dials_total counter\n\
                    windlass_dials_total{outcome=\"a \\\"b\\\"\"} 4\n\
                    # HELP windlass_sessions Open sessions.\n# TYPE windlass_sessions gauge\nwindlass_sessions 2\n";
        assert_eq!(metrics.to_text(), want);
    }
}
