-- Metrics: moving cycles into history, compaction, rollups, retention, the dashboard.
-- Tables: migrations/0002_metrics.sql. Instants are timestamptz in UTC. Buckets are half-open, [start, start + width).
-- Values are codes (whole quanta of holdfast.metric_catalog) wherever a column is named after a metric.
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
) from stdin (format binary);

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
) from stdin (format binary);

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

-- name: due_days
-- Days whose rollup is behind and whose first bucket is closed.
-- Returns: day.
select day
from holdfast.metrics_due
where rollup = %(rollup)s
    and case rollup
        when 'daily' then (day + 1)::timestamp at time zone 'UTC'
        else day::timestamp at time zone 'UTC' + interval '1 hour'
    end <= %(now)s
order by day;

-- name: hot_days
-- Days that have a hot partition.
-- Returns: day, rows (the planner's estimate).
select
    to_date(right(c.relname, 8), 'YYYYMMDD') as day,
    greatest(c.reltuples, 0)::bigint as row_estimate
from pg_inherits as i
inner join pg_class as c on i.inhrelid = c.oid
where i.inhparent = 'holdfast.server_metrics_recent'::regclass
order by day;

-- name: day_servers
-- Servers that have hot rows on a day.
-- Returns: server_no.
select distinct server_no
from holdfast.server_metrics_recent
where sampled_at >= %(day)s::date::timestamp at time zone 'UTC'
    and sampled_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
order by server_no;

-- name: day_columns
-- Everything stored of some servers and one day, hot or chunked, one array per column.
-- Returns: server_no, second_of_day, one array of codes per metric.
select
    server_no,
    array_agg(extract(epoch from sampled_at - day::timestamp at time zone 'UTC')::integer order by sampled_at) as second_of_day,
    array_agg(cpu_pct order by sampled_at) as cpu_pct,
    array_agg(memory_pct order by sampled_at) as memory_pct,
    array_agg(disk_pct order by sampled_at) as disk_pct,
    array_agg(network_in_bytes_s order by sampled_at) as network_in_bytes_s,
    array_agg(network_out_bytes_s order by sampled_at) as network_out_bytes_s,
    array_agg(load_1m order by sampled_at) as load_1m,
    array_agg(response_ms order by sampled_at) as response_ms,
    array_agg(throughput_rps order by sampled_at) as throughput_rps,
    array_agg(error_pct order by sampled_at) as error_pct,
    array_agg(active_users order by sampled_at) as active_users,
    array_agg(db_connections order by sampled_at) as db_connections,
    array_agg(cache_hit_pct order by sampled_at) as cache_hit_pct
from holdfast.metrics_codes
where day = %(day)s
    and sampled_at >= %(day)s::date::timestamp at time zone 'UTC'
    and sampled_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
    and server_no = any(%(server_nos)s)
group by server_no;

-- name: ensure_chunk_week
-- Make the partition of chunks of a day's week.
-- Returns: one row, of no interest.
select holdfast.ensure_chunk_week(%(day)s);

-- name: make_former
-- Keep what the day's chunks held before they are replaced, to verify against.
-- Returns: nothing.
create temporary table holdfast_former on commit drop as
select *
from holdfast.metrics_codes
where day = %(day)s
    and sampled_at >= %(day)s::date::timestamp at time zone 'UTC'
    and sampled_at < (%(day)s::date + 1)::timestamp at time zone 'UTC';

-- name: delete_chunks
-- Drop the chunks of some servers and a day, to replace them.
-- Returns: nothing.
delete from holdfast.server_metrics_chunk
where day = %(day)s and server_no = any(%(server_nos)s);

-- name: copy_chunks
-- Receive chunks.
-- Returns: nothing. rowcount = chunks.
copy holdfast.server_metrics_chunk (
    server_no,
    day,
    first_s,
    step_s,
    slot_count,
    present,
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
) from stdin (format binary);

-- name: chunk_differences
-- Compare the day's chunks with what was there before, value by value.
-- Returns: rows that are in one and not in the other.
select count(*)
from (
    (
        select server_no, sampled_at, cpu_pct, memory_pct, disk_pct, network_in_bytes_s, network_out_bytes_s, load_1m, response_ms, throughput_rps, error_pct, active_users, db_connections, cache_hit_pct from holdfast_former
        except all
        select server_no, sampled_at, cpu_pct, memory_pct, disk_pct, network_in_bytes_s, network_out_bytes_s, load_1m, response_ms, throughput_rps, error_pct, active_users, db_connections, cache_hit_pct from holdfast.metrics_chunk_codes where day = %(day)s
    )
    union all
    (
        select server_no, sampled_at, cpu_pct, memory_pct, disk_pct, network_in_bytes_s, network_out_bytes_s, load_1m, response_ms, throughput_rps, error_pct, active_users, db_connections, cache_hit_pct from holdfast.metrics_chunk_codes where day = %(day)s
        except all
        select server_no, sampled_at, cpu_pct, memory_pct, disk_pct, network_in_bytes_s, network_out_bytes_s, load_1m, response_ms, throughput_rps, error_pct, active_users, db_connections, cache_hit_pct from holdfast_former
    )
) as differences;

-- name: drop_former
-- Forget what the day held before.
-- Returns: nothing.
drop table holdfast_former;

-- name: drop_recent_day
-- Drop the hot partition of a day.
-- Returns: one row, of no interest.
select holdfast.drop_recent_day(%(day)s);

-- name: roll_hours
-- Roll up the closed hours of a UTC day from whatever holds its samples. Rows that would not change are not written.
-- Returns: nothing. rowcount = rows (one per server and metric) that are new or changed.
with hours as (
    select
        c.server_no,
        v.metric,
        extract(hour from c.sampled_at at time zone 'UTC')::integer as hour,
        count(*)::integer as sample_count,
        min(v.code) as min,
        max(v.code) as max,
        sum(v.code)::double precision / count(*) as avg,
        percentile_cont(0.95) within group (order by v.code::double precision) as p95
    from holdfast.metrics_codes as c
    cross join lateral (values
        ('cpu_pct', c.cpu_pct),
        ('memory_pct', c.memory_pct),
        ('disk_pct', c.disk_pct),
        ('network_in_bytes_s', c.network_in_bytes_s),
        ('network_out_bytes_s', c.network_out_bytes_s),
        ('load_1m', c.load_1m),
        ('response_ms', c.response_ms),
        ('throughput_rps', c.throughput_rps),
        ('error_pct', c.error_pct),
        ('active_users', c.active_users),
        ('db_connections', c.db_connections),
        ('cache_hit_pct', c.cache_hit_pct)
    ) as v (metric, code)
    where v.code is not null
        and c.day = %(day)s
        and c.sampled_at >= %(day)s::date::timestamp at time zone 'UTC'
        and c.sampled_at < least(
            (%(day)s::date + 1)::timestamp at time zone 'UTC', date_trunc('hour', %(now)s::timestamptz, 'UTC')
        )
    group by c.server_no, v.metric, hour
)
insert into holdfast.metrics_rollup_hours as r (metric, day, server_no, sample_count, min, max, avg, p95)
select
    s.metric,
    %(day)s::date,
    s.server_no,
    array_agg(h.sample_count order by slot.hour),
    array_agg(h.min * u.units_per_quantum / u.per_unit::double precision order by slot.hour),
    array_agg(h.max * u.units_per_quantum / u.per_unit::double precision order by slot.hour),
    array_agg(h.avg * u.units_per_quantum / u.per_unit order by slot.hour),
    array_agg(h.p95 * u.units_per_quantum / u.per_unit order by slot.hour)
from (select distinct server_no, metric from hours) as s
inner join holdfast.metric_catalog as u on s.metric = u.metric
cross join generate_series(0, 23) as slot (hour)
left join hours as h on s.server_no = h.server_no and s.metric = h.metric and slot.hour = h.hour
group by s.metric, s.server_no
on conflict (metric, day, server_no) do update
set
    sample_count = excluded.sample_count,
    min = excluded.min,
    max = excluded.max,
    avg = excluded.avg,
    p95 = excluded.p95
where (r.sample_count, r.min, r.max, r.avg, r.p95)
    is distinct from (excluded.sample_count, excluded.min, excluded.max, excluded.avg, excluded.p95);

-- name: roll_days
-- Roll up a UTC day, if it is closed. Rows that would not change are not written.
-- Returns: nothing. rowcount = rows (one per server and metric) that are new or changed.
insert into holdfast.metrics_rollup_days as r (metric, day, server_no, sample_count, min, max, avg, p95)
select
    v.metric,
    %(day)s::date,
    c.server_no,
    count(*)::integer,
    min(v.code) * min(u.units_per_quantum) / min(u.per_unit)::double precision,
    max(v.code) * min(u.units_per_quantum) / min(u.per_unit)::double precision,
    sum(v.code)::double precision / count(*) * min(u.units_per_quantum) / min(u.per_unit),
    percentile_cont(0.95) within group (order by v.code::double precision)
    * min(u.units_per_quantum) / min(u.per_unit)
from holdfast.metrics_codes as c
cross join lateral (values
    ('cpu_pct', c.cpu_pct),
        ('memory_pct', c.memory_pct),
        ('disk_pct', c.disk_pct),
        ('network_in_bytes_s', c.network_in_bytes_s),
        ('network_out_bytes_s', c.network_out_bytes_s),
        ('load_1m', c.load_1m),
        ('response_ms', c.response_ms),
        ('throughput_rps', c.throughput_rps),
        ('error_pct', c.error_pct),
        ('active_users', c.active_users),
        ('db_connections', c.db_connections),
        ('cache_hit_pct', c.cache_hit_pct)
) as v (metric, code)
inner join holdfast.metric_catalog as u on v.metric = u.metric
where v.code is not null
    and c.day = %(day)s
    and c.sampled_at >= %(day)s::date::timestamp at time zone 'UTC'
    and c.sampled_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
    and %(now)s::timestamptz >= (%(day)s::date + 1)::timestamp at time zone 'UTC'
group by v.metric, c.server_no
on conflict (metric, day, server_no) do update
set
    sample_count = excluded.sample_count,
    min = excluded.min,
    max = excluded.max,
    avg = excluded.avg,
    p95 = excluded.p95
where (r.sample_count, r.min, r.max, r.avg, r.p95)
    is distinct from (excluded.sample_count, excluded.min, excluded.max, excluded.avg, excluded.p95);

-- name: due_mark
-- When a day was last marked as behind.
-- Returns: marked_at, or no row.
select marked_at
from holdfast.metrics_due
where rollup = %(rollup)s and day = %(day)s;

-- name: settle_due
-- A closed day is rolled up, unless more came in since it was looked at.
-- Returns: nothing.
delete from holdfast.metrics_due
where rollup = %(rollup)s
    and day = %(day)s
    and marked_at = %(marked_at)s
    and %(now)s::timestamptz >= (day + 1)::timestamp at time zone 'UTC';

-- name: chunk_weeks
-- Every week of chunks, oldest first.
-- Returns: week (its Monday), bytes, is_pinned (a pinned range touches it), is_due (a rollup of it is behind).
select
    w.week,
    w.bytes,
    exists (
        select 1 from holdfast.pinned_ranges as p
        where p.pinned_from < (w.week + 7)::timestamp at time zone 'UTC'
            and p.pinned_until > w.week::timestamp at time zone 'UTC'
    ) as is_pinned,
    exists (
        select 1 from holdfast.metrics_due as d
        where d.day >= w.week and d.day < w.week + 7
    ) as is_due
from (
    select
        to_date(right(c.relname, 7), 'IYYY"w"IW') as week,
        pg_total_relation_size(c.oid) as bytes
    from pg_inherits as i
    inner join pg_class as c on i.inhrelid = c.oid
    where i.inhparent = 'holdfast.server_metrics_chunk'::regclass
) as w
order by w.week;

-- name: thin_week
-- Drop a week of raw samples but for what is pinned.
-- Returns: one row, of no interest.
select holdfast.thin_chunk_week(%(week)s);

-- name: week_bytes
-- What is left of a week.
-- Returns: bytes, or null where nothing is left.
select pg_total_relation_size(to_regclass('holdfast.' || holdfast.chunk_week(%(week)s)));

-- name: delete_old_hours
-- Drop hourly rollups from before a day. Daily rollups stay.
-- Returns: nothing. rowcount = rows.
delete from holdfast.metrics_rollup_hours
where day < %(before)s;

-- name: database_bytes
-- Size of the whole database, as a provider counts it.
-- Returns: bytes.
select pg_database_size(current_database());

-- name: largest_relations
-- What takes the most room.
-- Returns: relation, bytes.
select
    n.nspname || '.' || c.relname as relation,
    pg_total_relation_size(c.oid) as bytes
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
order by bytes desc, relation
limit 5;

-- name: daily_growth_bytes
-- Bytes of chunks of one average day of the newest four weeks.
-- Returns: bytes, null before the first chunk.
select (sum(w.bytes) / greatest(sum(w.days), 1))::bigint
from (
    select
        pg_total_relation_size(c.oid) as bytes,
        (select count(distinct k.day) from holdfast.server_metrics_chunk as k where k.tableoid = c.oid) as days
    from pg_inherits as i
    inner join pg_class as c on i.inhrelid = c.oid
    where i.inhparent = 'holdfast.server_metrics_chunk'::regclass
    order by c.relname desc
    limit 4
) as w;

-- name: pin
-- Keep the raw samples of a range.
-- Returns: pin_id.
insert into holdfast.pinned_ranges (server_id, pinned_from, pinned_until, reason)
values (%(server_id)s, %(pinned_from)s, %(pinned_until)s, %(reason)s)
returning pin_id;

-- name: write_snapshot
-- Replace the dashboard's snapshot where there is no Redis.
-- Returns: nothing.
insert into holdfast.dashboard_snapshot (document)
values (%(document)s::jsonb)
on conflict (is_current) do update
set
    document = excluded.document,
    written_at = excluded.written_at;

-- name: newest_instant
-- The newest sample of any server.
-- Returns: an instant, or null before the first.
select max(last_sampled_at) as newest_at
from holdfast.servers;

-- name: newest_rows
-- The newest hot row of every server.
-- Returns: server_id, last_sampled_at, one code per metric.
select
    s.server_id,
    s.last_sampled_at,
    r.cpu_pct,
    r.memory_pct,
    r.disk_pct,
    r.network_in_bytes_s,
    r.network_out_bytes_s,
    r.load_1m,
    r.response_ms,
    r.throughput_rps,
    r.error_pct,
    r.active_users,
    r.db_connections,
    r.cache_hit_pct
from holdfast.servers as s
left join lateral (
    select *
    from holdfast.server_metrics_recent as h
    where h.server_no = s.server_no and h.sampled_at = s.last_sampled_at
) as r on true
order by s.server_id;

-- name: fleet_day
-- The fleet's hourly mean of one metric over the newest 24 rolled hours, for a plot.
-- Returns: bucket_at, avg, max.
select
    h.bucket_at,
    avg(h.avg) as avg,
    max(h.max) as max
from holdfast.server_metrics_hourly as h
where h.metric = %(metric)s and h.day >= %(day)s::date - 1
group by h.bucket_at
order by h.bucket_at desc
limit 24;

-- name: recent_points
-- The fleet's mean of cpu and memory per minute over the last hour that has samples, for a plot.
-- Returns: at, cpu_pct, memory_pct, servers.
select
    date_trunc('minute', h.sampled_at) as at,
    avg(h.cpu_pct)::double precision / 100 as cpu_pct,
    avg(h.memory_pct)::double precision / 100 as memory_pct,
    count(distinct h.server_no) as servers
from holdfast.server_metrics_recent as h
where h.sampled_at > %(newest_at)s::timestamptz - interval '1 hour'
group by at
order by at;

-- name: history_preview
-- The newest rows of history, for a table people look at.
-- Returns: the columns of server_metrics_history.
select h.*
from holdfast.server_metrics_history as h
where h.day = (%(newest_at)s::timestamptz at time zone 'UTC')::date
    and h.sampled_at > %(newest_at)s::timestamptz - interval '5 minutes'
order by h.sampled_at desc, h.server_id
limit 10;

-- name: history_counts
-- How much history there is.
-- Returns: hot rows (the planner's estimate), chunks (likewise), servers.
select
    (
        select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
        from pg_inherits as i
        inner join pg_class as c on i.inhrelid = c.oid
        where i.inhparent = 'holdfast.server_metrics_recent'::regclass
    ) as hot_rows,
    (
        select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
        from pg_inherits as i
        inner join pg_class as c on i.inhrelid = c.oid
        where i.inhparent = 'holdfast.server_metrics_chunk'::regclass
    ) as chunks,
    (select count(*) from holdfast.servers) as servers;

-- name: coverage
-- Samples of each server in the last closed hour against the cycles of that hour.
-- Returns: server_id, samples.
select
    s.server_id,
    count(h.sampled_at) as samples
from holdfast.servers as s
left join holdfast.server_metrics_recent as h
    on s.server_no = h.server_no
    and h.sampled_at >= %(from_at)s and h.sampled_at < %(until_at)s
where s.first_sampled_at <= %(from_at)s and s.last_sampled_at >= %(from_at)s
group by s.server_id
order by samples, s.server_id;

-- name: compare_hours
-- Count the hours of a day that have rollups again from their samples, and compare.
-- Returns: compared hours (server, metric, hour), hours that differ.
with again as (
    select
        l.server_id,
        l.metric,
        date_trunc('hour', l.sampled_at, 'UTC') as bucket_at,
        count(*) as sample_count,
        min(l.value) as min,
        max(l.value) as max
    from holdfast.server_metrics_long as l
    where l.day = %(day)s
        and l.sampled_at >= %(day)s::date::timestamp at time zone 'UTC'
        and l.sampled_at < least(
            (%(day)s::date + 1)::timestamp at time zone 'UTC', date_trunc('hour', %(now)s::timestamptz, 'UTC')
        )
    group by l.server_id, l.metric, bucket_at
)
select
    count(*) as compared,
    count(*) filter (
        where (a.sample_count, a.min, a.max) is distinct from (h.sample_count, h.min, h.max)
    ) as different
from again as a
inner join holdfast.server_metrics_hourly as h
    on a.server_id = h.server_id and a.metric = h.metric and a.bucket_at = h.bucket_at and h.day = %(day)s;
