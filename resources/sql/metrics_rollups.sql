-- Rollups of closed buckets, and counting them again. Tables: migrations/0002_metrics.sql.
-- Instants are timestamptz in UTC. Buckets are half-open, [start, start + width).
-- A column named after a metric holds codes (whole quanta of holdfast.metric_catalog).
-- Each block: "-- name:", one line on what it does, then what it returns.

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

-- name: roll_hours
-- Roll up the closed hours of a UTC day from whatever holds its samples. Rows that would not change are not written.
-- Returns: nothing. rowcount = rows (one per server and metric) that are new or changed.
with hours as (
    select
        c.server_no,
        v.metric,
        extract(hour from c.sampled_at at time zone 'UTC')::integer as hour,
        count(*)::smallint as sample_count,
        min(v.code)::integer as min,
        max(v.code)::integer as max,
        (sum(v.code)::double precision / count(*))::real as avg,
        (percentile_cont(0.95) within group (order by v.code::double precision))::real as p95
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
insert into holdfast.metrics_rollup_hours as r (metric_no, day, server_no, sample_count, min, max, avg, p95)
select
    u.metric_no,
    %(day)s::date,
    s.server_no,
    array_agg(h.sample_count order by slot.hour),
    array_agg(h.min order by slot.hour),
    array_agg(h.max order by slot.hour),
    array_agg(h.avg order by slot.hour),
    array_agg(h.p95 order by slot.hour)
from (select distinct server_no, metric from hours) as s
inner join holdfast.metric_catalog as u on s.metric = u.metric
cross join generate_series(0, 23) as slot (hour)
left join hours as h on s.server_no = h.server_no and s.metric = h.metric and slot.hour = h.hour
group by u.metric_no, s.server_no
on conflict (metric_no, day, server_no) do update
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
insert into holdfast.metrics_rollup_days as r (metric_no, day, server_no, sample_count, min, max, avg, p95)
select
    u.metric_no,
    %(day)s::date,
    c.server_no,
    count(*)::integer,
    min(v.code)::integer,
    max(v.code)::integer,
    (sum(v.code)::double precision / count(*))::real,
    (percentile_cont(0.95) within group (order by v.code::double precision))::real
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
group by u.metric_no, c.server_no
on conflict (metric_no, day, server_no) do update
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
