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

/// A long run has more patience.
const SOAK_LIMIT: Duration = Duration::from_secs(45 * 60);

/// Each scenario is a module of its name with an async function of its name, or a module with the functions that it names
/// in braces; all run on one runtime, because they share connections and servers.
macro_rules! scenarios {
    ($($module:ident $({ $($name:ident),+ $(,)? })?),+ $(,)?) => {
        #[path = "e2e"]
        mod scenarios {
            pub(crate) mod stage;
            $(pub(crate) mod $module;)+
        }

        $(scenarios!(@tests $module $({ $($name),+ })?);)+
    };
    (@tests $module:ident) => { scenarios!(@tests $module { $module }); };
    (@tests $module:ident { $($name:ident),+ }) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                run(stringify!($name), LIMIT, scenarios::$module::$name())
            }
        )+
    };
}

/// Long runs: functions of the modules above. They are compiled with everything else, and tests only where the feature `soak` asks for it, as `make soak` does.
macro_rules! soaks {
    ($($module:ident { $($name:ident),+ $(,)? }),+ $(,)?) => {
        $($(
            #[cfg_attr(feature = "soak", test)]
            #[cfg_attr(not(feature = "soak"), allow(dead_code))]
            fn $name() -> Result<(), Failure> {
                run(stringify!($name), SOAK_LIMIT, scenarios::$module::$name())
            }
        )+)+
    };
}

scenarios! {
    commit_becomes_healthy_on_two_clusters,
    changed_message_arrives,
    removed_file_is_pruned,
    empty_directory_prunes_nothing,
    held_prune_is_approved { held_prune_is_approved, approval_is_void_when_its_set_or_its_commit_is_another },
    manual_application_waits_for_sync,
    argo_managed_object_is_refused_until_adopted,
    deleted_object_is_healed,
    hand_edit_is_healed,
    foreign_fields_are_left_alone,
    ignore {
        ignored_differences_stay_synced_and_quiet,
        changed_rules_write_nothing_by_themselves,
        respected_differences_keep_live_values,
        endless_jq_is_named_and_delays_nobody,
    },
    scripts { users_health_script_decides, settings_of_one_hub_reach_the_agents_of_another },
    diff { diff_has_exit_codes_and_no_secrets },
    hub_killed_and_restarted_loses_nothing,
    agent_killed_and_restarted_loses_nothing,
    agent_keeps_healing_while_hub_is_down,
    wrong_ca_is_refused,
    used_or_expired_token_is_refused,
    one_broken_application_leaves_others_alone,
    frozen { target_missing_from_the_list_is_frozen_and_reported },
    nothing_changing_costs_no_api_calls,
    application_is_deleted_with_its_objects,
    hub_dies_at_every_kill_point,
    agent_dies_at_every_kill_point {
        agent_dies_at_every_kill_point,
        recreated_and_generated_objects_survive_agent_kill,
    },
    hub_on_postgres_loses_nothing,
    half_open_connection_is_found,
    mixed_real_world_manifests_stay_quiet,
    explain_names_what_blocks,
    certificate_is_renewed_without_a_dropped_session,
    agent_back_within_grace_renews,
    refused_renewal_is_explained,
    identity {
        floods_of_handshakes_take_no_memory,
        revoked_cluster_is_cut_off_and_joins_again,
        identity_survives_agent_kill,
        two_agents_of_one_identity_are_quarantined,
        cluster_that_was_away_for_long_only_reports,
        authority_is_replaced_without_a_dropped_session,
        clocks_two_hours_apart_are_no_trouble,
        cluster_is_removed_with_its_objects,
        lost_answer_of_a_join_is_asked_for_again,
        agent_in_another_cluster_waits_to_be_confirmed,
    },
    database_faults {
        stopped_or_slow_database_loses_no_answer,
        database_killed_in_a_commit_loses_no_answer,
        full_disk_of_the_hub_loses_no_answer,
    },
    agent_disk_full { full_disk_of_the_agent_loses_nothing },
    apiserver_faults { bad_answers_of_the_apiserver_make_nothing_missing },
    admission { denied_objects_are_kept_and_retried, objects_that_a_webhook_rewrites_stay_synced },
    definitions {
        definition_that_comes_late_is_waited_for,
        removed_definition_prunes_nothing,
        group_that_fails_discovery_is_never_pruned,
        conversion_between_versions_is_no_drift,
    },
    sizes {
        oversized_and_nested_input_is_named,
        object_of_almost_the_limit_is_applied,
        a_thousand_objects_are_one_application,
    },
    git_faults {
        what_a_repository_loses_is_named_and_stays_applied,
        what_a_git_server_refuses_is_named_and_stays_applied,
        client_certificate_and_proxy_lead_to_a_repository,
        proxy_of_the_environment_counts_where_a_repository_has_none,
    },
    claims {
        object_of_two_applications_stays_with_the_first,
        field_of_two_managers_is_gits,
        application_moves_between_projects_without_a_write,
    },
    kinds {
        objects_of_kubectl_apply_are_taken_over_whole,
        objects_of_argo_cd_are_adopted_without_phantom_fields,
        immutable_field_is_named_with_what_would_help,
        hanging_finalizer_holds_the_object_and_nothing_else,
        aggregated_cluster_role_is_filled_by_the_cluster,
        secret_of_string_data_follows_git,
        finished_job_that_is_removed_is_not_run_again,
    },
    operations {
        rollback_holds_under_automated_sync,
        freeze_stops_writes_and_says_so,
        depends_on_waits_and_explains,
        a_gone_cluster_does_not_block_deletion,
        selected_objects_are_synced_and_nothing_else,
        two_that_would_wait_for_each_other_are_never_both_written,
    },
    projects {
        project_fences_source_destination_and_kinds,
        shrinking_a_fence_deletes_nothing,
        agent_refuses_what_the_hub_let_through,
    },
    grants { nothing_is_done_without_a_grant },
    hub_storm { hub_killed_at_random_moments_loses_nothing, agents_killed_at_random_moments_lose_nothing },
    slow_links { strangers_who_say_hello_slowly_are_dropped },
    order {
        waves_wait_for_health,
        prune_goes_in_reverse_waves,
        definition_and_object_are_one_manual_sync,
        kinds_of_one_step_go_in_order,
    },
    actions {
        restart_rolls_a_deployment_and_the_application_stays_synced,
        cron_job_runs_now_and_owns_its_job,
        scale_against_self_heal_says_so_and_is_put_back,
        action_outside_of_the_fence_or_the_application_is_refused,
        users_actions_run_in_lua_and_hostile_ones_are_bounded,
        status_is_changed_where_the_kind_keeps_it,
        action_runs_on_several_clusters_and_names_those_where_it_did_not,
    },
    hooks {
        presync_hook_runs_before_the_sync,
        a_failed_hook_runs_syncfail,
        hooks_are_deleted_when_they_say_so,
        generated_names_come_from_the_operation,
        hook_survives_agent_kill,
        syncfail_survives_agent_kill,
        removal_runs_its_hooks,
    },
    supersede { newer_commit_supersedes_a_stuck_operation, newer_commit_supersedes_a_failing_operation },
    windows { sync_windows_open_and_close, window_that_closes_pauses_what_runs },
    decisions {
        terminate_deletes_a_running_hook,
        terminate_stops_what_began_by_itself,
        operation_ends_at_its_deadline,
        confirmations_are_waited_for,
        retry_takes_the_newest_commit_where_it_is_asked_to,
        sync_asked_before_a_commit_brings_the_newest,
    },
    rules {
        namespace_moves_before_what_lies_in_it,
        what_asks_to_be_kept_stays,
        pruned_last_waits_for_everything_else,
        propagation_policy_is_what_the_server_is_told,
        only_what_is_out_of_sync_is_written,
        allow_empty_prunes_everything,
        shared_object_is_written_with_a_warning,
        a_fight_over_a_field_slows_down_and_is_named,
        helm_hooks_and_skipped_objects,
        missing_kind_stops_nobody_else,
    },
    sentences {
        helm_weights_are_waves,
        last_step_is_not_waited_for,
        what_vanishes_while_it_is_waited_for_fails_the_sync,
        hook_of_two_phases_runs_in_both,
        failed_predelete_hook_is_made_again,
        nothing_is_pruned_or_healed_unasked,
    },
    options {
        force_recreates_what_cannot_be_changed,
        replace_drops_what_others_added,
        dry_run_first_refuses_without_touching,
        namespace_metadata_follows_the_application,
        pause_in_the_cluster_stops_writes,
        empty_namespace_is_pruned_and_a_full_one_waits,
        override_names_the_other_manager,
        observed_application_is_never_written,
    },
    registration {
        one_command_leads_to_verified_in_sync,
        agent_in_a_cluster_keeps_everything_as_secrets,
        replica_that_stands_by_takes_over,
        agent_of_some_namespaces_touches_no_other,
        both_installations_are_accepted_by_an_apiserver,
        hub_in_a_cluster_joins_its_own_cluster,
        agent_moves_to_another_address_of_its_hub,
        proxy_leads_an_agent_to_its_hub,
        impersonating_agent_writes_with_the_namespaces_rights,
    },
    rejoin {
        revoked_agent_in_its_cluster_joins_again_by_one_command,
        install_link_outlives_a_restart_of_the_hub,
        certificate_that_a_restored_store_has_forgotten_is_approved,
    },
    upgrades {
        agent_is_upgraded_and_the_old_one_gives_way,
        image_that_never_comes_is_taken_back_and_stops_the_upgrade,
        new_agent_that_hangs_or_dies_is_taken_back_by_the_old_one,
        agent_outside_its_cluster_is_named_as_not_upgradable,
        deployment_of_the_agent_pauses_all_writes,
    },
    install {
        context_of_kubectl_does_it_all,
        charts_install_what_an_agent_joins_with_and_leave_nothing,
        hub_of_the_base_is_taken_away_whole,
        agent_of_some_namespaces_cannot_write_elsewhere,
        project_names_the_account_that_writes,
        impersonating_agent_acts_with_the_namespaces_rights,
    },
    live {
        live_object_is_shown_and_its_secrets_are_not,
        live_tree_has_what_is_owned_and_orphans_where_the_project_says,
        offline_cluster_is_named_and_says_since_when,
        logs_of_several_pods_are_merged_and_followed_until_nobody_reads,
        long_log_passes_through_little_memory,
    },
    live_faults {
        silent_watch_is_found_and_opened_again,
        kind_that_disappears_leaves_everything_else_to_be_read,
        status_of_the_wrong_type_is_named_and_stops_nobody,
        kinds_that_are_owned_are_held_and_listed_no_more,
        flood_of_events_takes_little_memory_and_delays_nobody,
        gigabytes_of_logs_wait_for_a_slow_reader,
        flood_of_questions_is_refused_and_leaves_others_alone,
        orphans_are_named_where_the_project_says_so,
    },
    live_secrets { values_of_secrets_are_nowhere },
    documents { every_command_of_the_readme_runs, every_command_of_the_operations_guide_runs },
    real_node {
        real_node_serves_the_message,
        agent_pod_is_upgraded_and_taken_back,
        hub_is_a_pod_and_its_cluster_joins_by_itself,
        killed_harness_leaves_nothing_of_its_node,
    },
}

soaks! {
    hub_storm {
        soak_hub_is_killed_200_times_under_20_applications,
        soak_agents_are_killed_100_times_under_20_applications,
    },
    slow_links { soak_half_open_for_ten_minutes_each_way, soak_a_thousand_strangers_say_hello_slowly },
    mixed_real_world_manifests_stay_quiet { soak_mixed_manifests_stay_quiet_for_five_minutes },
    sizes { soak_ten_thousand_objects_are_one_application },
}

fn run(name: &str, limit: Duration, scenario: impl Future<Output = Result<()>>) -> Result<(), Failure> {
    let started = Instant::now();
    let outcome = scenarios::stage::runtime().block_on(async {
        let outcome = tokio::time::timeout(limit, scenario).await;
        outcome.with_context(|| format!("{name} took longer than {limit:?}"))?
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
