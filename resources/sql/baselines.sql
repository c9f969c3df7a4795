-- Baselines: memories, their versions, and how far they are learned. Tables: migrations/0005_baselines.sql.
-- Instants are timestamptz in UTC. Blocks are half-open, [start, start + width).
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: lock
-- Let one writer of memories work at a time. Held to the end of the transaction.
-- Returns: one row, of no interest.
select pg_advisory_xact_lock(hashtext('holdfast.baselines'));

-- name: units
-- The resolution of every metric.
-- Returns: metric, per_unit, units_per_quantum.
select
    metric,
    per_unit,
    units_per_quantum
from holdfast.metric_catalog;

-- name: judged_until
-- How far slots are judged.
-- Returns: an instant, or no row before the first.
select covers_until
from holdfast.watermarks
where name = 'metric_anomalies';

-- name: due_servers
-- Servers whose history is learned to before an instant, those that are furthest behind first.
-- Returns: server_no, server_id, folded_until (null before the first time), first_sampled_at.
select
    s.server_no,
    s.server_id,
    p.folded_until,
    s.first_sampled_at
from holdfast.servers as s
left join holdfast.baseline_progress as p on s.server_id = p.server_id
where (p.folded_until is null or p.folded_until < %(until_at)s) and s.first_sampled_at < %(until_at)s
order by coalesce(p.folded_until, s.first_sampled_at), s.server_no
limit %(server_limit)s;

-- name: settle_silent
-- Servers that said nothing since they were last looked at need not be looked at again.
-- Returns: nothing. rowcount = servers.
update holdfast.baseline_progress as p
set folded_until = %(until_at)s
from holdfast.servers as s
where p.server_id = s.server_id and s.last_sampled_at < p.folded_until and p.folded_until < %(until_at)s;

-- name: move_progress
-- Remember how far servers are learned. It never goes backwards.
-- Returns: nothing.
insert into holdfast.baseline_progress (server_id, folded_until)
select server_id, %(until_at)s
from unnest(%(server_ids)s::text[]) as s (server_id)
on conflict (server_id) do update
set folded_until = greatest(baseline_progress.folded_until, excluded.folded_until);

-- name: rewind_progress
-- Look at a history again from an instant on. What a memory has learned already it does not learn twice.
-- Returns: nothing.
update holdfast.baseline_progress
set folded_until = least(folded_until, %(at)s)
where server_id = %(server_id)s;

-- name: memories
-- Memories of some servers, or of all.
-- Returns: server_id, metric, version, per_unit, units_per_quantum, inherited_from, state.
select
    server_id,
    metric,
    version,
    per_unit,
    units_per_quantum,
    inherited_from,
    state
from holdfast.baseline_memories
where %(server_ids)s::text[] is null or server_id = any(%(server_ids)s)
order by server_id, metric;

-- name: save_memory
-- Write a memory in the place of the one before.
-- Returns: nothing.
insert into holdfast.baseline_memories (
    server_id,
    metric,
    version,
    learned_from,
    learned_until,
    per_unit,
    units_per_quantum,
    inherited_from,
    state
)
values (
    %(server_id)s,
    %(metric)s,
    %(version)s,
    %(learned_from)s,
    %(learned_until)s,
    %(per_unit)s,
    %(units_per_quantum)s,
    %(inherited_from)s,
    %(state)s
)
on conflict (server_id, metric) do update
set
    version = excluded.version,
    learned_from = excluded.learned_from,
    learned_until = excluded.learned_until,
    per_unit = excluded.per_unit,
    units_per_quantum = excluded.units_per_quantum,
    inherited_from = excluded.inherited_from,
    state = excluded.state,
    written_at = clock_timestamp();

-- name: save_version
-- Write the baseline that sums up a memory.
-- Returns: nothing.
insert into holdfast.baseline_versions (
    server_id,
    metric,
    version,
    status,
    is_learning,
    origin,
    learned_from,
    learned_until,
    coverage,
    slot_s,
    centre,
    spread,
    slot_coverage,
    baseline
)
values (
    %(server_id)s,
    %(metric)s,
    %(version)s,
    %(status)s,
    %(is_learning)s,
    %(origin)s,
    %(window_from)s,
    %(learned_until)s,
    %(coverage)s,
    %(slot_s)s,
    %(centre)s,
    %(spread)s,
    %(slot_coverage)s,
    %(baseline)s
)
on conflict (server_id, metric, version) do update
set
    status = excluded.status,
    is_learning = excluded.is_learning,
    origin = excluded.origin,
    learned_from = excluded.learned_from,
    learned_until = excluded.learned_until,
    coverage = excluded.coverage,
    slot_s = excluded.slot_s,
    centre = excluded.centre,
    spread = excluded.spread,
    slot_coverage = excluded.slot_coverage,
    baseline = excluded.baseline,
    made_at = clock_timestamp();

-- name: set_aside
-- Keep a memory with its newest version before another takes its place.
-- Returns: nothing.
update holdfast.baseline_versions as v
set
    status = %(status)s,
    set_aside = m.state
from holdfast.baseline_memories as m
where v.server_id = %(server_id)s
    and v.metric = %(metric)s
    and m.server_id = v.server_id
    and m.metric = v.metric
    and m.version = v.version;

-- name: prune_versions
-- Drop versions that nobody looks up any more: all but the newest eight, and the newest two that were set aside.
-- Returns: nothing. rowcount = versions.
delete from holdfast.baseline_versions as v
using (
    select
        server_id,
        metric,
        version,
        set_aside is not null as is_set_aside,
        row_number() over (
            partition by server_id, metric, set_aside is not null
            order by version desc
        ) as place
    from holdfast.baseline_versions
    where server_id = any(%(server_ids)s)
) as r
where v.server_id = r.server_id
    and v.metric = r.metric
    and v.version = r.version
    and r.place > case when r.is_set_aside then 2 else 8 end;

-- name: newest_baselines
-- The newest baseline of every series.
-- Returns: server_id, metric, version, origin, baseline.
select
    m.server_id,
    m.metric,
    m.version,
    v.origin,
    v.baseline
from holdfast.baseline_memories as m
inner join holdfast.baseline_versions as v
    on m.server_id = v.server_id and m.metric = v.metric and m.version = v.version
order by m.server_id, m.metric;

-- name: set_origin
-- Remember whose band judges a series.
-- Returns: nothing.
update holdfast.baseline_versions
set origin = %(origin)s
where server_id = %(server_id)s and metric = %(metric)s and version = %(version)s;

-- name: unlearned_series
-- Series that reported since an instant and have no memory yet.
-- Returns: server_id, metric.
select distinct
    s.server_id,
    c.metric
from holdfast.metrics_slots_long as c
inner join holdfast.servers as s on c.server_no = s.server_no
where c.slot_at >= %(since)s
    and not exists (
        select 1 from holdfast.baseline_memories as m
        where m.server_id = s.server_id and m.metric = c.metric
    )
order by s.server_id, c.metric;

-- name: renames
-- Every rename that was ever declared, the newest of a server last.
-- Returns: server_id, renamed_from.
select
    server_id,
    renamed_from
from holdfast.server_template_versions
where renamed_from is not null
order by server_id, version;

-- name: templates
-- How every series stands, for people.
-- Returns: server_id, metric, version, status, origin, learned_from, learned_until, coverage.
select
    server_id,
    metric,
    version,
    status,
    origin,
    learned_from,
    learned_until,
    coverage
from holdfast.baseline_templates
order by status = 'learned', server_id, metric;

-- name: fleet
-- Every server that is not retired, and when it first got a template.
-- Returns: server_id, kind, origin, since, last_sampled_at (null where it was never seen).
select
    t.server_id,
    t.kind,
    t.origin,
    (
        select min(v.valid_from) from holdfast.server_template_versions as v
        where v.server_id = t.server_id
    ) as since,
    s.last_sampled_at
from holdfast.server_templates as t
left join holdfast.servers as s on t.server_id = s.server_id
where t.retired_at is null
order by t.server_id;

-- name: reporting_series
-- Series that reported since an instant, and how far they are learned.
-- Returns: server_id, metric, status (null where nothing is), is_learning, since (when it began to be learned).
select
    r.server_id,
    r.metric,
    b.status,
    coalesce(b.is_learning, true) as is_learning,
    coalesce(m.learned_from, m.written_at, r.first_sampled_at) as since
from (
    select distinct
        s.server_id,
        s.first_sampled_at,
        c.metric
    from holdfast.metrics_slots_long as c
    inner join holdfast.servers as s on c.server_no = s.server_no
    where c.slot_at >= %(since)s
) as r
left join holdfast.baseline_memories as m on r.server_id = m.server_id and r.metric = m.metric
left join holdfast.baseline_versions as b
    on m.server_id = b.server_id and m.metric = b.metric and m.version = b.version
order by r.server_id, r.metric;

-- name: memory_bytes
-- What the memories and versions take in the database.
-- Returns: bytes.
select pg_total_relation_size('holdfast.baseline_memories') + pg_total_relation_size('holdfast.baseline_versions');
