-- Moving cycles into history. Tables: migrations/0002_metrics.sql.
-- Instants are timestamptz in UTC. Buckets are half-open, [start, start + width).
-- A column named after a metric holds codes (whole quanta of holdfast.metric_catalog).
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: lock
-- Let one mover or compaction work at a time. Held to the end of the transaction.
-- Returns: one row, of no interest.
select pg_advisory_xact_lock(hashtext('holdfast.metrics'));

-- name: watermark
-- How far the history has read.
-- Returns: position, covers_until, now (the database's clock), or no row before the first move.
select
    position,
    covers_until,
    clock_timestamp() as now
from holdfast.watermarks
where name = 'server_metrics_history'
for update;

-- name: move_watermark
-- Remember how far the history has read.
-- Returns: nothing.
insert into holdfast.watermarks (name, position, covers_until)
values ('server_metrics_history', %(position)s, %(covers_until)s)
on conflict (name) do update
set
    position = excluded.position,
    covers_until = greatest(watermarks.covers_until, excluded.covers_until),
    moved_at = clock_timestamp();

-- name: record_gap
-- Remember that cycles were dropped unread.
-- Returns: nothing.
insert into holdfast.metrics_gaps (lost_from, lost_until, reason)
values (%(lost_from)s, %(lost_until)s, %(reason)s);

-- name: open_gaps
-- Data-loss events nobody took note of yet.
-- Returns: gap_id, lost_from, lost_until, reason.
select
    gap_id,
    lost_from,
    lost_until,
    reason
from holdfast.metrics_gaps
where acknowledged_at is null
order by gap_id;

-- name: acknowledge_gaps
-- Take note of every open data-loss event.
-- Returns: nothing. rowcount = events.
update holdfast.metrics_gaps
set acknowledged_at = clock_timestamp()
where acknowledged_at is null;

-- name: reject
-- Set an entry aside that cannot be read.
-- Returns: nothing.
insert into holdfast.metrics_rejected (position, reason, packed)
values (%(position)s, %(reason)s, %(packed)s)
on conflict (position) do nothing;

-- name: see_servers
-- Add servers seen for the first time, and move the newest instant of the others.
-- Returns: nothing.
insert into holdfast.servers (server_id, first_sampled_at, last_sampled_at)
select
    seen.server_id,
    seen.first_at,
    seen.last_at
from unnest(%(server_ids)s::text[], %(first_at)s::timestamptz[], %(last_at)s::timestamptz[])
    as seen (server_id, first_at, last_at)
where not exists (
    select 1 from holdfast.servers as s
    where s.server_id = seen.server_id and s.first_sampled_at <= seen.first_at and s.last_sampled_at >= seen.last_at
)
on conflict (server_id) do update
set
    first_sampled_at = least(servers.first_sampled_at, excluded.first_sampled_at),
    last_sampled_at = greatest(servers.last_sampled_at, excluded.last_sampled_at);

-- name: server_numbers
-- The short keys of servers.
-- Returns: server_id, server_no.
select
    server_id,
    server_no
from holdfast.servers
where server_id = any(%(server_ids)s);

-- name: ensure_recent_day
-- Make the hot partition of a day.
-- Returns: one row, of no interest.
select holdfast.ensure_recent_day(%(day)s);

-- name: compacted_days
-- Which of some days have chunks already.
-- Returns: day.
select distinct day
from holdfast.server_metrics_chunk
where day = any(%(days)s);

-- name: copy_recent
-- Receive hot rows, none of which is there yet.
-- Returns: nothing. rowcount = rows.
copy holdfast.server_metrics_recent (
    server_no,
    sampled_at,
    cpu_pct,
    memory_pct,
    disk_pct,
    network_in_bytes_s,
    network_out_bytes_s,
    load_1m,
    response_ms,
    throughput_rps,
    error_pct,
    active_users,
    db_connections,
    cache_hit_pct
) from stdin with binary;

-- name: make_staging
-- A place for rows of which some may be there already.
-- Returns: nothing.
create temporary table holdfast_staging (like holdfast.server_metrics_recent) on commit drop;

-- name: copy_staging
-- Receive rows into that place.
-- Returns: nothing. rowcount = rows.
copy pg_temp.holdfast_staging (
    server_no,
    sampled_at,
    cpu_pct,
    memory_pct,
    disk_pct,
    network_in_bytes_s,
    network_out_bytes_s,
    load_1m,
    response_ms,
    throughput_rps,
    error_pct,
    active_users,
    db_connections,
    cache_hit_pct
) from stdin with binary;

-- name: drop_staging
-- Leave no place behind for the next batch of this transaction.
-- Returns: nothing.
drop table pg_temp.holdfast_staging;

-- name: merge_staging
-- Store the staged rows that are new, and in rows that are there fill what was not measured. Nothing is overwritten.
-- Returns: nothing. rowcount = rows stored or filled.
insert into holdfast.server_metrics_recent as r (
    server_no,
    sampled_at,
    cpu_pct,
    memory_pct,
    disk_pct,
    network_in_bytes_s,
    network_out_bytes_s,
    load_1m,
    response_ms,
    throughput_rps,
    error_pct,
    active_users,
    db_connections,
    cache_hit_pct
)
select
    n.server_no,
    n.sampled_at,
    n.cpu_pct,
    n.memory_pct,
    n.disk_pct,
    n.network_in_bytes_s,
    n.network_out_bytes_s,
    n.load_1m,
    n.response_ms,
    n.throughput_rps,
    n.error_pct,
    n.active_users,
    n.db_connections,
    n.cache_hit_pct
from pg_temp.holdfast_staging as n
where not exists (
    select 1 from holdfast.metrics_chunk_codes as c
    where c.server_no = n.server_no
        and c.day = (n.sampled_at at time zone 'UTC')::date
        and c.day = any(%(compacted)s)
        and c.sampled_at = n.sampled_at
)
on conflict (server_no, sampled_at) do update
set
    cpu_pct = coalesce(r.cpu_pct, excluded.cpu_pct),
    memory_pct = coalesce(r.memory_pct, excluded.memory_pct),
    disk_pct = coalesce(r.disk_pct, excluded.disk_pct),
    network_in_bytes_s = coalesce(r.network_in_bytes_s, excluded.network_in_bytes_s),
    network_out_bytes_s = coalesce(r.network_out_bytes_s, excluded.network_out_bytes_s),
    load_1m = coalesce(r.load_1m, excluded.load_1m),
    response_ms = coalesce(r.response_ms, excluded.response_ms),
    throughput_rps = coalesce(r.throughput_rps, excluded.throughput_rps),
    error_pct = coalesce(r.error_pct, excluded.error_pct),
    active_users = coalesce(r.active_users, excluded.active_users),
    db_connections = coalesce(r.db_connections, excluded.db_connections),
    cache_hit_pct = coalesce(r.cache_hit_pct, excluded.cache_hit_pct)
where (r.cpu_pct is null and excluded.cpu_pct is not null)
    or (r.memory_pct is null and excluded.memory_pct is not null)
    or (r.disk_pct is null and excluded.disk_pct is not null)
    or (r.network_in_bytes_s is null and excluded.network_in_bytes_s is not null)
    or (r.network_out_bytes_s is null and excluded.network_out_bytes_s is not null)
    or (r.load_1m is null and excluded.load_1m is not null)
    or (r.response_ms is null and excluded.response_ms is not null)
    or (r.throughput_rps is null and excluded.throughput_rps is not null)
    or (r.error_pct is null and excluded.error_pct is not null)
    or (r.active_users is null and excluded.active_users is not null)
    or (r.db_connections is null and excluded.db_connections is not null)
    or (r.cache_hit_pct is null and excluded.cache_hit_pct is not null);

-- name: mark_due
-- Remember that rollups of a day are behind.
-- Returns: nothing.
insert into holdfast.metrics_due (rollup, day)
select
    r.rollup,
    d.day
from unnest(%(days)s::date[]) as d (day)
cross join (values ('hourly'), ('daily')) as r (rollup)
on conflict (rollup, day) do update
set marked_at = clock_timestamp();
