-- Health: what a store says of itself, and the history of it. Tables: migrations/0010_health.sql, 0008_consistency.sql.
-- The first three are asked of both stores and read their catalogs only.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: facts
-- Version, connections, size and state, in one round trip. A role without pg_read_all_stats cannot tell users'
-- connections from the server's own workers, so all that are connected to a database are counted then.
-- Returns: one row of resources.health.probing.Facts.
select
    current_setting('server_version') as version,
    pg_is_in_recovery() as is_standby,
    current_setting('default_transaction_read_only') = 'on' as is_read_only,
    pg_backend_pid() as backend_pid,
    pg_database_size(current_database()) as size_bytes,
    pg_has_role(current_user, 'pg_read_all_stats', 'usage') as has_all_connections,
    (
        case
            when pg_has_role(current_user, 'pg_read_all_stats', 'usage')
                then (select count(*) from pg_stat_activity where backend_type = 'client backend')
            else (select coalesce(sum(numbackends), 0) from pg_stat_database)
        end
    )::int as connections_used,
    current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true), '0')::int as connections_max,
    (select count(*) from pg_stat_replication)::int as standbys;

-- name: declared
-- Which declared tables are there, and what they are replicated by.
-- Returns: schema_name, table_name, is_there, replicated_by (text, null where by nothing).
select
    d.schema_name,
    d.table_name,
    c.oid is not null as is_there,
    concat_ws(
        ', ',
        (
            select string_agg('publication ' || p.pubname, ', ' order by p.pubname)
            from pg_publication_tables as p
            where p.schemaname = d.schema_name and p.tablename = d.table_name
        ),
        (
            select string_agg('subscription ' || s.subname || ' (' || r.srsubstate::text || ')', ', ' order by s.subname)
            from pg_subscription_rel as r
            inner join pg_subscription as s on s.oid = r.srsubid
            where r.srrelid = c.oid
        )
    ) as replicated_by
from unnest(%(schemas)s::text[], %(names)s::text[]) with ordinality as d (schema_name, table_name, place)
left join pg_namespace as n on n.nspname = d.schema_name
left join pg_class as c on c.relnamespace = n.oid and c.relname = d.table_name and c.relkind in ('r', 'p')
order by d.place;

-- name: insert
-- Keep how a store was: a probe that is there already is left as it is.
-- Returns: nothing, rowcount = 1 where it was new.
insert into holdfast.storage_health (
    probed_at, store, mode, is_available, problem, connect_ms, latency_p50_ms, latency_p95_ms,
    connections_used, connections_max, size_bytes, budget_bytes, is_read_only, version,
    breaker_state, breaker_is_forced, breaker_failures, breaker_opened_at, breaker_reason,
    missing_tables, replicated_tables, severity, advice
)
values (
    %(probed_at)s, %(store)s, %(mode)s, %(is_available)s, %(problem)s, %(connect_ms)s, %(latency_p50_ms)s, %(latency_p95_ms)s,
    %(connections_used)s, %(connections_max)s, %(size_bytes)s, %(budget_bytes)s, %(is_read_only)s, %(version)s,
    %(breaker_state)s, %(breaker_is_forced)s, %(breaker_failures)s, %(breaker_opened_at)s, %(breaker_reason)s,
    %(missing_tables)s, %(replicated_tables)s, %(severity)s, %(advice)s
)
on conflict (store, probed_at) do nothing;

-- name: forget
-- Let go of what is older than it needs to be.
-- Returns: nothing, rowcount = rows that went.
delete from holdfast.storage_health
where probed_at < %(before)s;

-- name: availability
-- Of how many probes each store answered how many, before an instant.
-- Returns: store, day_probes, day_answered, week_probes, week_answered.
select
    store,
    count(*) filter (where probed_at >= %(at)s::timestamptz - interval '24 hours') as day_probes,
    count(*) filter (where is_available and probed_at >= %(at)s::timestamptz - interval '24 hours') as day_answered,
    count(*) as week_probes,
    count(*) filter (where is_available) as week_answered
from holdfast.storage_health
where probed_at >= %(at)s::timestamptz - interval '7 days' and probed_at < %(at)s
group by store;

-- name: latencies
-- Median latency of each store over the 24 hours before an instant, for a plot, null where it did not answer.
-- Returns: store, probed_at, latency_p50_ms.
select
    store,
    probed_at,
    latency_p50_ms
from holdfast.storage_health
where probed_at >= %(at)s::timestamptz - interval '24 hours' and probed_at <= %(at)s
order by probed_at;

-- name: rates
-- What comparisons of the newest 24 hours said: the newest of each table and mode that came to a rate.
-- Returns: rows of holdfast.health.rates.Rate.
select distinct on (table_name, mode)
    table_name,
    mode,
    rate,
    only_in_a + only_in_b + mismatched as mismatches,
    ended_at
from holdfast.consistency_reports
where rate is not null and ended_at >= %(at)s::timestamptz - interval '24 hours'
order by table_name, mode, ended_at desc;
