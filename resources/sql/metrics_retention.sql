-- Retention: what there is, and thinning it. Tables: migrations/0002_metrics.sql.
-- Instants are timestamptz in UTC. Buckets are half-open, [start, start + width).
-- A column named after a metric holds codes (whole quanta of holdfast.metric_catalog).
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: chunk_weeks
-- Every week of chunks that has something to thin, oldest first: a week of which only pinned days are left has not.
-- Returns: week (its Monday), bytes, is_pinned (a pinned range touches it), is_due (a rollup of it is behind).
select
    w.week,
    w.bytes,
    w.is_pinned,
    exists (
        select 1 from holdfast.metrics_due as d
        where d.day >= w.week and d.day < w.week + 7
    ) as is_due
from (
    select
        p.week,
        p.bytes,
        exists (
            select 1 from holdfast.pinned_ranges as r
            where r.pinned_from < (p.week + 7)::timestamp at time zone 'UTC'
                and r.pinned_until > p.week::timestamp at time zone 'UTC'
        ) as is_pinned
    from (
        select
            to_date(right(c.relname, 7), 'IYYY"w"IW') as week,
            pg_total_relation_size(c.oid) as bytes
        from pg_inherits as i
        inner join pg_class as c on i.inhrelid = c.oid
        where i.inhparent = 'holdfast.server_metrics_chunk'::regclass
    ) as p
) as w
where not w.is_pinned or exists (
    select 1
    from holdfast.server_metrics_chunk as k
    inner join holdfast.servers as s on k.server_no = s.server_no
    where k.day >= w.week and k.day < w.week + 7 and not holdfast.is_pinned(s.server_id, k.day)
)
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

-- name: delete_old_rejected
-- Drop entries that were set aside before a day: whoever wanted to look has looked.
-- Returns: nothing. rowcount = entries.
delete from holdfast.metrics_rejected
where rejected_at < %(before)s::date;

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
