-- Platform: keeping Dagster's own storage small. Tables: Dagster's, in the schema its connection is set to.
-- Dagster has no retention for event logs. Rows that say what was materialized, checked and fresh are kept.
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
-- Delete one batch of old asset rows, but never the newest of its kind for an asset and partition.
-- Returns: nothing. rowcount = rows.
delete from event_logs
where id in (
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
);

-- name: event_log_size
-- How large Dagster's event log is.
-- Returns: rows (the planner's estimate), bytes.
select
    greatest(reltuples, 0)::bigint as row_estimate,
    pg_total_relation_size(oid) as bytes
from pg_class
where oid = to_regclass('event_logs');
