-- Scenarios: the log of executions, and the clock of a drill's database. Tables: migrations/0007_scenarios.sql.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: drill_now
-- What time it is in a drill's database.
-- Returns: now_at, or no row in a database that is no drill's.
select now_at from holdfast.drill_clock;

-- name: begin_drill
-- Make this database a drill's, which one that has ever seen a server cannot become.
-- Returns: nothing. rowcount = 1, or 0 where it cannot.
insert into holdfast.drill_clock (now_at)
select %(now)s::timestamptz
where not exists (select 1 from holdfast.servers)
on conflict (is_drill) do nothing;

-- name: set_drill_clock
-- Let time pass in a drill's database.
-- Returns: nothing. rowcount = 1, or 0 in a database that is no drill's.
update holdfast.drill_clock
set now_at = %(now)s;

-- name: incidents
-- Every incident, those that became a part of another included.
-- Returns: incident_id, merged_into, root_server_id, server_ids, closed_s (seconds since the epoch), sentence.
select
    incident_id,
    merged_into,
    root_server_id,
    server_ids,
    extract(epoch from closed_at)::bigint as closed_s,
    sentence
from holdfast.incidents
order by incident_id;

-- name: log_execution
-- Remember an execution.
-- Returns: execution_id.
insert into holdfast.scenario_execution_log (
    name,
    seed,
    parameters,
    fleet,
    started_at,
    ended_at,
    played_from,
    played_until,
    affected_servers,
    failures,
    detected,
    false_pages,
    false_pages_a_server_day,
    are_roots_right,
    results,
    false_page_details
)
values (
    %(name)s,
    %(seed)s,
    %(parameters)s::jsonb,
    %(fleet)s,
    %(started_at)s,
    %(ended_at)s,
    %(played_from)s,
    %(played_until)s,
    %(affected_servers)s,
    %(failures)s,
    %(detected)s,
    %(false_pages)s,
    %(false_pages_a_server_day)s,
    %(are_roots_right)s,
    %(results)s::jsonb,
    %(false_page_details)s::jsonb
)
returning execution_id;

-- name: executions
-- The newest executions, newest first.
-- Returns: execution_id, name, seed, fleet, started_at, ended_at, failures, detected, false_pages, false_pages_a_server_day,
-- affected_servers, results.
select
    execution_id,
    name,
    seed,
    fleet,
    started_at,
    ended_at,
    failures,
    detected,
    false_pages,
    false_pages_a_server_day,
    affected_servers,
    results
from holdfast.scenario_execution_log
order by execution_id desc
limit %(row_limit)s;
