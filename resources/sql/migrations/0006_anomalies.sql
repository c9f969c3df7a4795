-- 0006 anomalies: incidents, the series that are part of them, what is muted, and which slots were judged. Forward only.

create table holdfast.incidents (
    incident_id bigint primary key,
    opened_at timestamptz not null,
    last_finding_at timestamptz not null,
    closed_at timestamptz,
    severity text not null check (severity in ('warning', 'critical')),
    score double precision not null,
    root_server_id text not null,
    root_metric text not null,
    sentence text not null,
    server_ids text[] not null,
    paged_at timestamptz not null,
    page_count integer not null check (page_count > 0),
    merged_into bigint references holdfast.incidents,
    acknowledged_at timestamptz,
    acknowledged_by text,
    note text,
    dismissed_at timestamptz,
    dismissed_by text,
    check (opened_at <= last_finding_at)
);
create index incidents_standing on holdfast.incidents (last_finding_at) where merged_into is null;
comment on table holdfast.incidents is 'What went wrong: one row per incident, open while closed_at is null';
comment on column holdfast.incidents.incident_id is 'Its number; of two that turn out to be one, the lower stays';
comment on column holdfast.incidents.opened_at is 'Start of the first slot of 5 minutes that was out of the ordinary';
comment on column holdfast.incidents.last_finding_at is 'Start of the last such slot';
comment on column holdfast.incidents.closed_at is 'When it ended, null while it is open; known half an hour later, or set by an operator';
comment on column holdfast.incidents.severity is 'warning or critical, the highest so far';
comment on column holdfast.incidents.score is '0 to 1, the highest so far';
comment on column holdfast.incidents.root_server_id is 'The server it likely began on: the most upstream one, then the earliest; * is the fleet';
comment on column holdfast.incidents.root_metric is 'The metric it began with on that server; * is all of them';
comment on column holdfast.incidents.sentence is 'What an operator reads: the root with its numbers, and what else is affected';
comment on column holdfast.incidents.server_ids is 'Affected servers, the root first, then in the order in which they were';
comment on column holdfast.incidents.paged_at is 'The slot in which it last called for attention: when it opened, and when it became worse';
comment on column holdfast.incidents.page_count is 'How often it called for attention';
comment on column holdfast.incidents.merged_into is 'The incident it turned out to be a part of, null where it stands for itself';
comment on column holdfast.incidents.acknowledged_at is 'When an operator took note, null until then; it calls again if it becomes worse after that';
comment on column holdfast.incidents.acknowledged_by is 'Who took note';
comment on column holdfast.incidents.note is 'What they wrote';
comment on column holdfast.incidents.dismissed_at is 'When an operator closed it by hand; it stays closed for 6 hours unless it becomes worse';
comment on column holdfast.incidents.dismissed_by is 'Who closed it';

create table holdfast.metric_anomalies (
    server_id text not null,
    metric text not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    severity text not null check (severity in ('warning', 'critical')),
    score double precision not null,
    expected_low double precision,
    expected_high double precision,
    observed double precision,
    incident_id bigint not null references holdfast.incidents,
    rule text not null,
    is_root boolean not null,
    sentence text not null,
    last_finding_at timestamptz not null,
    baseline_version integer,
    baseline_origin text,
    primary key (incident_id, server_id, metric)
);
create index metric_anomalies_of_series on holdfast.metric_anomalies (server_id, metric, started_at);
comment on table holdfast.metric_anomalies is 'One row per series and incident; numbers are those of the slot with the highest score';
comment on column holdfast.metric_anomalies.server_id is 'The server; * is the fleet';
comment on column holdfast.metric_anomalies.metric is 'The metric; * is all of a server: it was silent';
comment on column holdfast.metric_anomalies.started_at is 'Start of its first slot of 5 minutes that was out of the ordinary';
comment on column holdfast.metric_anomalies.ended_at is 'End of its last such slot, null while it goes on; known half an hour later';
comment on column holdfast.metric_anomalies.severity is 'warning or critical, the highest so far';
comment on column holdfast.metric_anomalies.score is '0 to 1, the highest so far; from 0.5 on it calls for attention alone, below it did so in company';
comment on column holdfast.metric_anomalies.expected_low is 'Lower end of the band expected in that slot, in the metric''s unit, null where nothing was learned';
comment on column holdfast.metric_anomalies.expected_high is 'Upper end of that band';
comment on column holdfast.metric_anomalies.observed is 'The value of that slot, in the metric''s unit, null where the anomaly is that there is none';
comment on column holdfast.metric_anomalies.incident_id is 'The incident it is part of';
comment on column holdfast.metric_anomalies.rule is 'What found it: statistics, stale, flat_line, hard_zero, saturation, disk_full or leak';
comment on column holdfast.metric_anomalies.is_root is 'Whether the incident likely began here';
comment on column holdfast.metric_anomalies.sentence is 'What it says, with its numbers';
comment on column holdfast.metric_anomalies.last_finding_at is 'Start of its last slot that was out of the ordinary';
comment on column holdfast.metric_anomalies.baseline_version is 'Version of the baseline it was judged by, null where there was none';
comment on column holdfast.metric_anomalies.baseline_origin is 'Where that baseline came from: the series itself, or its kind while it learns; null where there was none';

create table holdfast.metric_mutes (
    mute_id bigint generated always as identity primary key,
    server_id text,
    metric text,
    muted_from timestamptz not null,
    muted_until timestamptz not null,
    reason text not null,
    muted_by text not null,
    check (muted_from <= muted_until)
);
comment on table holdfast.metric_mutes is 'Series that make no incident for a while, because somebody said so';
comment on column holdfast.metric_mutes.mute_id is 'Number of the mute';
comment on column holdfast.metric_mutes.server_id is 'The server, null for all';
comment on column holdfast.metric_mutes.metric is 'The metric, null for all';
comment on column holdfast.metric_mutes.muted_from is 'First muted instant';
comment on column holdfast.metric_mutes.muted_until is 'End of the mute, not included';
comment on column holdfast.metric_mutes.reason is 'Why';
comment on column holdfast.metric_mutes.muted_by is 'Who said so';

create table holdfast.judged_slots (
    slot_at timestamptz primary key,
    server_count integer not null,
    series_count integer not null,
    finding_count integer not null,
    muted_count integer not null,
    late_count integer not null default 0
);
comment on table holdfast.judged_slots is 'Slots of the newest three days that were judged, and what came too late for it';
comment on column holdfast.judged_slots.slot_at is 'Start of the 5 minutes';
comment on column holdfast.judged_slots.server_count is 'Servers that had a slot when it was judged';
comment on column holdfast.judged_slots.series_count is 'Series that were judged with it, those without a value included';
comment on column holdfast.judged_slots.finding_count is 'Findings that called for attention';
comment on column holdfast.judged_slots.muted_count is 'Findings that would have, had they not been muted';
comment on column holdfast.judged_slots.late_count is 'Servers whose slot came after it was judged; those were not judged, only learned from';

grant select on
    holdfast.incidents,
    holdfast.metric_anomalies,
    holdfast.metric_mutes,
    holdfast.judged_slots
to holdfast_analyst;
