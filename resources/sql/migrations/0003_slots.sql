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
