-- 0010 health: how each store was over time, and the breakers while Redis is away or off. Forward only.

create table holdfast.storage_health (
    probed_at timestamptz not null,
    store text not null check (store in ('primary', 'secondary')),
    mode text not null check (mode in ('full', 'degraded', 'disabled')),
    is_available boolean not null,
    problem text not null,
    connect_ms double precision,
    latency_p50_ms double precision,
    latency_p95_ms double precision,
    connections_used integer,
    connections_max integer,
    size_bytes bigint,
    budget_bytes bigint,
    is_read_only boolean,
    version text,
    breaker_state text not null check (breaker_state in ('closed', 'open', 'half_open')),
    breaker_is_forced boolean not null,
    breaker_failures integer not null,
    breaker_opened_at timestamptz,
    breaker_reason text not null,
    missing_tables text[],
    replicated_tables text[],
    severity text not null check (severity in ('ok', 'look', 'warning', 'critical')),
    advice text[] not null,
    primary key (store, probed_at)
);
create index storage_health_by_age on holdfast.storage_health (probed_at);
comment on table holdfast.storage_health is 'How each store was: one row per store and probe, every 5 minutes. Kept 400 days';
comment on column holdfast.storage_health.probed_at is 'When the probe of both stores began';
comment on column holdfast.storage_health.store is 'primary or secondary';
comment on column holdfast.storage_health.mode is 'Of both together: full (both answer, no breaker is open), degraded (one does), disabled (none does, or there is no secondary)';
comment on column holdfast.storage_health.is_available is 'Whether it took a connection and answered';
comment on column holdfast.storage_health.problem is 'Why it is not available, empty where it is';
comment on column holdfast.storage_health.connect_ms is 'Milliseconds to connect and log in, null where it did not';
comment on column holdfast.storage_health.latency_p50_ms is 'Median of five round trips on that connection, in milliseconds';
comment on column holdfast.storage_health.latency_p95_ms is '95th percentile of them, interpolated';
comment on column holdfast.storage_health.connections_used is 'Connections that the server has, null where it did not say';
comment on column holdfast.storage_health.connections_max is 'Connections that it gives to users who are no administrators';
comment on column holdfast.storage_health.size_bytes is 'Size of the database';
comment on column holdfast.storage_health.budget_bytes is 'Size it may have as configured, null where nothing is';
comment on column holdfast.storage_health.is_read_only is 'Whether it takes no writes: a standby, or set so';
comment on column holdfast.storage_health.version is 'Version of PostgreSQL';
comment on column holdfast.storage_health.breaker_state is 'closed: used. open: left alone. half_open: one call is trying it';
comment on column holdfast.storage_health.breaker_is_forced is 'Whether an operator wants it so';
comment on column holdfast.storage_health.breaker_failures is 'Failures in a row';
comment on column holdfast.storage_health.breaker_opened_at is 'Since when it is open, null while it is closed';
comment on column holdfast.storage_health.breaker_reason is 'What the newest failure said, or the operator; empty where there was none';
comment on column holdfast.storage_health.missing_tables is 'Declared tables that it lacks, null where it did not say';
comment on column holdfast.storage_health.replicated_tables is 'Declared tables that are part of a publication or a subscription';
comment on column holdfast.storage_health.severity is 'The gravest of its recommendations: ok where there is none, look, warning or critical';
comment on column holdfast.storage_health.advice is 'Recommendations in words, the gravest first, those for both stores included';

create table holdfast.breakers (
    name text primary key,
    document jsonb not null,
    changed_at timestamptz not null default clock_timestamp()
);
comment on table holdfast.breakers is 'When stores are left alone, while Redis is away or off; what an operator forced is here always';
comment on column holdfast.breakers.name is 'The store: primary or secondary';
comment on column holdfast.breakers.document is 'State of its breaker, as holdfast.breaker reads it';
comment on column holdfast.breakers.changed_at is 'When it last changed';

grant select on holdfast.storage_health to holdfast_analyst;
