//! Every state that an operation can be in when its agent dies has a kill point, every failpoint of the programs is hit by a scenario, and the table of
//! docs/sync.md names them. Read from the sources: a state or a failpoint that is added fails here until a scenario kills there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// State, failpoint, and the scenario that kills there.
const COVERED: &[(&str, &str, &str)] = &[
    ("stage Checking", "agent::check::before", "hook_survives_agent_kill"),
    ("stage Syncing", "agent::hook::after", "hook_survives_agent_kill"),
    ("stage Failing", "agent::hook::before", "syncfail_survives_agent_kill"),
    ("stage Cleaning", "agent::hook::remove", "hook_survives_agent_kill"),
    ("stage Over", "agent::operation::ended", "hook_survives_agent_kill"),
    ("phase Running", "agent::operation::persisted", "hook_survives_agent_kill"),
    ("phase Terminating", "agent::hook::remove", "terminate_stops_what_began_by_itself"),
    ("phase Succeeded", "agent::operation::ended", "hook_survives_agent_kill"),
    ("task Waiting", "agent::operation::persisted", "hook_survives_agent_kill"),
    ("task Checking", "agent::check::before", "hook_survives_agent_kill"),
    ("task Begun", "agent::hook::before", "hook_survives_agent_kill"),
    ("task Begun", "agent::hook::after", "hook_survives_agent_kill"),
    ("task Begun", "agent::apply::before", "agent_dies_at_every_kill_point"),
    ("task Begun", "agent::apply::after", "agent_dies_at_every_kill_point"),
    ("task Begun", "agent::delete::before", "agent_dies_at_every_kill_point"),
    ("task Begun", "agent::delete::after", "agent_dies_at_every_kill_point"),
    ("task Begun", "agent::recreate::deleted", "recreated_and_generated_objects_survive_agent_kill"),
    ("task Begun", "agent::create::before", "recreated_and_generated_objects_survive_agent_kill"),
    ("task Begun", "agent::create::after", "recreated_and_generated_objects_survive_agent_kill"),
    ("task Running", "agent::operation::observed", "hook_survives_agent_kill"),
    ("task Done", "agent::hook::release", "hook_survives_agent_kill"),
    ("task Failed", "agent::hook::before", "syncfail_survives_agent_kill"),
    ("clean-up Asked", "agent::hook::release", "hook_survives_agent_kill"),
    ("clean-up Resting", "agent::hook::resting", "hook_survives_agent_kill"),
    ("clean-up Over", "agent::operation::ended", "hook_survives_agent_kill"),
];

/// States in which nobody can be killed, and why.
const NEVER_FOUND: &[(&str, &str)] = &[
    ("clean-up Wanted", "it is asked for in the same step; `operation/tests/kills.rs` checks it"),
    ("phase Error", "no step makes it: it is said of what never began"),
    ("phase Failed", "as Succeeded: the operation is over, and its end not on record"),
];

#[test]
fn every_state_of_an_operation_has_a_kill_point() {
    let states: BTreeSet<String> = windlass_domain::operation::states().into_iter().collect();
    let named = COVERED.iter().map(|(state, ..)| *state).chain(NEVER_FOUND.iter().map(|(state, _)| *state));
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    assert_eq!(states, named, "left: what there is; right: what has a kill point, or a reason to have none");
}

#[test]
fn every_kill_point_is_hit_by_its_scenario_and_told_of() {
    let (agent, table) = (text_below("agent/src"), read("docs/sync.md"));
    let listed = read("tests/tests/e2e.rs");
    for (state, point, scenario) in COVERED {
        assert!(agent.contains(&format!("fail_point!(\"{point}\"")), "{state}: there is no failpoint {point}");
        assert!(table.contains(point) && table.contains(scenario), "docs/sync.md: {point} in {scenario}");
        assert!(listed.contains(scenario), "there is no scenario {scenario}");
        let file = below("tests/tests/e2e").into_iter().map(|path| std::fs::read_to_string(path).unwrap_or_default());
        let hits = file.filter(|text| text.contains(&format!("async fn {scenario}("))).any(|text| text.contains(point));
        assert!(hits, "{scenario} does not hit {point}");
    }
}

#[test]
fn every_failpoint_is_hit_by_a_scenario() {
    let scenarios = text_below("tests/tests/e2e");
    let sources =
        ["agent/src", "hub/src", "hub/store/src", "hub/git/src", "common/runtime/src"].map(text_below).concat();
    // The store's are called through a function of its own.
    let called = sources.split("fail_point!(\"").skip(1).chain(sources.split("failpoint(\"").skip(1));
    let named = called.filter_map(|rest| rest.split('"').next());
    let named: BTreeSet<&str> = named.filter(|name| name.contains("::") && *name != "runtime::test").collect();
    assert!(named.len() > 20, "{named:?}");
    let unhit: Vec<&&str> = named.iter().filter(|name| !scenarios.contains(**name)).collect();
    assert!(unhit.is_empty(), "no scenario hits {unhit:?}");
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).expect(path)
}

fn text_below(folder: &str) -> String {
    below(folder).into_iter().map(|path| std::fs::read_to_string(path).expect("a source")).collect()
}

/// Every Rust file below a folder.
fn below(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![repository().join(folder)]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}
