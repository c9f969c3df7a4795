-- Platform: keeping Dagster's own storage small. Tables: Dagster's, in the schema its connection is set to.
-- Dagster has no retention for event logs. What asset pages, partition states and check pages stand on is kept.
-- A check's result is a row of asset_check_executions. Its rows in event_logs repeat it, for the page of its run.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: prune_run_events
-- Delete one batch of operational rows of finished runs from before an instant.
-- Returns: nothing. rowcount = rows.
delete from event_logs
where id in (
    select e.id
    from event_logs as e
    inner join runs as r on e.run_id = r.run_id
    where r.status in ('SUCCESS', 'FAILURE', 'CANCELED')
        and e.timestamp < %(before)s
        and (e.dagster_event_type is null or not e.dagster_event_type = any(%(keep)s))
    order by e.id
    limit %(row_limit)s
);

-- name: prune_asset_events
-- Delete one batch of old asset rows and their tags, but never the newest of its kind for an asset and partition.
-- Returns: nothing. rowcount = rows.
with doomed as (
    select e.id
    from event_logs as e
    where e.timestamp < %(before)s
        and e.asset_key is not null
        and e.dagster_event_type = any(%(types)s)
        and exists (
            select 1 from event_logs as newer
            where newer.asset_key = e.asset_key
                and newer.dagster_event_type = e.dagster_event_type
                and newer.partition is not distinct from e.partition
                and newer.id > e.id
        )
    order by e.id
    limit %(row_limit)s
),

tags as (
    -- No foreign key ties them to their event.
    delete from asset_event_tags where event_id in (select id from doomed)
)

delete from event_logs
where id in (select id from doomed);

-- name: prune_check_results
-- Delete one batch of old check results, but never the newest of a check with its outcome.
-- Returns: nothing. rowcount = rows.
delete from asset_check_executions
where id in (
    select c.id
    from asset_check_executions as c
    where coalesce(c.evaluation_event_timestamp, c.create_timestamp) < %(before)s
        and exists (
            select 1 from asset_check_executions as newer
            where newer.asset_key = c.asset_key
                and newer.check_name = c.check_name
                and newer.partition is not distinct from c.partition
                and newer.execution_status = c.execution_status
                and newer.id > c.id
        )
    order by c.id
    limit %(row_limit)s
);

-- name: event_log_size
-- How large Dagster's event log is.
-- Returns: rows (the planner's estimate), bytes.
select
    greatest(reltuples, 0)::bigint as row_estimate,
    pg_total_relation_size(oid) as bytes
from pg_class
where oid = to_regclass('event_logs');
