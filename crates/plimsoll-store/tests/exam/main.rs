//! The exam that the store passes on SQLite and a folder, and on PostgreSQL and an S3 server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod attributes;
mod blobs;
mod history;
mod jobs;

mod killed;
mod logs;
mod manifests;
mod notify;
mod place;
mod pulls;
mod rules;
mod scans;
mod scopes;
mod triggers;
mod verdicts;

/// Runs each test in both places.
macro_rules! exam {
    ($($module:ident: $($test:ident)*;)*) => {
        mod on_sqlite_and_a_folder {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::$module::$test(crate::place::Place::embedded().await).await;
                })*
            })*
        }

        mod on_postgres_and_s3 {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    if let Some(place) = crate::place::Place::distributed().await {
                        crate::$module::$test(place).await;
                    }
                })*
            })*
        }
    };
}

exam! {
    attributes:
        lists_of_tags_and_manifests_are_ordered_and_paged
        a_repository_is_described
        what_may_not_be_written_is_not_written
        what_may_not_be_deleted_is_not_deleted_by_any_way
        what_may_not_be_read_is_not_read
        what_may_not_be_listed_is_in_no_list
        a_deleted_repository_begins_anew
        pushes_while_the_repository_is_deleted
        the_word_on_an_image_in_quarantine_is_kept;
    logs:
        events_are_kept_and_filtered
        old_events_go
        the_scanner_keeps_its_identity;
    access:
        a_principal_has_one_name_whatever_its_case
        a_password_is_set_and_changed
        a_token_is_found_by_its_hash_and_ends_with_its_program
        the_first_token_is_made_by_one_node_only
        a_role_is_assigned_once
        all_nodes_have_one_signing_key
        failed_logins_are_counted_and_forgotten
        a_registrys_password_is_renewed_alone;
    blobs:
        an_upload_grows_by_appends_and_becomes_a_blob
        an_upload_goes_on_after_a_restart
        a_stream_that_breaks_off_leaves_the_session_where_it_was
        nobody_appends_at_the_wrong_place
        two_requests_cannot_append_at_once
        a_wrong_digest_ends_the_session_and_keeps_nothing
        an_upload_hashed_with_one_algorithm_may_be_named_by_another
        a_large_upload_in_odd_chunks_is_the_same_blob
        an_empty_blob_is_a_blob
        a_blob_is_read_by_range
        a_blob_belongs_to_the_repositories_that_hold_it
        a_blob_that_a_manifest_needs_is_not_deleted
        only_layers_are_queued_for_reading
        uploads_expire_and_are_cancelled
        no_more_than_1024_uploads_are_open
        two_clients_upload_the_same_blob;
    manifests:
        a_manifest_is_served_as_it_was_pushed
        a_manifest_needs_its_blobs_in_the_same_repository
        a_manifest_that_lies_about_sizes_is_refused
        an_index_needs_its_manifests
        a_foreign_layer_may_be_absent
        tags_move_and_are_listed_in_order
        a_tag_or_a_manifest_is_deleted
        a_manifest_that_an_index_names_is_not_deleted
        referrers_are_listed_and_filtered
        pushing_again_queues_nothing_new
        sixteen_pushes_of_shared_content_at_once
        deleting_and_pushing_at_once_leaves_nothing_dangling;
    notify:
        what_happens_is_written_down_with_it
        a_verdict_tells_what_appeared_and_what_went
        an_advisory_is_one_event_however_many_images_have_it
        an_advisory_with_a_new_name_is_no_news
        a_judged_image_in_another_repository_appears_there
        deliveries_go_in_order_to_one_process_at_a_time
        what_is_queued_while_a_target_is_told_is_not_lost
        a_failure_backs_off_and_a_dead_letter_is_replayed
        a_full_queue_takes_no_more
        verdicts_that_wait_are_told_once
        a_snapshot_is_queued_when_it_is_due
        what_a_web_hook_was_sent_is_kept_for_a_while
        secrets_are_kept_apart_from_documents
        a_restart_frees_the_targets_of_the_node_and_loses_nothing
        old_deliveries_are_cleared_away;
    jobs:
        the_most_urgent_job_comes_first
        eight_workers_share_the_jobs_and_none_is_done_twice
        a_job_whose_lease_ran_out_is_taken_over
        a_job_asked_for_while_it_runs_runs_again
        a_failed_job_waits_for_its_time_or_for_people
        a_restart_frees_the_jobs_of_the_node
        a_new_job_wakes_a_worker;
    pulls:
        the_newest_pull_of_an_image_counts
        an_image_that_is_gone_was_never_pulled;
    scans:
        layer_inventories_are_shared_by_diff_id
        a_layer_that_was_cut_short_says_nothing_of_others
        an_image_waits_runs_and_fails
        package_versions_are_stored_once
        a_verdict_is_replaced_as_a_whole
        a_verdict_of_thousands_of_packages_is_saved_whole
        package_versions_to_match_again_are_found_by_name
        a_package_with_an_owner_is_another_and_follows_it
        the_base_of_an_image_is_found_by_its_layers
        older_matches_do_not_replace_newer_ones
        images_that_wait_for_advisories_are_woken
        text_that_a_database_cannot_hold_is_replaced
        scans_of_the_same_packages_at_once;
    rules:
        a_rule_hides_what_it_hits_until_it_goes
        an_image_of_which_all_is_hidden_counts_as_healthy
        a_rule_hides_under_its_recommendation_and_in_its_scope
        a_rule_ends_at_its_instant
        a_standing_rule_hides_what_comes_later
        a_preview_says_what_a_rule_would_hide_and_hides_nothing
        what_is_hidden_is_what_the_rules_say;
    history:
        what_was_known_on_a_day_can_be_asked
        history_is_filtered_and_paged
        a_score_is_kept_when_it_changes_and_once_a_day;
    scopes:
        registries_keep_their_repositories_apart
        names_and_hosts_of_registries_belong_to_one
        settings_are_found_by_type_and_scope
        an_operation_ends_once
        a_group_with_a_registry_is_not_deleted
        a_deleted_registry_leaves_nothing_but_content
        what_a_registry_holds_is_counted_once;
    triggers:
        without_a_plan_a_push_queues_nothing_and_the_plan_queues_all
        a_scan_that_meets_no_plan_is_taken_back
        findings_age_out_where_the_plan_is_off
        an_image_is_charged_once_and_only_where_there_was_something_to_judge
        what_was_pulled_lately_is_queued_each_week
        a_rescan_names_images_by_registry_repository_tag_and_digest
        a_scan_tells_how_far_it_is
        push_comes_before_import_before_manual_before_periodic
        an_import_keeps_its_credentials_only_while_it_lives
        a_blob_is_mounted_between_registries
        findings_tell_what_is_known_of_exploits;
    verdicts:
        findings_are_the_join_of_packages_and_matches
        an_image_without_findings_has_one_row
        pages_of_any_size_give_the_same_rows
        a_finding_keeps_its_name_and_its_first_sight
        findings_are_filtered_by_repository_and_image
        a_package_at_two_paths_is_one_finding
        the_registry_is_summed_up
        the_last_verdict_stands_while_a_scan_runs;
}
