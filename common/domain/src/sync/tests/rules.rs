//! Ignore rules that changed, and comparisons that did not come to an end.

use super::*;

#[test]
fn changed_rules_ask_for_a_baseline_and_write_nothing() {
    let mut world = World::settled();
    world.live.set(key("Deployment", "web"), present("Deployment", "web", Drift::OtherRules));
    let assessment = assess(&world.facts());
    assert_eq!(assessment.needs, [Need::Rebase { key: key("Deployment", "web"), digest: digest("web") }]);
    assert!(world.verbs(&all()).is_empty());
}

#[test]
fn what_cannot_be_compared_is_unknown_and_written_only_when_somebody_asks() {
    let mut world = World::settled();
    world.live.set(key("Deployment", "web"), present("Deployment", "web", Drift::Incomparable("endless".into())));
    assert_eq!(world.state("Deployment", "web"), ObjectState::Incomparable("endless".into()));
    assert!(world.verbs(&all()).is_empty());
    let asked = Intent { manual: true, ..all() };
    assert_eq!(world.verbs(&asked), ["apply web"]);
    world.own("Deployment", "web", "an earlier one");
    assert_eq!(world.verbs(&all()), ["apply web"], "a commit is brought all the same");
}
