use super::*;

fn rule(group: &str, kind: &str) -> ResourceRule {
    ResourceRule { group: group.into(), kind: kind.into(), name: String::new() }
}

#[test]
fn allowing_and_denying_say_what_they_changed() {
    use KindScope::{Cluster, Namespace};
    let mut spec = ProjectSpec::default();
    assert!(spec.allow(Cluster, &rule("", "Namespace")) && !spec.allow(Cluster, &rule("", "Namespace")));
    assert_eq!(spec.cluster_resource_whitelist, [rule("", "Namespace")]);
    assert!(spec.deny(Cluster, &rule("", "Namespace")));
    assert!(
        spec.cluster_resource_whitelist.is_empty() && spec.cluster_resource_blacklist.is_empty(),
        "nothing permits it"
    );
    assert!(!spec.allow(Namespace, &rule("", "Secret")), "every kind is permitted");
    assert!(spec.deny(Namespace, &rule("", "Secret")) && !spec.deny(Namespace, &rule("", "Secret")));
    assert_eq!((spec.namespace_resource_whitelist.as_ref(), spec.namespace_resource_blacklist.len()), (None, 1));
    assert!(spec.allow(Namespace, &rule("", "Secret")) && spec.namespace_resource_blacklist.is_empty());
    let mut open = ProjectSpec::permissive();
    assert!(open.deny(Cluster, &rule("", "Node")), "a glob permits it: it must be denied");
    assert_eq!(open.cluster_resource_blacklist, [rule("", "Node")]);
    assert!(open.allow(Cluster, &rule("", "Node")) && open.cluster_resource_whitelist.len() == 1);
    assert!(open.edit_list(Namespace, KindList::Allow, &rule("apps", "*"), true));
    assert_eq!(open.namespace_resource_whitelist, Some(vec![rule("apps", "*")]));
    assert!(open.allow(Namespace, &rule("", "Secret")) && !open.allow(Namespace, &rule("apps", "Deployment")));
}

#[test]
fn sources_and_destinations_come_and_go() {
    let mut spec = ProjectSpec::default();
    assert!(spec.add_source("https://a/*") && !spec.add_source("https://a/*"));
    assert!(!spec.remove_source("https://b") && spec.remove_source("https://a/*") && spec.source_repos.is_empty());
    let named = ProjectDestination { name: "eu-1".into(), namespace: "shop".into(), ..Default::default() };
    assert!(spec.add_destination(named.clone()) && !spec.add_destination(named));
    assert!(!spec.remove_destination("eu-1", "other") && spec.remove_destination("eu-1", "shop"));
}
