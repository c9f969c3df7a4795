-- 0005 baselines: what was learned of every series, and what judging reads of it. Forward only.

-- Names, not numbers: a baseline from the vault is at home in a new database before its server is sampled there.
create table holdfast.baseline_memories (
    server_id text not null,
    metric text not null,
    version integer not null check (version >= 0),
    learned_from timestamptz,
    learned_until timestamptz,
    per_unit integer not null,
    units_per_quantum integer not null,
    inherited_from text,
    state bytea not null,
    written_at timestamptz not null default clock_timestamp(),
    primary key (server_id, metric)
);
-- It is compressed already.
alter table holdfast.baseline_memories alter column state set storage external;
comment on table holdfast.baseline_memories is 'What learning remembers of each series: 28 days, replaced in place; read baseline_templates instead';
comment on column holdfast.baseline_memories.server_id is 'The server';
comment on column holdfast.baseline_memories.metric is 'The metric, as in metric_catalog';
comment on column holdfast.baseline_memories.version is 'Blocks folded so far, and one more for each time it was set aside; only ever rises';
comment on column holdfast.baseline_memories.learned_from is 'First sample ever learned, null before it';
comment on column holdfast.baseline_memories.learned_until is 'End of the newest block that was learned, null before the first';
comment on column holdfast.baseline_memories.per_unit is 'Resolution it was learned with, as in metric_catalog';
comment on column holdfast.baseline_memories.units_per_quantum is 'Resolution it was learned with, as in metric_catalog';
comment on column holdfast.baseline_memories.inherited_from is 'The server''s former id, whose memory this was; null where it is its own';
comment on column holdfast.baseline_memories.state is 'The memory, deflated, with a checksum';
comment on column holdfast.baseline_memories.written_at is 'When it was written';

create table holdfast.baseline_versions (
    server_id text not null,
    metric text not null,
    version integer not null,
    status text not null,
    is_learning boolean not null,
    origin text not null,
    learned_from timestamptz,
    learned_until timestamptz,
    coverage double precision not null,
    slot_s integer not null,
    centre double precision [] not null,
    spread double precision [] not null,
    slot_coverage real [] not null,
    baseline bytea not null,
    set_aside bytea,
    made_at timestamptz not null default clock_timestamp(),
    primary key (server_id, metric, version)
);
alter table holdfast.baseline_versions alter column set_aside set storage external;
comment on table holdfast.baseline_versions is 'The newest eight baselines of each series, and the newest two that were set aside';
comment on column holdfast.baseline_versions.server_id is 'The server';
comment on column holdfast.baseline_versions.metric is 'The metric, as in metric_catalog';
comment on column holdfast.baseline_versions.version is 'Version of the memory it sums up';
comment on column holdfast.baseline_versions.status is 'learned, or how far learning is, or why it was set aside';
comment on column holdfast.baseline_versions.is_learning is 'Whether too little was learned to judge by';
comment on column holdfast.baseline_versions.origin is 'own, or the kind it borrows from while it is learning';
comment on column holdfast.baseline_versions.learned_from is 'Start of what it sums up, null where nothing was learned';
comment on column holdfast.baseline_versions.learned_until is 'End of what it sums up, null where nothing was learned';
comment on column holdfast.baseline_versions.coverage is 'Share of the learned window that has samples, 0 to 1';
comment on column holdfast.baseline_versions.slot_s is 'Seconds of a slot of the day';
comment on column holdfast.baseline_versions.centre is 'Usual value per slot of the UTC day, in the metric''s unit, null where unknown';
comment on column holdfast.baseline_versions.spread is 'Usual distance from the centre per slot, in the metric''s unit, null where unknown';
comment on column holdfast.baseline_versions.slot_coverage is 'Share of the learned days that have samples, per slot, 0 to 1';
comment on column holdfast.baseline_versions.baseline is 'The baseline that judging reads, deflated, with a checksum';
comment on column holdfast.baseline_versions.set_aside is 'The memory as it was when it was set aside, null where it was not';
comment on column holdfast.baseline_versions.made_at is 'When it was made';

create table holdfast.baseline_progress (
    server_id text primary key,
    folded_until timestamptz not null
);
comment on table holdfast.baseline_progress is 'How far each server''s history is learned; moves in the transaction of its memories';
comment on column holdfast.baseline_progress.server_id is 'The server';
comment on column holdfast.baseline_progress.folded_until is 'End of the last block of its history that was looked at';

create view holdfast.baseline_templates as
select
    v.server_id,
    v.metric,
    v.version,
    v.status,
    v.origin,
    v.learned_from,
    v.learned_until,
    v.coverage,
    v.slot_s,
    v.centre,
    v.spread,
    v.slot_coverage,
    m.inherited_from,
    v.made_at
from holdfast.baseline_memories as m
inner join holdfast.baseline_versions as v
    on m.server_id = v.server_id and m.metric = v.metric and m.version = v.version;
comment on view holdfast.baseline_templates is 'What is usual for each server and metric: the newest version';
comment on column holdfast.baseline_templates.server_id is 'The server';
comment on column holdfast.baseline_templates.metric is 'The metric, as in metric_catalog';
comment on column holdfast.baseline_templates.version is 'Only ever rises; baseline_versions has the ones before';
comment on column holdfast.baseline_templates.status is 'learned, or how far learning is: learning, 14 h of 24 h';
comment on column holdfast.baseline_templates.origin is 'Whose band judges: own, or the kind it borrows from while it is learning';
comment on column holdfast.baseline_templates.learned_from is 'Start of the learned window, null where nothing was learned';
comment on column holdfast.baseline_templates.learned_until is 'End of the learned window, null where nothing was learned';
comment on column holdfast.baseline_templates.coverage is 'Share of the learned window that has samples, 0 to 1';
comment on column holdfast.baseline_templates.slot_s is 'Seconds of a slot of the day';
comment on column holdfast.baseline_templates.centre is 'Usual value per slot of the UTC day, in the metric''s unit, null where unknown';
comment on column holdfast.baseline_templates.spread is 'Usual distance from the centre per slot, in the metric''s unit, null where unknown';
comment on column holdfast.baseline_templates.slot_coverage is 'Share of the learned days that have samples, per slot, 0 to 1';
comment on column holdfast.baseline_templates.inherited_from is 'The server''s former id, whose memory this was; null where it is its own';
comment on column holdfast.baseline_templates.made_at is 'When this version was made';

grant select on
    holdfast.baseline_versions,
    holdfast.baseline_templates
to holdfast_analyst;
