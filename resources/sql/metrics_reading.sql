-- Reading: the dashboard, plots and checks. Tables: migrations/0002_metrics.sql.
-- Instants are timestamptz in UTC. Buckets are half-open, [start, start + width).
-- A column named after a metric holds codes (whole quanta of holdfast.metric_catalog).
-- Each block: "-- name:", one line on what it does, then what it returns.

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
-- Returns: at, cpu_pct, memory_pct.
select
    date_trunc('minute', h.sampled_at) as at,
    avg(h.cpu_pct)::double precision / 100 as cpu_pct,
    avg(h.memory_pct)::double precision / 100 as memory_pct
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
