//! `windlass app approve`.

use std::collections::BTreeMap;

use anyhow::bail;
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::list::short;
use super::name::NameArgs;
use crate::client::Client;
use crate::output::{self, table};
use crate::view::{Hold, Page, Target};

/// Approve deletions that are held: exactly the objects that are shown, for exactly this commit, on all clusters at once.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app approve web\n  windlass app approve web --cluster eu-1")]
pub(crate) struct Approve {
    #[command(flatten)]
    name: NameArgs,
    /// Only on this cluster.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Approved {
    approved: Vec<ApprovedSet>,
    differing: Vec<Differing>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ApprovedSet {
    cluster: String,
    count: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Differing {
    cluster: String,
    why: String,
}

/// What clusters hold, that hold the same.
struct Group<'a> {
    clusters: Vec<&'a str>,
    target: &'a Target,
    hold: &'a Hold,
}

impl Approve {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let targets = self.targets(client).await?;
        let is_wanted = |target: &&Target| self.cluster.as_ref().is_none_or(|cluster| *cluster == target.cluster);
        let held: Vec<(&Target, &Hold)> =
            targets.iter().filter(is_wanted).filter_map(|target| Some((target, target.hold.as_ref()?))).collect();
        if held.is_empty() {
            bail!("application {}: no deletions are held; there is nothing to approve", self.name);
        }
        groups(&held).iter().for_each(show);
        let count: u64 = held.iter().map(|(_, hold)| hold.count).sum();
        output::confirm(&format!("Delete these {count} objects on {} clusters?", held.len()), self.yes)?;
        let sets: BTreeMap<_, _> = held.iter().map(|(target, hold)| (&target.cluster, &hold.set)).collect();
        let body = json!({"cluster": self.cluster, "sets": sets});
        let approved: Approved = client.post(&self.name.below("approve"), &body).await?;
        for set in &approved.approved {
            output::line(&format!(
                "application {} deletion of {} objects approved on {}",
                self.name, set.count, set.cluster
            ))?;
        }
        for differing in &approved.differing {
            output::note(&format!("still held on {}: {}", differing.cluster, table::single_line(&differing.why)));
        }
        match approved.differing.len() {
            0 => Ok(()),
            left => bail!("application {}: deletions are still held on {left} clusters", self.name),
        }
    }

    /// Every target; an application shows the worst of them only.
    async fn targets(&self, client: &Client) -> anyhow::Result<Vec<Target>> {
        let (mut targets, mut after) = (Vec::new(), None);
        loop {
            let query = [("limit", Some("500".to_owned())), ("after", after)];
            let page: Page = client.get(&self.name.below("targets"), &query).await?;
            for item in page.items {
                targets.push(serde_json::from_value(item)?);
            }
            if page.next.is_none() {
                return Ok(targets);
            }
            after = page.next;
        }
    }
}

/// By what is to be deleted, and for which commits: the same on many clusters is shown once.
fn groups<'a>(held: &[(&'a Target, &'a Hold)]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (target, hold) in held {
        let same = |group: &&mut Group<'a>| {
            (&group.hold.keys, group.hold.count, &group.hold.reason) == (&hold.keys, hold.count, &hold.reason)
                && (&group.target.synced_revision, &group.target.desired_revision)
                    == (&target.synced_revision, &target.desired_revision)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.clusters.push(&target.cluster),
            None => groups.push(Group { clusters: vec![&target.cluster], target, hold }),
        }
    }
    groups
}

fn show(group: &Group<'_>) {
    let Group { clusters, target, hold } = group;
    let (from, to) = (short(target.synced_revision.as_deref()), short(target.desired_revision.as_deref()));
    output::note(&table::single_line(&format!(
        "{} ({from} -> {to}): {} objects would be deleted on each. {}",
        clusters.join(", "),
        hold.count,
        hold.reason
    )));
    for key in &hold.keys {
        output::note(&table::single_line(&format!("  {key}")));
    }
    let hidden = hold.count.saturating_sub(hold.keys.len() as u64);
    if hidden > 0 {
        output::note(&format!("  and {hidden} more"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Key;

    #[test]
    fn clusters_that_hold_the_same_are_one_group() {
        let hold =
            |name: &str| Hold { count: 1, keys: vec![Key { name: name.into(), ..Key::default() }], ..Hold::default() };
        let target = |cluster: &str| Target { cluster: cluster.into(), ..Target::default() };
        let (a, b, c) = (target("eu-1"), target("us-1"), target("us-2"));
        let (same, other) = (hold("web"), hold("api"));
        let held = [(&a, &same), (&b, &other), (&c, &same)];
        let clusters: Vec<_> = groups(&held).iter().map(|group| group.clusters.join(",")).collect();
        assert_eq!(clusters, ["eu-1,us-2", "us-1"]);
    }
}
