-- The fleet's day: what was wrong where, for people who look. Tables: migrations/0003_slots.sql, 0006_anomalies.sql.
-- Instants are timestamptz in UTC. Buckets are half-open, [start, start + width).
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: newest_slot
-- End of the newest slot that is rolled.
-- Returns: an instant, or no row before the first.
select covers_until
from holdfast.watermarks
where name = 'metrics_slots';

-- name: day
-- What every server that was seen in three days was like in each half hour of a range: silent (nothing was measured),
-- quiet, or the severity of an incident it was part of.
-- Returns: server_id, one state per half hour, incidents, the sentence of the worst of them or null.
with buckets as (
    select b.bucket_at
    from generate_series(%(from_at)s::timestamptz, %(until_at)s::timestamptz - interval '30 minutes', interval '30 minutes') as b (bucket_at)
),

anomalies as (
    select
        a.server_id,
        i.severity,
        a.started_at,
        coalesce(a.ended_at, %(until_at)s) as ended_at
    from holdfast.metric_anomalies as a
    inner join holdfast.incidents as i on a.incident_id = i.incident_id
    where a.started_at < %(until_at)s and coalesce(a.ended_at, %(until_at)s) > %(from_at)s
),

present as (
    select distinct
        c.server_no,
        date_bin('30 minutes', c.slot_at, %(from_at)s::timestamptz) as bucket_at
    from holdfast.metrics_slots as c
    where c.slot_at >= %(from_at)s and c.slot_at < %(until_at)s
),

states as (
    select
        s.server_id,
        b.bucket_at,
        case
            when 'critical' = any(a.severities) then 'critical'
            when 'warning' = any(a.severities) then 'warning'
            when p.server_no is null then 'silent'
            else 'quiet'
        end as state
    from holdfast.servers as s
    cross join buckets as b
    left join present as p on s.server_no = p.server_no and b.bucket_at = p.bucket_at
    cross join lateral (
        select array_agg(n.severity) as severities
        from anomalies as n
        where n.server_id in (s.server_id, '*')
            and n.started_at < b.bucket_at + interval '30 minutes'
            and n.ended_at > b.bucket_at
    ) as a
    where s.last_sampled_at >= %(until_at)s::timestamptz - interval '3 days'
)

select
    d.server_id,
    d.states,
    i.incidents,
    i.sentence
from (
    select
        server_id,
        array_agg(state order by bucket_at) as states
    from states
    group by server_id
) as d
cross join lateral (
    select
        count(*) as incidents,
        (array_agg(n.sentence order by n.severity, n.score desc))[1] as sentence
    from holdfast.incidents as n
    where n.merged_into is null
        and n.server_ids && array[d.server_id, '*']
        and n.opened_at < %(until_at)s
        and coalesce(n.closed_at, %(until_at)s) > %(from_at)s
) as i
order by d.server_id;

-- name: incident
-- What an incident began with, and when.
-- Returns: root_server_id, root_metric, opened_at, closed_at, server_no of the root or null, or no row.
select
    i.root_server_id,
    i.root_metric,
    i.opened_at,
    i.closed_at,
    s.server_no
from holdfast.incidents as i
left join holdfast.servers as s on i.root_server_id = s.server_id
where i.incident_id = %(incident_id)s;
