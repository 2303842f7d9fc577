//! `windlass app logs`.

use std::io::{ErrorKind, Write};

use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;

use super::name::NameArgs;
use crate::client::Client;
use crate::output::{self, table};

/// Show what the containers of an application wrote: of all its Pods, of one, or of those that an object owns.
#[derive(Args)]
#[command(
    after_help = "Example:\n  windlass app logs web -f\n  windlass app logs web --kind Deployment --name web --tail 100\n  \
    windlass app logs web --kind Pod --name web-5d9c-x2 -c proxy --previous --cluster eu-1"
)]
pub(crate) struct Logs {
    #[command(flatten)]
    name: NameArgs,
    /// Kind of the object: Pod, or one that owns Pods.
    #[arg(long)]
    kind: Option<String>,
    /// Name of the object.
    #[arg(long = "name", value_name = "NAME")]
    of: Option<String>,
    /// Namespace of the object.
    #[arg(long)]
    namespace: Option<String>,
    /// API group of the object.
    #[arg(long)]
    group: Option<String>,
    /// Of this container; of each Pod's default one without it.
    #[arg(short = 'c', long, value_name = "NAME")]
    container: Option<String>,
    /// Go on as more is written.
    #[arg(short = 'f', long)]
    follow: bool,
    /// Of the container's run before.
    #[arg(short = 'p', long)]
    previous: bool,
    /// Only so many lines of the end of each container's log.
    #[arg(long, value_name = "LINES")]
    tail: Option<u64>,
    /// Only what is not older than this: 90s, 5m, 2h.
    #[arg(long, value_name = "TIME", value_parser = seconds, conflicts_with_all = ["since_seconds", "since_time"])]
    since: Option<u64>,
    /// The same in seconds.
    #[arg(short = 's', long, value_name = "SECONDS", conflicts_with = "since_time")]
    since_seconds: Option<u64>,
    /// Only what was written since then: 2026-11-23T17:00:00Z.
    #[arg(long, value_name = "TIME")]
    since_time: Option<Timestamp>,
    /// Only what was written until then.
    #[arg(long, value_name = "TIME")]
    until_time: Option<Timestamp>,
    /// Only lines that hold this text; with ! before it, only those that do not.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// The filter distinguishes capitals.
    #[arg(short = 'm', long)]
    match_case: bool,
    /// Show when each line was written.
    #[arg(long)]
    timestamps: bool,
    /// On this cluster; needed where the application is on more than one.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

/// One line, as the hub sends it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    pod: String,
    container: String,
    time: String,
    content: String,
    problem: String,
}

fn seconds(text: &str) -> Result<u64, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no time as 90s, 5m or 2h"));
    match text.char_indices().last() {
        Some((at, 's')) => number(&text[..at]),
        Some((at, 'm')) => number(&text[..at]).map(|minutes| minutes.saturating_mul(60)),
        Some((at, 'h')) => number(&text[..at]).map(|hours| hours.saturating_mul(3600)),
        _ => number(text),
    }
}

impl Logs {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let mut lines = client.lines(&self.name.live("logs"), &self.query()).await?;
        // The Pod that was asked for needs not be named in each line.
        let named = self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("pod")) && self.of.is_some();
        while let Some(line) = lines.next::<Line>().await? {
            if !line.problem.is_empty() {
                output::note(&table::single_line(&line.problem));
                continue;
            }
            if !print(&line, !named, self.timestamps)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn query(&self) -> [(&'static str, Option<String>); 14] {
        let flag = |set: bool| set.then(|| "true".to_owned());
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        [
            ("cluster", self.cluster.clone()),
            ("group", self.group.clone()),
            ("kind", self.kind.clone()),
            ("resourceNamespace", self.namespace.clone()),
            ("resourceName", self.of.clone()),
            ("container", self.container.clone()),
            ("follow", flag(self.follow)),
            ("previous", flag(self.previous)),
            ("tail", self.tail.map(|lines| lines.to_string())),
            ("sinceSeconds", self.since.or(self.since_seconds).map(|seconds| seconds.to_string())),
            ("since", time(self.since_time)),
            ("until", time(self.until_time)),
            ("filter", self.filter.clone()),
            ("matchCase", flag(self.match_case)),
        ]
    }
}

/// Whether somebody still reads: `| head` is no error.
fn print(line: &Line, prefix: bool, timestamps: bool) -> anyhow::Result<bool> {
    let mut text = String::new();
    if prefix {
        text.push_str(&format!("{}/{} ", line.pod, line.container));
    }
    if timestamps {
        text.push_str(&format!("{} ", line.time));
    }
    text.extend(line.content.chars().map(|c| if c.is_control() && c != '\t' && c != '\u{1b}' { ' ' } else { c }));
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => Ok(written.map(|()| true)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ago_has_one_unit() {
        for (text, want) in [("90s", 90), ("5m", 300), ("2h", 7200), ("7", 7)] {
            assert_eq!(seconds(text), Ok(want));
        }
        assert!(seconds("").is_err() && seconds("5x").is_err() && seconds("m").is_err());
    }
}
