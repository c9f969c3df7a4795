-- Anomalies: judging slots, incidents, and what operators do about them. Tables: migrations/0006_anomalies.sql.
-- Instants are timestamptz in UTC. A column that ends _s is the same in whole seconds since the epoch. Slots are named
-- by their start, ranges are half-open. The server * is the fleet, the metric * all metrics of a server.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: lock
-- Let one judge or operator change incidents at a time. Held to the end of the transaction.
-- Returns: one row, of no interest.
select pg_advisory_xact_lock(hashtext('holdfast.incidents'));

-- name: due
-- Which slots are to be judged: from where judging stands (or the oldest slot) to the newest slot that is rolled.
-- Returns: from_at, until_at (end of the newest rolled slot), or no row before the first slot.
select
    coalesce(w.covers_until, (select min(slot_at) from holdfast.metrics_slots)) as from_at,
    s.covers_until as until_at
from holdfast.watermarks as s
left join holdfast.watermarks as w on w.name = 'metric_anomalies'
where s.name = 'metrics_slots'
    and exists (select 1 from holdfast.metrics_slots);

-- name: move_watermark
-- Remember how far slots are judged.
-- Returns: nothing.
insert into holdfast.watermarks (name, position, covers_until)
values ('metric_anomalies', extract(epoch from %(until_at)s::timestamptz)::bigint::text, %(until_at)s)
on conflict (name) do update
set
    position = excluded.position,
    covers_until = excluded.covers_until,
    moved_at = clock_timestamp();

-- name: last_seen
-- When every server that is expected to report did so last.
-- Returns: server_id, seconds since the epoch.
select
    s.server_id,
    extract(epoch from s.last_sampled_at)::bigint as last_seen_s
from holdfast.servers as s
where not exists (
    select 1 from holdfast.server_templates as t
    where t.server_id = s.server_id and t.retired_at is not null
);

-- name: mutes
-- Mutes that touch a range.
-- Returns: server_id, metric, from_s, until_s.
select
    server_id,
    metric,
    extract(epoch from muted_from)::bigint as from_s,
    extract(epoch from muted_until)::bigint as until_s
from holdfast.metric_mutes
where muted_from < %(until_at)s and muted_until > %(from_at)s;

-- name: standing
-- Incidents that are open at an instant, or closed so recently that they may open again.
-- Returns: incident_id, opened_s, last_s, closed_s, paged_s, page_count, severity, root_server_id, root_metric, dismissed_s.
select
    incident_id,
    extract(epoch from opened_at)::bigint as opened_s,
    extract(epoch from last_finding_at)::bigint as last_s,
    extract(epoch from closed_at)::bigint as closed_s,
    extract(epoch from paged_at)::bigint as paged_s,
    page_count,
    severity,
    root_server_id,
    root_metric,
    extract(epoch from dismissed_at)::bigint as dismissed_s
from holdfast.incidents
where merged_into is null
    and (
        closed_at is null
        or last_finding_at >= %(at)s::timestamptz - %(hold)s::interval
        or dismissed_at >= %(at)s::timestamptz - %(hold)s::interval
    )
order by incident_id;

-- name: members
-- The series of some incidents, in the order in which they were affected.
-- Returns: incident_id, then the fields of a member.
select
    incident_id,
    server_id,
    metric,
    extract(epoch from started_at)::bigint as started_s,
    extract(epoch from last_finding_at)::bigint as last_s,
    extract(epoch from ended_at)::bigint as ended_s,
    severity,
    score,
    rule,
    observed,
    expected_low,
    expected_high,
    sentence
from holdfast.metric_anomalies
where incident_id = any(%(incident_ids)s)
order by incident_id, started_at, server_id collate "C", metric collate "C";

-- name: next_id
-- The number of the next new incident.
-- Returns: incident_id.
select coalesce(max(incident_id), 0) + 1 from holdfast.incidents;

-- name: write_incident
-- Write what judging says of an incident - what operators said stays.
-- Returns: nothing.
insert into holdfast.incidents (
    incident_id,
    opened_at,
    last_finding_at,
    closed_at,
    severity,
    score,
    root_server_id,
    root_metric,
    sentence,
    server_ids,
    paged_at,
    page_count,
    merged_into
)
values (
    %(incident_id)s,
    to_timestamp(%(opened_s)s),
    to_timestamp(%(last_s)s),
    to_timestamp(%(closed_s)s),
    %(severity)s,
    %(score)s,
    %(root_server_id)s,
    %(root_metric)s,
    %(sentence)s,
    %(server_ids)s,
    to_timestamp(%(paged_s)s),
    %(page_count)s,
    %(merged_into)s
)
on conflict (incident_id) do update
set
    opened_at = excluded.opened_at,
    last_finding_at = excluded.last_finding_at,
    closed_at = excluded.closed_at,
    severity = excluded.severity,
    score = excluded.score,
    root_server_id = excluded.root_server_id,
    root_metric = excluded.root_metric,
    sentence = excluded.sentence,
    server_ids = excluded.server_ids,
    paged_at = excluded.paged_at,
    page_count = excluded.page_count,
    merged_into = excluded.merged_into;

-- name: write_member
-- Write one series of an incident. The baseline is that of the first finding.
-- Returns: nothing.
insert into holdfast.metric_anomalies (
    server_id,
    metric,
    started_at,
    ended_at,
    severity,
    score,
    expected_low,
    expected_high,
    observed,
    incident_id,
    rule,
    is_root,
    sentence,
    last_finding_at,
    baseline_version,
    baseline_origin
)
values (
    %(server_id)s,
    %(metric)s,
    to_timestamp(%(started_s)s),
    to_timestamp(%(ended_s)s),
    %(severity)s,
    %(score)s,
    %(expected_low)s,
    %(expected_high)s,
    %(observed)s,
    %(incident_id)s,
    %(rule)s,
    %(is_root)s,
    %(sentence)s,
    to_timestamp(%(last_s)s),
    %(baseline_version)s,
    %(baseline_origin)s
)
on conflict (incident_id, server_id, metric) do update
set
    started_at = excluded.started_at,
    ended_at = excluded.ended_at,
    severity = excluded.severity,
    score = excluded.score,
    expected_low = excluded.expected_low,
    expected_high = excluded.expected_high,
    observed = excluded.observed,
    rule = excluded.rule,
    is_root = excluded.is_root,
    sentence = excluded.sentence,
    last_finding_at = excluded.last_finding_at;

-- name: move_members
-- Take the series away from incidents that became part of another, which has them now.
-- Returns: nothing.
delete from holdfast.metric_anomalies
where incident_id = any(%(incident_ids)s);

-- name: record_slots
-- Remember which slots were judged, and what they held then.
-- Returns: nothing.
insert into holdfast.judged_slots (slot_at, server_count, series_count, finding_count, muted_count)
select
    j.slot_at,
    (select count(*) from holdfast.metrics_slots as s where s.slot_at = j.slot_at),
    %(series_count)s,
    j.finding_count,
    j.muted_count
from unnest(%(slots_at)s::timestamptz[], %(finding_counts)s::integer[], %(muted_counts)s::integer[])
    as j (slot_at, finding_count, muted_count)
on conflict (slot_at) do nothing;

-- name: count_late
-- Count the servers whose slot came after it was judged.
-- Returns: how many are new since the last count.
with found as (
    select
        j.slot_at,
        j.late_count as before,
        greatest((select count(*) from holdfast.metrics_slots as s where s.slot_at = j.slot_at) - j.server_count, 0) as late
    from holdfast.judged_slots as j
    where j.slot_at >= %(until_at)s::timestamptz - %(late)s::interval and j.slot_at < %(until_at)s
), changed as (
    update holdfast.judged_slots as j
    set late_count = f.late
    from found as f
    where j.slot_at = f.slot_at and f.late > f.before
    returning f.late - f.before as more
)
select coalesce(sum(more), 0)::integer from changed;

-- name: forget_slots
-- Drop the record of slots that nobody looks at any more.
-- Returns: nothing.
delete from holdfast.judged_slots
where slot_at < %(until_at)s::timestamptz - %(keep)s::interval;

-- name: standing_counts
-- How many incidents are open, and how many of those are critical and not acknowledged since they last called.
-- Returns: open, calling.
select
    count(*) as open,
    count(*) filter (
        where severity = 'critical' and (acknowledged_at is null or acknowledged_at < paged_at)
    ) as calling
from holdfast.incidents
where closed_at is null and merged_into is null;

-- name: incidents
-- Incidents that stand for themselves: the open ones, and with everything the closed ones too, newest first. One of them,
-- or with no number all.
-- Returns: the fields of a row of the list.
select
    incident_id,
    severity,
    score,
    opened_at,
    last_finding_at,
    closed_at,
    server_ids,
    root_server_id,
    root_metric,
    sentence,
    page_count,
    acknowledged_at,
    acknowledged_by,
    note,
    dismissed_by,
    acknowledged_at is not null and acknowledged_at >= paged_at as is_acknowledged
from holdfast.incidents
where merged_into is null
    and (closed_at is null or %(everything)s)
    and (%(incident_id)s::bigint is null or incident_id = %(incident_id)s)
order by closed_at is not null, severity, opened_at desc, incident_id desc
limit (%(most)s);

-- name: incident
-- One incident, whatever became of it.
-- Returns: incident_id, opened_at, closed_at, server_ids, sentence, merged_into, or no row.
select
    incident_id,
    opened_at,
    closed_at,
    server_ids,
    sentence,
    merged_into
from holdfast.incidents
where incident_id = %(incident_id)s;

-- name: series_of
-- The series of one incident, in the order in which they were affected.
-- Returns: the columns that an operator reads.
select
    server_id,
    metric,
    is_root,
    severity,
    score,
    rule,
    started_at,
    ended_at,
    observed,
    expected_low,
    expected_high,
    baseline_version,
    baseline_origin,
    sentence
from holdfast.metric_anomalies
where incident_id = %(incident_id)s
order by started_at, server_id, metric;

-- name: acknowledge
-- Take note of an incident.
-- Returns: nothing. rowcount = 1.
update holdfast.incidents
set
    acknowledged_at = %(now)s,
    acknowledged_by = %(by)s,
    note = coalesce(%(note)s, note)
where incident_id = %(incident_id)s;

-- name: dismiss
-- Close an open incident by hand, and its series with it.
-- Returns: nothing. rowcount = 1, or 0 where it was closed already.
with closed as (
    update holdfast.metric_anomalies
    set ended_at = last_finding_at + interval '5 minutes'
    where incident_id = %(incident_id)s and ended_at is null
)
update holdfast.incidents
set
    closed_at = %(now)s,
    dismissed_at = %(now)s,
    dismissed_by = %(by)s,
    note = coalesce(%(note)s, note)
where incident_id = %(incident_id)s and closed_at is null;

-- name: mute
-- Leave series alone for a while.
-- Returns: mute_id.
insert into holdfast.metric_mutes (server_id, metric, muted_from, muted_until, reason, muted_by)
values (%(server_id)s, %(metric)s, %(now)s, %(until_at)s, %(reason)s, %(by)s)
returning mute_id;

-- name: unmute
-- End every mute of exactly these series now.
-- Returns: nothing. rowcount = mutes that were in force.
update holdfast.metric_mutes
set muted_until = greatest(muted_from, %(now)s)
where server_id is not distinct from %(server_id)s::text
    and metric is not distinct from %(metric)s::text
    and muted_until > %(now)s;

-- name: mutes_in_force
-- What is muted now.
-- Returns: server_id, metric, muted_until, reason, muted_by.
select
    server_id,
    metric,
    muted_until,
    reason,
    muted_by
from holdfast.metric_mutes
where muted_from <= %(now)s and muted_until > %(now)s
order by server_id nulls first, metric nulls first, muted_until;

-- name: is_pinned
-- Whether a pin holds all of a server's range already.
-- Returns: one row: the answer.
select exists (
    select 1
    from holdfast.pinned_ranges
    where server_id is not distinct from %(server_id)s::text
        and pinned_from <= %(pinned_from)s
        and pinned_until >= %(pinned_until)s
);
