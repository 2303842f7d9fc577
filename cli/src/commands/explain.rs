//! `windlass explain`.

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use windlass_domain::name::ApplicationName;

use super::parse;
use crate::client::Client;
use crate::output::{self, FormatArgs, age, table};
use crate::view::{Explained, ExplainedTarget};

/// Say in one sentence a cluster why an application is as it is, and what to do next.
///
/// The first thing that stands in the way answers: target, fence, source, hold, connection, error, health.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass explain web\n  windlass explain team/web --cluster eu-1 -o json")]
pub(crate) struct Explain {
    /// Name of the application, or namespace/name.
    #[arg(value_name = "APP", value_parser = parse::application)]
    app: ApplicationName,
    /// Only on this cluster; also why it is not on it.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

impl Explain {
    pub(crate) async fn run(self, client: Client) -> anyhow::Result<()> {
        let path = ["applications", &self.app.namespace, &self.app.name, "explain"];
        let value: Value = client.get(&path, &[("cluster", self.cluster)]).await?;
        let explained: Explained = serde_json::from_value(value.clone())?;
        let names = || explained.targets.iter().map(|target| target.verdict.clone()).collect();
        if let Some(printed) = output::machine(self.format.output, &value, names) {
            return printed;
        }
        let now = Timestamp::now();
        explained.targets.iter().flat_map(|target| lines(target, now)).try_for_each(|line| output::line(&line))
    }
}

/// One line that says why, and one that can be typed.
fn lines(target: &ExplainedTarget, now: Timestamp) -> Vec<String> {
    let cluster = target.cluster.as_ref().map(|cluster| format!("{cluster}: ")).unwrap_or_default();
    let since = target.since.map(|since| format!(", since {}", age::ago(since, now))).unwrap_or_default();
    let why = table::single_line(&format!("{cluster}{} ({}{since})", target.sentence, target.verdict));
    let next = target.next.as_ref().map(|next| table::single_line(&format!("  {next}")));
    [Some(why), next].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_line_and_the_next_command_another() {
        let now = Timestamp::from_second(100).expect("a time");
        let mut target = ExplainedTarget {
            cluster: Some("eu-1".into()),
            verdict: "Held".into(),
            sentence: "3 deletions wait for an approval".into(),
            since: Timestamp::from_second(58).ok(),
            next: Some("windlass app approve web --cluster eu-1".into()),
        };
        let want =
            ["eu-1: 3 deletions wait for an approval (Held, since 42s)", "  windlass app approve web --cluster eu-1"];
        assert_eq!(lines(&target, now), want);
        (target.cluster, target.since, target.next) = (None, None, None);
        assert_eq!(lines(&target, now), ["3 deletions wait for an approval (Held)"]);
    }
}
