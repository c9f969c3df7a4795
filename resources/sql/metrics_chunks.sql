-- Compaction: days that are over become chunks. Tables: migrations/0002_metrics.sql.
-- Instants are timestamptz in UTC. Buckets are half-open, [start, start + width).
-- A column named after a metric holds codes (whole quanta of holdfast.metric_catalog).
-- Each block: "-- name:", one line on what it does, then what it returns.

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
    codes
) from stdin with binary;

-- name: chunk_differences
-- Compare the day's chunks with what was there before, value by value. With as many rows, none missing is none extra.
-- Returns: rows that were there and are not in the chunks, and by how many rows the chunks differ in number.
with chunked as materialized (
    select * from holdfast.metrics_chunk_codes where day = %(day)s
),
missing as (
    select server_no, sampled_at,
    cpu_pct, memory_pct, disk_pct, network_in_bytes_s, network_out_bytes_s, load_1m, response_ms,
    throughput_rps, error_pct, active_users, db_connections, cache_hit_pct
    from holdfast_former
    except all
    select server_no, sampled_at,
    cpu_pct, memory_pct, disk_pct, network_in_bytes_s, network_out_bytes_s, load_1m, response_ms,
    throughput_rps, error_pct, active_users, db_connections, cache_hit_pct
    from chunked
)
select (select count(*) from missing), (select count(*) from chunked) - (select count(*) from holdfast_former);

-- name: drop_former
-- Forget what the day held before.
-- Returns: nothing.
drop table holdfast_former;

-- name: drop_recent_day
-- Drop the hot partition of a day.
-- Returns: one row, of no interest.
select holdfast.drop_recent_day(%(day)s);
