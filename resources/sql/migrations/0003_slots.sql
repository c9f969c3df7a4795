-- 0003 slots: the medians of 5 minutes that baselines are learned from and anomalies are judged on. Forward only.

create table holdfast.metrics_slots (
    slot_at timestamptz not null,
    server_no integer not null references holdfast.servers,
    sample_count smallint not null check (sample_count > 0),
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
    primary key (slot_at, server_no)
);
comment on table holdfast.metrics_slots is 'Medians of 5 minutes of the newest three days, in codes';
comment on column holdfast.metrics_slots.slot_at is 'Start of the 5 minutes, UTC';
comment on column holdfast.metrics_slots.server_no is 'The server';
comment on column holdfast.metrics_slots.sample_count is 'Samples in it';
comment on column holdfast.metrics_slots.cpu_pct is 'Processor time not idle, in percent of all processors: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.memory_pct is 'Memory not available to new programs, in percent of all memory: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.disk_pct is 'Space used on the root file system, in percent: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.network_in_bytes_s is 'Bytes received per second, all real interfaces: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.network_out_bytes_s is 'Bytes sent per second, all real interfaces: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.load_1m is 'Processes running or waiting for a processor, 1 min average: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.response_ms is 'Mean time to answer a request, in milliseconds: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.throughput_rps is 'Requests answered per second: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.error_pct is 'Requests answered with a server error, in percent: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.active_users is 'Users or sessions active now: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.db_connections is 'Open database connections: the lower median, in codes, null where not measured';
comment on column holdfast.metrics_slots.cache_hit_pct is 'Cache lookups answered from the cache, in percent: the lower median, in codes, null where not measured';

-- What a slot is, in one place: rolling keeps it, learning takes it anew. Postgres inlines it, so that days without need
-- are not opened.
create function holdfast.slot_medians(from_at timestamptz, until_at timestamptz, server_nos integer[])
returns table (
    slot_at timestamptz,
    server_no integer,
    sample_count smallint,
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
    cache_hit_pct integer
)
language sql stable
as $$
    select
        date_bin('5 minutes', c.sampled_at, timestamptz '1970-01-01 00:00+00'),
        c.server_no,
        count(*)::smallint,
        (percentile_disc(0.5) within group (order by c.cpu_pct))::integer,
        (percentile_disc(0.5) within group (order by c.memory_pct))::integer,
        (percentile_disc(0.5) within group (order by c.disk_pct))::integer,
        (percentile_disc(0.5) within group (order by c.network_in_bytes_s))::integer,
        (percentile_disc(0.5) within group (order by c.network_out_bytes_s))::integer,
        (percentile_disc(0.5) within group (order by c.load_1m))::integer,
        (percentile_disc(0.5) within group (order by c.response_ms))::integer,
        (percentile_disc(0.5) within group (order by c.throughput_rps))::integer,
        (percentile_disc(0.5) within group (order by c.error_pct))::integer,
        (percentile_disc(0.5) within group (order by c.active_users))::integer,
        (percentile_disc(0.5) within group (order by c.db_connections))::integer,
        (percentile_disc(0.5) within group (order by c.cache_hit_pct))::integer
    from holdfast.metrics_codes as c
    where c.sampled_at >= slot_medians.from_at
        and c.sampled_at < slot_medians.until_at
        and c.day >= (slot_medians.from_at at time zone 'UTC')::date
        and c.day <= (slot_medians.until_at at time zone 'UTC')::date
        and (slot_medians.server_nos is null or c.server_no = any(slot_medians.server_nos))
    group by 1, 2
$$;
comment on function holdfast.slot_medians is 'Lower medians of the slots of 5 minutes in [from_at, until_at), in codes, from whatever holds the samples; null is all servers';

create view holdfast.metrics_slots_long as
select
    c.slot_at,
    c.server_no,
    v.metric,
    v.code
from holdfast.metrics_slots as c
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
where v.code is not null;
comment on view holdfast.metrics_slots_long is 'The slots of the newest three days, one row per server, metric and slot';
comment on column holdfast.metrics_slots_long.slot_at is 'Start of the 5 minutes, UTC';
comment on column holdfast.metrics_slots_long.server_no is 'The server';
comment on column holdfast.metrics_slots_long.metric is 'The metric';
comment on column holdfast.metrics_slots_long.code is 'The lower median, in codes';
