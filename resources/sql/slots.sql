-- Slots: medians of 5 minutes. Tables: migrations/0003_slots.sql.
-- Instants are timestamptz in UTC. Slots are half-open and named by their start.
-- A column named after a metric holds codes (whole quanta of holdfast.metric_catalog).
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: lock
-- Let one roll work at a time. Held to the end of the transaction.
-- Returns: one row, of no interest.
select pg_advisory_xact_lock(hashtext('holdfast.metrics_slots'));

-- name: range
-- Which slots to roll: from where the last roll ended, and a while before that for what came late, to the newest slot
-- that is over as far as the history tells.
-- Returns: from_at, until_at, or no row before the first sample.
select
    coalesce(
        w.covers_until - %(late)s::interval,
        greatest(date_bin('5 minutes', s.first_at, timestamptz '1970-01-01 00:00+00'), %(now)s::timestamptz - %(keep)s::interval)
    ) as from_at,
    date_bin('5 minutes', least(s.newest_at, %(now)s::timestamptz), timestamptz '1970-01-01 00:00+00') as until_at
from (select min(first_sampled_at) as first_at, max(last_sampled_at) as newest_at from holdfast.servers) as s
left join holdfast.watermarks as w on w.name = 'metrics_slots'
where s.newest_at is not null;

-- name: roll
-- Take the medians of a range of whole slots from whatever holds its samples. Rows that would not change are not written.
-- Returns: nothing. rowcount = rows (one per server and slot) that are new or changed.
insert into holdfast.metrics_slots as r (
    slot_at,
    server_no,
    sample_count,
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
select *
from holdfast.slot_medians(%(from_at)s::timestamptz, %(until_at)s::timestamptz, null)
on conflict (slot_at, server_no) do update
set
    sample_count = excluded.sample_count,
    cpu_pct = excluded.cpu_pct,
    memory_pct = excluded.memory_pct,
    disk_pct = excluded.disk_pct,
    network_in_bytes_s = excluded.network_in_bytes_s,
    network_out_bytes_s = excluded.network_out_bytes_s,
    load_1m = excluded.load_1m,
    response_ms = excluded.response_ms,
    throughput_rps = excluded.throughput_rps,
    error_pct = excluded.error_pct,
    active_users = excluded.active_users,
    db_connections = excluded.db_connections,
    cache_hit_pct = excluded.cache_hit_pct
where (
        r.sample_count,
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
    ) is distinct from (
        excluded.sample_count,
        excluded.cpu_pct,
        excluded.memory_pct,
        excluded.disk_pct,
        excluded.network_in_bytes_s,
        excluded.network_out_bytes_s,
        excluded.load_1m,
        excluded.response_ms,
        excluded.throughput_rps,
        excluded.error_pct,
        excluded.active_users,
        excluded.db_connections,
        excluded.cache_hit_pct
    );

-- name: move_watermark
-- Remember how far slots are rolled.
-- Returns: nothing.
insert into holdfast.watermarks (name, position, covers_until)
values ('metrics_slots', extract(epoch from %(until_at)s::timestamptz)::bigint::text, %(until_at)s)
on conflict (name) do update
set
    position = excluded.position,
    covers_until = excluded.covers_until,
    moved_at = clock_timestamp();

-- name: forget
-- Drop slots that nobody judges any more. The history holds their samples.
-- Returns: nothing. rowcount = rows.
delete from holdfast.metrics_slots
where slot_at < %(until_at)s::timestamptz - %(keep)s::interval;

-- name: read
-- Rolled slots of a range, all slots of a server in one row.
-- Returns: server_id, slot starts (epoch seconds), one array of codes per metric.
select
    s.server_id,
    array_agg(extract(epoch from c.slot_at)::bigint order by c.slot_at) as slots_s,
    array_agg(c.cpu_pct order by c.slot_at) as cpu_pct,
    array_agg(c.memory_pct order by c.slot_at) as memory_pct,
    array_agg(c.disk_pct order by c.slot_at) as disk_pct,
    array_agg(c.network_in_bytes_s order by c.slot_at) as network_in_bytes_s,
    array_agg(c.network_out_bytes_s order by c.slot_at) as network_out_bytes_s,
    array_agg(c.load_1m order by c.slot_at) as load_1m,
    array_agg(c.response_ms order by c.slot_at) as response_ms,
    array_agg(c.throughput_rps order by c.slot_at) as throughput_rps,
    array_agg(c.error_pct order by c.slot_at) as error_pct,
    array_agg(c.active_users order by c.slot_at) as active_users,
    array_agg(c.db_connections order by c.slot_at) as db_connections,
    array_agg(c.cache_hit_pct order by c.slot_at) as cache_hit_pct
from holdfast.metrics_slots as c
inner join holdfast.servers as s on c.server_no = s.server_no
where c.slot_at >= %(from_at)s and c.slot_at < %(until_at)s
group by s.server_id
order by s.server_id;

-- name: read_history
-- Slots of a range taken anew from the samples, all slots of a server in one row, of some servers or of all.
-- Returns: server_id, slot starts (epoch seconds), one array of codes per metric.
select
    s.server_id,
    array_agg(extract(epoch from c.slot_at)::bigint order by c.slot_at) as slots_s,
    array_agg(c.cpu_pct order by c.slot_at) as cpu_pct,
    array_agg(c.memory_pct order by c.slot_at) as memory_pct,
    array_agg(c.disk_pct order by c.slot_at) as disk_pct,
    array_agg(c.network_in_bytes_s order by c.slot_at) as network_in_bytes_s,
    array_agg(c.network_out_bytes_s order by c.slot_at) as network_out_bytes_s,
    array_agg(c.load_1m order by c.slot_at) as load_1m,
    array_agg(c.response_ms order by c.slot_at) as response_ms,
    array_agg(c.throughput_rps order by c.slot_at) as throughput_rps,
    array_agg(c.error_pct order by c.slot_at) as error_pct,
    array_agg(c.active_users order by c.slot_at) as active_users,
    array_agg(c.db_connections order by c.slot_at) as db_connections,
    array_agg(c.cache_hit_pct order by c.slot_at) as cache_hit_pct
from holdfast.slot_medians(%(from_at)s::timestamptz, %(until_at)s::timestamptz, %(server_nos)s::integer[]) as c
inner join holdfast.servers as s on c.server_no = s.server_no
group by s.server_id
order by s.server_id;
