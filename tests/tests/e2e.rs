//! Scenarios on real clusters: each is a commit, a fault or a hand edit, and what must come of it.
//!
//! Two clusters and one fleet are shared by the scenarios that kill nothing; each has its own application and namespace
//! there. What is killed or counted gets a hub and agents of its own, on the shared clusters. Run with
//! `--test-threads=3`; `WINDLASS_KEEP=1` keeps every folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// No scenario takes longer unless it hangs.
const LIMIT: Duration = Duration::from_secs(240);

/// Each scenario is a module of its name with an async function of its name; all run on one runtime, because they share
/// connections and servers.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        #[path = "e2e"]
        mod scenarios {
            pub(crate) mod stage;
            $(pub(crate) mod $name;)+
        }

        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                run(stringify!($name), scenarios::$name::$name())
            }
        )+
    };
}

scenarios! {
    commit_becomes_healthy_on_two_clusters,
    changed_message_arrives,
    removed_file_is_pruned,
    empty_directory_prunes_nothing,
    held_prune_is_approved,
    manual_application_waits_for_sync,
    argo_managed_object_is_refused_until_adopted,
    deleted_object_is_healed,
    hand_edit_is_healed,
    foreign_fields_are_left_alone,
    hub_killed_and_restarted_loses_nothing,
    agent_killed_and_restarted_loses_nothing,
    agent_keeps_healing_while_hub_is_down,
    wrong_ca_is_refused,
    used_or_expired_token_is_refused,
    one_broken_application_leaves_others_alone,
    nothing_changing_costs_no_api_calls,
    application_is_deleted_with_its_objects,
    hub_dies_at_every_kill_point,
    agent_dies_at_every_kill_point,
    hub_on_postgres_loses_nothing,
    half_open_connection_is_found,
    mixed_real_world_manifests_stay_quiet,
    explain_names_what_blocks,
}

fn run(name: &str, scenario: impl Future<Output = Result<()>>) -> Result<(), Failure> {
    let started = Instant::now();
    let outcome = scenarios::stage::runtime().block_on(async {
        let outcome = tokio::time::timeout(LIMIT, scenario).await;
        outcome.with_context(|| format!("{name} took longer than {LIMIT:?}"))?
    });
    eprintln!("{name}: {:.1} s", started.elapsed().as_secs_f64());
    outcome.map_err(|error| Failure(format!("{error:#}")))
}

/// What went wrong, for people: neither quoted nor with the stack of a runtime.
struct Failure(String);

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
