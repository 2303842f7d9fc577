//! Dependencies between applications (`spec.dependsOn`): which applications one waits for before it syncs a new bundle, and why it still waits.
//!
//! A dependency is ready for a target when it is Synced and Healthy, as a proven fact, on that target's cluster; where it is not on that cluster, when it is
//! so on all of its own. One of the same repository and branch must have been made of the same commit: otherwise its old state would be taken for its answer.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cluster::ClusterSelector;
use crate::health::HealthStatus;
use crate::name::ApplicationName;
use crate::status::SyncStatus;

/// The most entries of one `dependsOn`.
pub const MOST: usize = 100;

/// One entry of `spec.dependsOn`: a name (in the application's own namespace, or `namespace/name`), or a selector over applications' labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Dependency {
    /// By name.
    Name(String),
    /// Every application with such labels, itself aside. None is none to wait for.
    Selector(ClusterSelector),
}

/// As people write it: `web`, `{name: web}` or `{selector: {matchLabels: {...}}}`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Entry(Entry),
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<ClusterSelector>,
}

/// One application that has dependencies, or may be one.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: ApplicationName,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it waits for.
    pub depends_on: Vec<Dependency>,
}

/// Where manifests come from, as far as it says whether two applications follow the same thing: repository and target revision.
pub type Followed = (String, String);

/// How a dependency stands.
#[derive(Debug, Clone, PartialEq)]
pub struct DependencyState {
    /// Its name.
    pub name: ApplicationName,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What its first source follows.
    pub follows: Followed,
    /// The commit that it was made of.
    pub revision: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its targets.
    pub targets: Vec<DependencyTarget>,
}

/// One target of a dependency.
#[derive(Debug, Clone, PartialEq)]
pub struct DependencyTarget {
    /// The cluster.
    pub cluster: Uuid,
    /// The cluster's name.
    pub cluster_name: String,
    /// As it is shown: of a newer bundle on its way, never Synced.
    pub sync: SyncStatus,
    /// Its health.
    pub health: HealthStatus,
    /// Whether that is no proven fact.
    pub stale: bool,
}

/// The one that may have to wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waiting<'a> {
    /// Its name.
    pub name: &'a ApplicationName,
    /// What it waits for.
    pub depends_on: &'a [Dependency],
    /// What its first source follows.
    pub follows: &'a Followed,
    /// The commit that it is to be brought to.
    pub revision: &'a str,
}

/// One reason to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The dependency, as it is called.
    pub on: String,
    /// Why it is not ready.
    pub why: String,
}

/// What a target on a cluster waits for, by name; nothing, when it may go on.
pub fn waits(waiting: &Waiting<'_>, cluster: Uuid, found: &[DependencyState]) -> Vec<Wait> {
    let mut waits = BTreeMap::new();
    for dependency in waiting.depends_on {
        let mut is_known = false;
        for state in found.iter().filter(|state| dependency.matches(waiting.name, &state.name, &state.labels)) {
            is_known = true;
            if let Some(why) = not_ready(waiting, cluster, state) {
                waits.insert(state.name.to_string(), why);
            }
        }
        if let (Dependency::Name(name), false) = (dependency, is_known) {
            waits.insert(name.clone(), "there is no such application".to_owned());
        }
    }
    waits.into_iter().map(|(on, why)| Wait { on, why }).collect()
}

/// `waits for a and b to be Synced and Healthy`: for people, and the same as long as the same is waited for.
pub fn message(waits: &[Wait]) -> String {
    let names: Vec<&str> = waits.iter().map(|wait| wait.on.as_str()).collect();
    let shown = match names.as_slice() {
        [] => "the applications it depends on".to_owned(),
        [one] => (*one).to_owned(),
        [first, second] => format!("{first} and {second}"),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
    };
    format!("waits for {shown} to be Synced and Healthy (spec.dependsOn)")
}

/// What is said of applications that wait for each other: two that were written at the same moment, each before the other could be seen. It names the way,
/// as [`circle`] finds it.
pub fn circle_message(way: &[ApplicationName]) -> String {
    let names: Vec<String> = way.iter().map(ToString::to_string).collect();
    format!(
        "spec.dependsOn goes in a circle: {}; none of them is synced until one of them is changed",
        names.join(" -> ")
    )
}

fn not_ready(waiting: &Waiting<'_>, cluster: Uuid, state: &DependencyState) -> Option<String> {
    if state.deleting {
        return Some("it is being deleted".to_owned());
    }
    let Some(revision) = &state.revision else { return Some("nothing was made of its source yet".to_owned()) };
    if state.follows == *waiting.follows && revision != waiting.revision {
        let short = |revision: &str| revision.chars().take(7).collect::<String>();
        return Some(format!("it is still made of commit {}, not of {}", short(revision), short(waiting.revision)));
    }
    let here: Vec<_> = state.targets.iter().filter(|target| target.cluster == cluster).collect();
    let asked = if here.is_empty() { state.targets.iter().collect() } else { here };
    if asked.is_empty() {
        return Some("it is on no cluster".to_owned());
    }
    asked.into_iter().find_map(|target| {
        let place = &target.cluster_name;
        if target.sync != SyncStatus::Synced || target.health != HealthStatus::Healthy {
            return Some(format!("it is {:?} and {:?} on {place}", target.sync, target.health));
        }
        target.stale.then(|| format!("what is known of it on {place} is not proven to be so now"))
    })
}

/// A circle that an application would be part of: its name, the way, and its name again. `nodes` may leave out what depends on nothing; the application's
/// own entry counts as it is to be.
pub fn circle(start: &Node, nodes: &[Node]) -> Option<Vec<ApplicationName>> {
    let others: Vec<&Node> = nodes.iter().filter(|node| node.name != start.name).collect();
    let mut way = vec![(start, next_of(start, start, &others))];
    let mut seen = BTreeSet::new();
    while let Some((_, next)) = way.last_mut() {
        let Some(node) = next.pop() else {
            way.pop();
            continue;
        };
        if node.name == start.name {
            let names = way.iter().map(|(node, _)| node.name.clone());
            return Some(names.chain([start.name.clone()]).collect());
        }
        if seen.insert(&node.name) {
            way.push((node, next_of(node, start, &others)));
        }
    }
    None
}

fn next_of<'a>(node: &Node, start: &'a Node, others: &[&'a Node]) -> Vec<&'a Node> {
    let is_next = |other: &&'a Node| node.depends_on.iter().any(|d| d.matches(&node.name, &other.name, &other.labels));
    others.iter().copied().chain([start]).filter(is_next).collect()
}

// === impl Dependency ===

impl Dependency {
    /// Whether another application is meant. A selector never means its own application; a name may (and is then a circle).
    pub fn matches(&self, own: &ApplicationName, other: &ApplicationName, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Name(_) => self.name(own).as_ref() == Some(other),
            Self::Selector(selector) => own != other && selector.matches(labels),
        }
    }

    /// The application that a name means; `None` for a selector, and for what is no name.
    pub fn name(&self, own: &ApplicationName) -> Option<ApplicationName> {
        let Self::Name(name) = self else { return None };
        let (namespace, name) = name.split_once('/').unwrap_or((&own.namespace, name));
        ApplicationName::new(namespace, name).ok()
    }

    /// What is wrong with an entry, if anything is.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Name(name) => ApplicationName::parse(name).err().map(|error| error.to_string()),
            Self::Selector(selector) if selector.match_labels.is_empty() && selector.match_expressions.is_empty() => {
                Some("an empty selector would wait for every application; give labels".to_owned())
            }
            Self::Selector(_) => None,
        }
    }
}

impl TryFrom<Written> for Dependency {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Name(name) => Ok(Self::Name(name)),
            Written::Entry(Entry { name, selector: None }) if !name.is_empty() => Ok(Self::Name(name)),
            Written::Entry(Entry { name, selector: Some(selector) }) if name.is_empty() => Ok(Self::Selector(selector)),
            Written::Entry(_) => Err("an entry of dependsOn has either a name or a selector".to_owned()),
        }
    }
}

impl From<Dependency> for Written {
    fn from(dependency: Dependency) -> Self {
        match dependency {
            Dependency::Name(name) => Self::Entry(Entry { name, selector: None }),
            Dependency::Selector(selector) => Self::Entry(Entry { name: String::new(), selector: Some(selector) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name(text: &str) -> ApplicationName {
        ApplicationName::parse(text).expect("a name")
    }

    fn node(text: &str, labels: &[(&str, &str)], depends_on: &[&str]) -> Node {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let depends_on = depends_on.iter().map(|entry| match entry.split_once('=') {
            Some((key, value)) => Dependency::Selector(ClusterSelector {
                match_labels: [(key.to_owned(), value.to_owned())].into(),
                ..Default::default()
            }),
            None => Dependency::Name((*entry).to_owned()),
        });
        Node { name: name(text), labels, depends_on: depends_on.collect() }
    }

    fn target(cluster: u128, sync: SyncStatus, health: HealthStatus, stale: bool) -> DependencyTarget {
        DependencyTarget { cluster: Uuid::from_u128(cluster), cluster_name: format!("c{cluster}"), sync, health, stale }
    }

    fn state(text: &str, targets: Vec<DependencyTarget>) -> DependencyState {
        let follows = ("other".to_owned(), "main".to_owned());
        DependencyState {
            name: name(text),
            labels: [("tier".to_owned(), "db".to_owned())].into(),
            follows,
            revision: Some("aaaaaaaaaa".into()),
            deleting: false,
            targets,
        }
    }

    fn why(depends_on: &[Dependency], cluster: u128, found: &[DependencyState]) -> Vec<String> {
        let follows = ("git".to_owned(), "main".to_owned());
        let own = name("web");
        let waiting = Waiting { name: &own, depends_on, follows: &follows, revision: "bbbbbbbbbb" };
        waits(&waiting, Uuid::from_u128(cluster), found).into_iter().map(|w| format!("{}: {}", w.on, w.why)).collect()
    }

    #[test]
    fn a_dependency_is_ready_where_it_matters() {
        use HealthStatus::{Degraded, Healthy, Progressing};
        use SyncStatus::{OutOfSync, Synced};
        let by_name = [Dependency::Name("db".into())];
        for (targets, cluster, want) in [
            (vec![target(1, Synced, Healthy, false)], 1, None),
            (vec![target(1, Synced, Progressing, false)], 1, Some("argocd/db: it is Synced and Progressing on c1")),
            (vec![target(1, OutOfSync, Healthy, false)], 1, Some("argocd/db: it is OutOfSync and Healthy on c1")),
            (
                vec![target(1, Synced, Healthy, true)],
                1,
                Some("argocd/db: what is known of it on c1 is not proven to be so now"),
            ),
            // On its own cluster it is fine: what happens elsewhere does not matter.
            (vec![target(1, Synced, Healthy, false), target(2, OutOfSync, Degraded, false)], 1, None),
            // It is not on cluster 3: all of it counts.
            (
                vec![target(1, Synced, Healthy, false), target(2, Synced, Degraded, false)],
                3,
                Some("argocd/db: it is Synced and Degraded on c2"),
            ),
            (vec![], 1, Some("argocd/db: it is on no cluster")),
        ] {
            let got = why(&by_name, cluster, &[state("db", targets.clone())]);
            assert_eq!(got.first().map(String::as_str), want, "{targets:?}");
        }
    }

    #[test]
    fn what_is_unknown_or_gone_is_waited_for_by_name() {
        let fine = || vec![target(1, SyncStatus::Synced, HealthStatus::Healthy, false)];
        assert_eq!(why(&[Dependency::Name("nope".into())], 1, &[]), ["nope: there is no such application"]);
        let selector = node("web", &[], &["tier=db"]).depends_on;
        assert!(why(&selector, 1, &[]).is_empty(), "a selector that means nothing waits for nothing");
        assert_eq!(
            why(&selector, 1, &[DependencyState { deleting: true, ..state("db", fine()) }]),
            ["argocd/db: it is being deleted"]
        );
        assert_eq!(why(&selector, 1, &[DependencyState { revision: None, ..state("db", fine()) }]).len(), 1);
        assert!(why(&selector, 1, &[state("web", vec![])]).is_empty(), "itself aside");
    }

    #[test]
    fn one_of_the_same_branch_must_be_of_the_same_commit() {
        let same = |revision: &str| DependencyState {
            follows: ("git".into(), "main".into()),
            revision: Some(revision.into()),
            ..state("db", vec![target(1, SyncStatus::Synced, HealthStatus::Healthy, false)])
        };
        let by_name = [Dependency::Name("db".into())];
        assert_eq!(
            why(&by_name, 1, &[same("aaaaaaaaaa")]),
            ["argocd/db: it is still made of commit aaaaaaa, not of bbbbbbb"]
        );
        assert!(why(&by_name, 1, &[same("bbbbbbbbbb")]).is_empty());
    }

    #[test]
    fn a_circle_that_was_written_all_the_same_is_said_whole() {
        let name = |name: &str| ApplicationName::new("argocd", name).expect("a name");
        let said = circle_message(&[name("a"), name("b"), name("a")]);
        assert!(said.contains("argocd/a -> argocd/b -> argocd/a"), "{said}");
    }

    #[test]
    fn circles_are_found_and_named() {
        let db = node("db", &[("tier", "db")], &["net"]);
        let net = node("net", &[], &["web"]);
        for (start, others, want) in [
            (
                node("web", &[], &["db"]),
                vec![db.clone(), net.clone()],
                Some("argocd/web argocd/db argocd/net argocd/web"),
            ),
            (
                node("web", &[], &["tier=db"]),
                vec![db.clone(), net.clone()],
                Some("argocd/web argocd/db argocd/net argocd/web"),
            ),
            (node("web", &[], &["web"]), vec![], Some("argocd/web argocd/web")),
            (node("web", &[("tier", "web")], &["tier=web"]), vec![], None),
            (node("web", &[], &["db"]), vec![db.clone(), node("net", &[], &[])], None),
            // What the application said before does not count.
            (node("web", &[], &[]), vec![db, net, node("web", &[], &["db"])], None),
        ] {
            let got =
                circle(&start, &others).map(|way| way.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
            assert_eq!(got.as_deref(), want, "{start:?}");
        }
    }

    #[test]
    fn a_long_chain_and_a_dense_graph_end() {
        let many: Vec<Node> = (0..100).map(|n| node(&format!("a{n}"), &[("all", "x")], &["all=x"])).collect();
        assert!(circle(&many[0], &many).is_some());
        let chain: Vec<Node> = (0..300).map(|n| node(&format!("a{n}"), &[], &[&format!("a{}", n + 1)])).collect();
        assert_eq!(circle(&chain[0], &chain), None);
    }

    #[test]
    fn entries_are_names_or_selectors() {
        let parse = |value| serde_json::from_value::<Dependency>(value);
        assert_eq!(parse(json!("db")).ok(), Some(Dependency::Name("db".into())));
        assert_eq!(parse(json!({"name": "team/db"})).ok(), Some(Dependency::Name("team/db".into())));
        assert!(matches!(parse(json!({"selector": {"matchLabels": {"tier": "db"}}})), Ok(Dependency::Selector(_))));
        for wrong in [json!({}), json!({"name": "a", "selector": {}}), json!({"names": "a"}), json!(7)] {
            assert!(parse(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(Dependency::Name("No_Name".into()).problem().is_some());
        assert!(Dependency::Selector(ClusterSelector::default()).problem().is_some());
    }
}
