-- 0002 metrics: the catalogue, servers, hot rows, day chunks, rollups, and the views that show them as plain rows.
-- Forward only. Values are stored as whole quanta (codes) of holdfast.metric_catalog, so nothing is ever rounded twice.

create table holdfast.metric_catalog (
    metric text primary key,
    metric_no smallint not null unique check (metric_no > 0),
    description text not null,
    per_unit integer not null default 1 check (per_unit >= 1),
    units_per_quantum integer not null default 1 check (units_per_quantum >= 1),
    check (1 in (per_unit, units_per_quantum))
);
comment on table holdfast.metric_catalog is 'Every metric: what it means and its resolution';
comment on column holdfast.metric_catalog.metric is 'Column name in server_metrics_history, its ending is the unit';
comment on column holdfast.metric_catalog.metric_no is 'Short key of the metric, and its place in the arrays of a chunk';
comment on column holdfast.metric_catalog.description is 'What is measured';
comment on column holdfast.metric_catalog.per_unit is 'Quanta in one unit: 100 is a resolution of 0.01';
comment on column holdfast.metric_catalog.units_per_quantum is 'Units in one quantum: 100 is a resolution of 100';

insert into holdfast.metric_catalog (metric_no, metric, description, per_unit, units_per_quantum) values
(1, 'cpu_pct', 'Processor time not idle, in percent of all processors', 100, 1),
(2, 'memory_pct', 'Memory not available to new programs, in percent of all memory', 100, 1),
(3, 'disk_pct', 'Space used on the root file system, in percent', 100, 1),
(4, 'network_in_bytes_s', 'Bytes received per second, all real interfaces', 1, 10),
(5, 'network_out_bytes_s', 'Bytes sent per second, all real interfaces', 1, 10),
(6, 'load_1m', 'Processes running or waiting for a processor, 1 min average', 100, 1),
(7, 'response_ms', 'Mean time to answer a request, in milliseconds', 10, 1),
(8, 'throughput_rps', 'Requests answered per second', 100, 1),
(9, 'error_pct', 'Requests answered with a server error, in percent', 100, 1),
(10, 'active_users', 'Users or sessions active now', 1, 1),
(11, 'db_connections', 'Open database connections', 1, 1),
(12, 'cache_hit_pct', 'Cache lookups answered from the cache, in percent', 100, 1);

create table holdfast.servers (
    server_no integer generated always as identity primary key,
    server_id text not null unique,
    first_sampled_at timestamptz not null,
    last_sampled_at timestamptz not null
);
comment on table holdfast.servers is 'Every server that was ever sampled';
comment on column holdfast.servers.server_no is 'Short key of the server inside this database';
comment on column holdfast.servers.server_id is 'Name of the server';
comment on column holdfast.servers.first_sampled_at is 'Its first sample';
comment on column holdfast.servers.last_sampled_at is 'Its newest sample';

create table holdfast.metrics_cycles (
    cycle_no bigint generated always as identity primary key,
    appended_at timestamptz not null default clock_timestamp(),
    packed bytea not null
);
comment on table holdfast.metrics_cycles is 'Buffer of collected cycles where Redis is switched off';
comment on column holdfast.metrics_cycles.cycle_no is 'Order of arrival';
comment on column holdfast.metrics_cycles.appended_at is 'When it arrived';
comment on column holdfast.metrics_cycles.packed is 'The packed cycle';

create table holdfast.metrics_rejected (
    position text primary key,
    reason text not null,
    packed bytea not null,
    rejected_at timestamptz not null default clock_timestamp()
);
comment on table holdfast.metrics_rejected is 'Buffer entries that could not be read, kept as they were';
comment on column holdfast.metrics_rejected.position is 'Where the entry stood in the buffer';
comment on column holdfast.metrics_rejected.reason is 'What was wrong with it';
comment on column holdfast.metrics_rejected.packed is 'Its bytes';
comment on column holdfast.metrics_rejected.rejected_at is 'When it was set aside';

create table holdfast.metrics_gaps (
    gap_id bigint generated always as identity primary key,
    lost_from timestamptz not null,
    lost_until timestamptz,
    reason text not null,
    detected_at timestamptz not null default clock_timestamp(),
    acknowledged_at timestamptz
);
comment on table holdfast.metrics_gaps is 'Ranges in which cycles were dropped from the buffer before anyone read them';
comment on column holdfast.metrics_gaps.gap_id is 'Number of the event';
comment on column holdfast.metrics_gaps.lost_from is 'Newest cycle that is stored before the range';
comment on column holdfast.metrics_gaps.lost_until is 'First cycle after the range, null while there is none';
comment on column holdfast.metrics_gaps.reason is 'How it was noticed';
comment on column holdfast.metrics_gaps.detected_at is 'When it was noticed';
comment on column holdfast.metrics_gaps.acknowledged_at is 'When an operator took note, null until then';

create table holdfast.metrics_due (
    rollup text not null check (rollup in ('hourly', 'daily')),
    day date not null,
    marked_at timestamptz not null default clock_timestamp(),
    primary key (rollup, day)
);
comment on table holdfast.metrics_due is 'Days whose rollups are behind their samples';
comment on column holdfast.metrics_due.rollup is 'hourly or daily';
comment on column holdfast.metrics_due.day is 'UTC day with new samples';
comment on column holdfast.metrics_due.marked_at is 'When the newest of them arrived';

create table holdfast.pinned_ranges (
    pin_id bigint generated always as identity primary key,
    server_id text,
    pinned_from timestamptz not null,
    pinned_until timestamptz not null,
    reason text not null,
    pinned_at timestamptz not null default clock_timestamp(),
    check (pinned_from < pinned_until)
);
comment on table holdfast.pinned_ranges is 'Ranges whose raw samples are never thinned';
comment on column holdfast.pinned_ranges.pin_id is 'Number of the pin';
comment on column holdfast.pinned_ranges.server_id is 'The server, null for all';
comment on column holdfast.pinned_ranges.pinned_from is 'Start of the range';
comment on column holdfast.pinned_ranges.pinned_until is 'End of the range, not included';
comment on column holdfast.pinned_ranges.reason is 'Why it is kept';
comment on column holdfast.pinned_ranges.pinned_at is 'When it was pinned';

create table holdfast.dashboard_snapshot (
    is_current boolean primary key default true check (is_current),
    document jsonb not null,
    written_at timestamptz not null default clock_timestamp()
);
comment on table holdfast.dashboard_snapshot is 'The dashboard''s snapshot where Redis is switched off: one row';
comment on column holdfast.dashboard_snapshot.is_current is 'Always true: there is one row';
comment on column holdfast.dashboard_snapshot.document is 'Every server, its metrics, status and lastUpdated';
comment on column holdfast.dashboard_snapshot.written_at is 'When it was written';

-- No foreign key: the merge has just looked the numbers up, and checking each row again costs more than storing it.
create table holdfast.server_metrics_recent (
    server_no integer not null,
    sampled_at timestamptz not null,
    cpu_pct integer,
    memory_pct integer,
    disk_pct integer,
    network_in_bytes_s integer,
    network_out_bytes_s integer,
    load_1m integer,
    response_ms integer,
    throughput_rps integer,
    error_pct integer,
    active_users integer,
    db_connections integer,
    cache_hit_pct integer,
    primary key (server_no, sampled_at)
) partition by range (sampled_at);
comment on table holdfast.server_metrics_recent is 'Hot samples in codes, one partition per UTC day; read server_metrics_history instead';
comment on column holdfast.server_metrics_recent.server_no is 'The server';
comment on column holdfast.server_metrics_recent.sampled_at is 'Instant of the sample, whole seconds';
comment on column holdfast.server_metrics_recent.cpu_pct is 'Processor time not idle, in percent of all processors, in codes';
comment on column holdfast.server_metrics_recent.memory_pct is 'Memory not available to new programs, in percent of all memory, in codes';
comment on column holdfast.server_metrics_recent.disk_pct is 'Space used on the root file system, in percent, in codes';
comment on column holdfast.server_metrics_recent.network_in_bytes_s is 'Bytes received per second, all real interfaces, in codes';
comment on column holdfast.server_metrics_recent.network_out_bytes_s is 'Bytes sent per second, all real interfaces, in codes';
comment on column holdfast.server_metrics_recent.load_1m is 'Processes running or waiting for a processor, 1 min average, in codes';
comment on column holdfast.server_metrics_recent.response_ms is 'Mean time to answer a request, in milliseconds, in codes';
comment on column holdfast.server_metrics_recent.throughput_rps is 'Requests answered per second, in codes';
comment on column holdfast.server_metrics_recent.error_pct is 'Requests answered with a server error, in percent, in codes';
comment on column holdfast.server_metrics_recent.active_users is 'Users or sessions active now, in codes';
comment on column holdfast.server_metrics_recent.db_connections is 'Open database connections, in codes';
comment on column holdfast.server_metrics_recent.cache_hit_pct is 'Cache lookups answered from the cache, in percent, in codes';

-- All arrays in one value: Postgres cuts a large value into pieces of 2 kB, four to a page, and only its last piece is
-- partly filled. A value per metric would leave an eighth of every page empty.
create table holdfast.server_metrics_chunk (
    server_no integer not null references holdfast.servers,
    day date not null,
    first_s integer not null,
    step_s integer not null check (step_s > 0),
    slot_count integer not null check (slot_count > 0),
    present bit varying not null,
    codes bit varying[] not null,
    primary key (server_no, day)
) partition by range (day);
comment on table holdfast.server_metrics_chunk is 'Samples of one server and UTC day, one packed array per metric, one partition per week; read server_metrics_history instead';
comment on column holdfast.server_metrics_chunk.server_no is 'The server';
comment on column holdfast.server_metrics_chunk.day is 'UTC day';
comment on column holdfast.server_metrics_chunk.first_s is 'Seconds from midnight to slot 0';
comment on column holdfast.server_metrics_chunk.step_s is 'Seconds from slot to slot';
comment on column holdfast.server_metrics_chunk.slot_count is 'Number of slots';
comment on column holdfast.server_metrics_chunk.present is 'Packed: 1 where the slot holds a sample';
comment on column holdfast.server_metrics_chunk.codes is 'One packed array per metric, at its metric_no; null where never measured that day';

create table holdfast.metrics_rollup_hours (
    metric_no smallint not null references holdfast.metric_catalog (metric_no),
    day date not null,
    server_no integer not null references holdfast.servers,
    sample_count smallint[] not null,
    min integer[] not null,
    max integer[] not null,
    avg real[] not null,
    p95 real[] not null,
    primary key (metric_no, day, server_no)
);
comment on table holdfast.metrics_rollup_hours is 'Hourly rollups in codes, the 24 hours of a UTC day in one row; read server_metrics_hourly instead';
comment on column holdfast.metrics_rollup_hours.metric_no is 'The metric';
comment on column holdfast.metrics_rollup_hours.day is 'UTC day';
comment on column holdfast.metrics_rollup_hours.server_no is 'The server';
comment on column holdfast.metrics_rollup_hours.sample_count is 'Samples of each hour, null where there is none';
comment on column holdfast.metrics_rollup_hours.min is 'Smallest code of each hour';
comment on column holdfast.metrics_rollup_hours.max is 'Largest code of each hour';
comment on column holdfast.metrics_rollup_hours.avg is 'Mean code of each hour, to seven digits';
comment on column holdfast.metrics_rollup_hours.p95 is '95th percentile of each hour in codes, interpolated, to seven digits';

create table holdfast.metrics_rollup_days (
    metric_no smallint not null references holdfast.metric_catalog (metric_no),
    day date not null,
    server_no integer not null references holdfast.servers,
    sample_count integer not null,
    min integer not null,
    max integer not null,
    avg real not null,
    p95 real not null,
    primary key (metric_no, day, server_no)
);
comment on table holdfast.metrics_rollup_days is 'Daily rollups in codes; read server_metrics_daily instead';
comment on column holdfast.metrics_rollup_days.metric_no is 'The metric';
comment on column holdfast.metrics_rollup_days.day is 'UTC day';
comment on column holdfast.metrics_rollup_days.server_no is 'The server';
comment on column holdfast.metrics_rollup_days.sample_count is 'Samples of the day';
comment on column holdfast.metrics_rollup_days.min is 'Smallest code';
comment on column holdfast.metrics_rollup_days.max is 'Largest code';
comment on column holdfast.metrics_rollup_days.avg is 'Mean code, to seven digits';
comment on column holdfast.metrics_rollup_days.p95 is '95th percentile in codes, interpolated, to seven digits';

-- A packed array: 6 bits width of a block's base, 32 bits lowest base, then per block of 32 slots 6 bits width, then
-- per block its base, then per block 32 values. A base of 0 is a block of nulls, else lowest base + it - 1; a value of 0 is
-- null, else base + it - 1; a block of width 0 holds its base 32 times. holdfast.metrics.chunks writes it.
create function holdfast.chunk_blocks(packed bit varying, blocks integer)
returns table (width integer, base bigint, bits bit varying)
language sql immutable parallel safe rows 90
as $$
    select
        b.width,
        h.lowest - 1 + nullif(substring(h.bits from 39 + h.blocks * 6 + b.block * h.base_width for h.base_width)::bigint, 0),
        substring(
            h.bits
            from 39 + h.blocks * (6 + h.base_width) + 32 * (sum(b.width) over (order by b.block) - b.width)::integer
            for 32 * b.width
        )
    from (
        -- The concatenation unpacks a compressed or out-of-line value once instead of once per block.
        select
            d.bits,
            d.blocks,
            substring(d.bits from 1 for 6)::integer as base_width,
            substring(d.bits from 7 for 32)::bigint as lowest
        from (select packed || B'' as bits, chunk_blocks.blocks as blocks where packed is not null offset 0) as d
        offset 0
    ) as h
    cross join lateral (
        select s.block, substring(h.bits from 39 + s.block * 6 for 6)::integer as width
        from generate_series(0, h.blocks - 1) as s (block)
        offset 0
    ) as b
    order by b.block
$$;
comment on function holdfast.chunk_blocks is 'The blocks of a packed array, in order: width, base and bits of each';

create function holdfast.chunk_code(width integer, base bigint, bits bit varying, slot integer)
returns bigint
language sql immutable parallel safe
as $$
    select case width
        when 0 then base
        else base - 1 + nullif(substring(bits from slot * width + 1 for width)::bigint, 0)
    end
$$;
comment on function holdfast.chunk_code is 'The code in one of the 32 slots of a block, null where there is none';

create view holdfast.metrics_chunk_codes as
select
    c.server_no,
    c.day,
    to_timestamp(
        ((c.day - date '1970-01-01') * 86400 + c.first_s + ((b.block - 1) * 32 + s.slot) * c.step_s)::double precision
    ) as sampled_at,
    holdfast.chunk_code(b.w1, b.b1, b.x1, s.slot) as cpu_pct,
    holdfast.chunk_code(b.w2, b.b2, b.x2, s.slot) as memory_pct,
    holdfast.chunk_code(b.w3, b.b3, b.x3, s.slot) as disk_pct,
    holdfast.chunk_code(b.w4, b.b4, b.x4, s.slot) as network_in_bytes_s,
    holdfast.chunk_code(b.w5, b.b5, b.x5, s.slot) as network_out_bytes_s,
    holdfast.chunk_code(b.w6, b.b6, b.x6, s.slot) as load_1m,
    holdfast.chunk_code(b.w7, b.b7, b.x7, s.slot) as response_ms,
    holdfast.chunk_code(b.w8, b.b8, b.x8, s.slot) as throughput_rps,
    holdfast.chunk_code(b.w9, b.b9, b.x9, s.slot) as error_pct,
    holdfast.chunk_code(b.w10, b.b10, b.x10, s.slot) as active_users,
    holdfast.chunk_code(b.w11, b.b11, b.x11, s.slot) as db_connections,
    holdfast.chunk_code(b.w12, b.b12, b.x12, s.slot) as cache_hit_pct
from holdfast.server_metrics_chunk as c
-- Appending nothing fetches the value once, instead of once per metric.
cross join lateral (select c.codes || '{}'::bit varying[] as codes offset 0) as v -- noqa: PRS
cross join lateral rows from ( -- noqa: PRS
    holdfast.chunk_blocks(c.present, (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[1], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[2], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[3], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[4], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[5], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[6], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[7], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[8], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[9], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[10], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[11], (c.slot_count + 31) / 32),
    holdfast.chunk_blocks(v.codes[12], (c.slot_count + 31) / 32)
) with ordinality as b (
    w0, b0, x0,
    w1, b1, x1,
    w2, b2, x2,
    w3, b3, x3,
    w4, b4, x4,
    w5, b5, x5,
    w6, b6, x6,
    w7, b7, x7,
    w8, b8, x8,
    w9, b9, x9,
    w10, b10, x10,
    w11, b11, x11,
    w12, b12, x12,
    block
)
cross join generate_series(0, 31) as s (slot)
where (b.block - 1) * 32 + s.slot < c.slot_count and holdfast.chunk_code(b.w0, b.b0, b.x0, s.slot) is not null;
comment on view holdfast.metrics_chunk_codes is 'Chunked samples as rows, in codes';

create view holdfast.metrics_codes as
select server_no, sampled_at, (sampled_at at time zone 'UTC')::date as day,
    cpu_pct::bigint as cpu_pct,
    memory_pct::bigint as memory_pct,
    disk_pct::bigint as disk_pct,
    network_in_bytes_s::bigint as network_in_bytes_s,
    network_out_bytes_s::bigint as network_out_bytes_s,
    load_1m::bigint as load_1m,
    response_ms::bigint as response_ms,
    throughput_rps::bigint as throughput_rps,
    error_pct::bigint as error_pct,
    active_users::bigint as active_users,
    db_connections::bigint as db_connections,
    cache_hit_pct::bigint as cache_hit_pct
from holdfast.server_metrics_recent
union all
select server_no, sampled_at, day,
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
from holdfast.metrics_chunk_codes;
comment on view holdfast.metrics_codes is 'Every stored sample as a row, in codes';

create view holdfast.server_metrics_history as
select
    c.server_id,
    c.sampled_at,
    c.day,
    c.cpu_pct / 100.0::double precision as cpu_pct,
    c.memory_pct / 100.0::double precision as memory_pct,
    c.disk_pct / 100.0::double precision as disk_pct,
    c.network_in_bytes_s * 10.0::double precision as network_in_bytes_s,
    c.network_out_bytes_s * 10.0::double precision as network_out_bytes_s,
    c.load_1m / 100.0::double precision as load_1m,
    c.response_ms / 10.0::double precision as response_ms,
    c.throughput_rps / 100.0::double precision as throughput_rps,
    c.error_pct / 100.0::double precision as error_pct,
    c.active_users::double precision as active_users,
    c.db_connections::double precision as db_connections,
    c.cache_hit_pct / 100.0::double precision as cache_hit_pct
from (
    -- The server is joined in each branch, so that a where clause reaches it before any chunk is unpacked.
    select
        s.server_id,
        r.sampled_at,
        (r.sampled_at at time zone 'UTC')::date as day,
        r.cpu_pct::bigint as cpu_pct,
        r.memory_pct::bigint as memory_pct,
        r.disk_pct::bigint as disk_pct,
        r.network_in_bytes_s::bigint as network_in_bytes_s,
        r.network_out_bytes_s::bigint as network_out_bytes_s,
        r.load_1m::bigint as load_1m,
        r.response_ms::bigint as response_ms,
        r.throughput_rps::bigint as throughput_rps,
        r.error_pct::bigint as error_pct,
        r.active_users::bigint as active_users,
        r.db_connections::bigint as db_connections,
        r.cache_hit_pct::bigint as cache_hit_pct
    from holdfast.server_metrics_recent as r
    inner join holdfast.servers as s on r.server_no = s.server_no
    union all
    select
        s.server_id,
        k.sampled_at,
        k.day,
        k.cpu_pct,
        k.memory_pct,
        k.disk_pct,
        k.network_in_bytes_s,
        k.network_out_bytes_s,
        k.load_1m,
        k.response_ms,
        k.throughput_rps,
        k.error_pct,
        k.active_users,
        k.db_connections,
        k.cache_hit_pct
    from holdfast.metrics_chunk_codes as k
    inner join holdfast.servers as s on k.server_no = s.server_no
) as c;
comment on view holdfast.server_metrics_history is 'Every stored cycle, one row per server and instant; name the day in a where clause to read only that day';
comment on column holdfast.server_metrics_history.server_id is 'Name of the server';
comment on column holdfast.server_metrics_history.sampled_at is 'Instant of the sample';
comment on column holdfast.server_metrics_history.day is 'UTC day of the sample: filter by it, chunks of other days are then not opened';
comment on column holdfast.server_metrics_history.cpu_pct is 'Processor time not idle, in percent of all processors, null where not measured';
comment on column holdfast.server_metrics_history.memory_pct is 'Memory not available to new programs, in percent of all memory, null where not measured';
comment on column holdfast.server_metrics_history.disk_pct is 'Space used on the root file system, in percent, null where not measured';
comment on column holdfast.server_metrics_history.network_in_bytes_s is 'Bytes received per second, all real interfaces, null where not measured';
comment on column holdfast.server_metrics_history.network_out_bytes_s is 'Bytes sent per second, all real interfaces, null where not measured';
comment on column holdfast.server_metrics_history.load_1m is 'Processes running or waiting for a processor, 1 min average, null where not measured';
comment on column holdfast.server_metrics_history.response_ms is 'Mean time to answer a request, in milliseconds, null where not measured';
comment on column holdfast.server_metrics_history.throughput_rps is 'Requests answered per second, null where not measured';
comment on column holdfast.server_metrics_history.error_pct is 'Requests answered with a server error, in percent, null where not measured';
comment on column holdfast.server_metrics_history.active_users is 'Users or sessions active now, null where not measured';
comment on column holdfast.server_metrics_history.db_connections is 'Open database connections, null where not measured';
comment on column holdfast.server_metrics_history.cache_hit_pct is 'Cache lookups answered from the cache, in percent, null where not measured';

create view holdfast.server_metrics_long as
select h.server_id, m.metric, h.sampled_at, m.value, h.day
from holdfast.server_metrics_history as h
cross join lateral (values
    ('cpu_pct', h.cpu_pct),
    ('memory_pct', h.memory_pct),
    ('disk_pct', h.disk_pct),
    ('network_in_bytes_s', h.network_in_bytes_s),
    ('network_out_bytes_s', h.network_out_bytes_s),
    ('load_1m', h.load_1m),
    ('response_ms', h.response_ms),
    ('throughput_rps', h.throughput_rps),
    ('error_pct', h.error_pct),
    ('active_users', h.active_users),
    ('db_connections', h.db_connections),
    ('cache_hit_pct', h.cache_hit_pct)
) as m (metric, value)
where m.value is not null;
comment on view holdfast.server_metrics_long is 'server_metrics_history with one row per measured value';
comment on column holdfast.server_metrics_long.server_id is 'Name of the server';
comment on column holdfast.server_metrics_long.metric is 'The metric, as in metric_catalog';
comment on column holdfast.server_metrics_long.sampled_at is 'Instant of the sample';
comment on column holdfast.server_metrics_long.value is 'The value, in the unit that ends the metric''s name';
comment on column holdfast.server_metrics_long.day is 'UTC day of the sample';

create view holdfast.server_metrics_hourly as
select
    s.server_id,
    m.metric,
    to_timestamp((((r.day - date '1970-01-01') * 24 + h.hour - 1) * 3600)::double precision) as bucket_at,
    r.sample_count[h.hour]::integer as sample_count,
    r.min[h.hour]::double precision * m.units_per_quantum / m.per_unit as min,
    r.max[h.hour]::double precision * m.units_per_quantum / m.per_unit as max,
    r.avg[h.hour]::double precision * m.units_per_quantum / m.per_unit as avg,
    r.p95[h.hour]::double precision * m.units_per_quantum / m.per_unit as p95,
    r.day
from holdfast.metrics_rollup_hours as r
inner join holdfast.metric_catalog as m on r.metric_no = m.metric_no
inner join holdfast.servers as s on r.server_no = s.server_no
cross join generate_series(1, 24) as h (hour)
where r.sample_count[h.hour] is not null;
comment on view holdfast.server_metrics_hourly is 'Hourly rollups, one row per server, metric and hour that has samples';
comment on column holdfast.server_metrics_hourly.server_id is 'Name of the server';
comment on column holdfast.server_metrics_hourly.metric is 'The metric, as in metric_catalog';
comment on column holdfast.server_metrics_hourly.bucket_at is 'Start of the hour, UTC';
comment on column holdfast.server_metrics_hourly.sample_count is 'Samples in the hour';
comment on column holdfast.server_metrics_hourly.min is 'Smallest value';
comment on column holdfast.server_metrics_hourly.max is 'Largest value';
comment on column holdfast.server_metrics_hourly.avg is 'Mean, to seven digits';
comment on column holdfast.server_metrics_hourly.p95 is '95th percentile, interpolated, to seven digits';
comment on column holdfast.server_metrics_hourly.day is 'UTC day of the hour';

create view holdfast.server_metrics_daily as
select
    s.server_id,
    m.metric,
    r.day::timestamp at time zone 'UTC' as bucket_at,
    r.sample_count,
    r.min::double precision * m.units_per_quantum / m.per_unit as min,
    r.max::double precision * m.units_per_quantum / m.per_unit as max,
    r.avg::double precision * m.units_per_quantum / m.per_unit as avg,
    r.p95::double precision * m.units_per_quantum / m.per_unit as p95,
    r.day
from holdfast.metrics_rollup_days as r
inner join holdfast.metric_catalog as m on r.metric_no = m.metric_no
inner join holdfast.servers as s on r.server_no = s.server_no;
comment on view holdfast.server_metrics_daily is 'Daily rollups, one row per server, metric and UTC day';
comment on column holdfast.server_metrics_daily.server_id is 'Name of the server';
comment on column holdfast.server_metrics_daily.metric is 'The metric, as in metric_catalog';
comment on column holdfast.server_metrics_daily.bucket_at is 'Start of the day, UTC';
comment on column holdfast.server_metrics_daily.sample_count is 'Samples of the day';
comment on column holdfast.server_metrics_daily.min is 'Smallest value';
comment on column holdfast.server_metrics_daily.max is 'Largest value';
comment on column holdfast.server_metrics_daily.avg is 'Mean, to seven digits';
comment on column holdfast.server_metrics_daily.p95 is '95th percentile, interpolated, to seven digits';
comment on column holdfast.server_metrics_daily.day is 'UTC day';

create function holdfast.metrics_between(of_server text, from_at timestamptz, until_at timestamptz)
returns setof holdfast.server_metrics_history
language sql stable parallel safe
as $$
    select h.*
    from holdfast.server_metrics_history as h
    where h.server_id = of_server
        and h.sampled_at >= from_at and h.sampled_at < until_at
        and h.day >= (from_at at time zone 'UTC')::date and h.day <= ((until_at - interval '1 microsecond') at time zone 'UTC')::date
$$;
comment on function holdfast.metrics_between is 'History of one server in [from, until), opening only the days it needs';

create function holdfast.ensure_recent_day(of_day date)
returns void
language plpgsql
as $$
begin
    execute format(
        'create table if not exists holdfast.%I partition of holdfast.server_metrics_recent for values from (%L) to (%L)',
        'server_metrics_recent_' || to_char(of_day, 'YYYYMMDD'),
        of_day::timestamp at time zone 'UTC',
        (of_day + 1)::timestamp at time zone 'UTC'
    );
end
$$;
comment on function holdfast.ensure_recent_day is 'Make the partition of one UTC day, if it is missing';

create function holdfast.drop_recent_day(of_day date)
returns void
language plpgsql
as $$
begin
    execute format('drop table holdfast.%I', 'server_metrics_recent_' || to_char(of_day, 'YYYYMMDD'));
end
$$;
comment on function holdfast.drop_recent_day is 'Drop the hot partition of one UTC day, after its rows are verified in chunks';

create function holdfast.chunk_week(of_day date)
returns text
language sql immutable
as $$ select 'server_metrics_chunk_' || to_char(of_day, 'IYYY"w"IW') $$;
comment on function holdfast.chunk_week is 'Name of the partition of chunks that holds a day';

create function holdfast.ensure_chunk_week(of_day date)
returns void
language plpgsql
as $$
begin
    execute format(
        'create table if not exists holdfast.%I partition of holdfast.server_metrics_chunk for values from (%L) to (%L)',
        holdfast.chunk_week(of_day),
        date_trunc('week', of_day)::date,
        (date_trunc('week', of_day) + interval '7 days')::date
    );
end
$$;
comment on function holdfast.ensure_chunk_week is 'Make the partition of one ISO week of chunks, if it is missing';

create function holdfast.is_pinned(of_server text, of_day date)
returns boolean
language sql stable
as $$
    select exists (
        select 1 from holdfast.pinned_ranges as p
        where (p.server_id is null or p.server_id = of_server)
            and p.pinned_from < (of_day + 1)::timestamp at time zone 'UTC'
            and p.pinned_until > of_day::timestamp at time zone 'UTC'
    )
$$;
comment on function holdfast.is_pinned is 'Whether a pinned range touches a server''s UTC day';

create function holdfast.thin_chunk_week(of_week date)
returns void
language plpgsql
as $$
begin
    create temporary table holdfast_pinned on commit drop as
    select c.*
    from holdfast.server_metrics_chunk as c
    inner join holdfast.servers as s on c.server_no = s.server_no
    where c.day >= of_week and c.day < of_week + 7 and holdfast.is_pinned(s.server_id, c.day);
    if exists (select 1 from holdfast_pinned) then
        execute format('truncate holdfast.%I', holdfast.chunk_week(of_week));
        insert into holdfast.server_metrics_chunk select * from holdfast_pinned;
    else
        execute format('drop table holdfast.%I', holdfast.chunk_week(of_week));
    end if;
    drop table holdfast_pinned;
end
$$;
comment on function holdfast.thin_chunk_week is 'Drop the raw samples of one ISO week but for the server-days that touch a pinned range';

grant select on
    holdfast.metric_catalog,
    holdfast.servers,
    holdfast.server_metrics_history,
    holdfast.server_metrics_long,
    holdfast.server_metrics_hourly,
    holdfast.server_metrics_daily,
    holdfast.metrics_gaps,
    holdfast.pinned_ranges,
    holdfast.dashboard_snapshot
to holdfast_analyst;
