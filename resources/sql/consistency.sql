-- Consistency: what comparisons found, rounds of them, and what the next one starts from. Tables:
-- migrations/0008_consistency.sql. Instants are timestamptz in UTC. A is the primary, B the secondary. A report is
-- "compared" where it has a rate, and "exact" where its mode is not window.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: try_lock
-- Let one run compare a table at a time. Held to the end of the transaction, which may idle as long as comparing takes.
-- Returns: whether this one may, and a setting of no interest.
select
    pg_try_advisory_xact_lock(hashtextextended('holdfast.consistency.' || %(table_name)s::text, 0)),
    set_config('idle_in_transaction_session_timeout', '0', true);

-- name: open_round
-- When the newest round of this name began that is under way or was cut off, or that this very run has worked on.
-- Returns: round_at, or null where there is none that began since oldest_at.
select max(r.round_at)
from (
    select round_at from holdfast.consistency_progress where round = %(round)s
    union all
    select round_at from holdfast.consistency_reports where round = %(round)s and run_id = %(run_id)s
) as r
where r.round_at >= %(oldest_at)s::timestamptz;

-- name: begin_round
-- Remember the tables of a new round.
-- Returns: nothing.
insert into holdfast.consistency_progress as p (round, table_name, round_at, attempt_count, saved_at)
select
    %(round)s,
    t.table_name,
    %(round_at)s,
    0,
    clock_timestamp()
from unnest(%(table_names)s::text []) as t (table_name)
on conflict (round, table_name) do update
set
    attempt_count = excluded.attempt_count,
    checkpoint = null,
    round_at = excluded.round_at,
    saved_at = excluded.saved_at;

-- name: end_round
-- Forget the tables of a round that nobody needs to go on with: all but those that another run is comparing in it.
-- Returns: nothing.
delete from holdfast.consistency_progress
where round = %(round)s
    and round_at = %(round_at)s
    and (attempt_count = 0 or table_name <> all(%(busy)s::text []));

-- name: reports_of_round
-- What a round found so far: the newest report of each table.
-- Returns: the columns of holdfast.consistency_reports.
select distinct on (table_name) *
from holdfast.consistency_reports
where round = %(round)s and round_at = %(round_at)s
order by table_name, report_id desc;

-- name: begun
-- Tables of a round that have no report yet, and how often comparing them began.
-- Returns: table_name, attempt_count, checkpoint.
select
    table_name,
    attempt_count,
    checkpoint
from holdfast.consistency_progress
where round = %(round)s and round_at = %(round_at)s;

-- name: begin_table
-- Remember that comparing a table begins, once more where it began before in this round.
-- Returns: nothing.
insert into holdfast.consistency_progress as p (round, table_name, round_at, attempt_count, saved_at)
values (%(round)s, %(table_name)s, %(round_at)s, 1, clock_timestamp())
on conflict (round, table_name) do update
set
    attempt_count = case when p.round_at = excluded.round_at then p.attempt_count + 1 else 1 end,
    checkpoint = case when p.round_at = excluded.round_at then p.checkpoint end,
    round_at = excluded.round_at,
    saved_at = excluded.saved_at;

-- name: save_checkpoint
-- Remember from where the comparison of a table can go on.
-- Returns: nothing.
update holdfast.consistency_progress
set
    checkpoint = %(checkpoint)s::jsonb,
    saved_at = clock_timestamp()
where round = %(round)s and table_name = %(table_name)s;

-- name: end_table
-- Forget how far the comparison of a table was: it is stored.
-- Returns: nothing.
delete from holdfast.consistency_progress
where round = %(round)s and table_name = %(table_name)s;

-- name: insert_report
-- Store a report, once per run and table.
-- Returns: report_id, or no row where it is stored already.
insert into holdfast.consistency_reports (
    run_id,
    round,
    round_at,
    table_name,
    mode,
    status,
    reason,
    started_at,
    ended_at,
    rows_a,
    rows_b,
    only_in_a,
    only_in_b,
    mismatched,
    form_only,
    in_flux,
    by_column,
    rate,
    severity,
    is_complete,
    share,
    since,
    notes,
    seconds,
    bytes_received,
    finding_count,
    is_truncated
)
values (
    %(run_id)s,
    %(round)s,
    %(round_at)s,
    %(table_name)s,
    %(mode)s,
    %(status)s,
    %(reason)s,
    %(started_at)s,
    %(ended_at)s,
    %(rows_a)s,
    %(rows_b)s,
    %(only_in_a)s,
    %(only_in_b)s,
    %(mismatched)s,
    %(form_only)s,
    %(in_flux)s,
    %(by_column)s::jsonb,
    %(rate)s,
    %(severity)s,
    %(is_complete)s,
    %(share)s,
    %(since)s,
    %(notes)s,
    %(seconds)s,
    %(bytes_received)s,
    %(finding_count)s,
    %(is_truncated)s
)
on conflict (run_id, table_name) do nothing
returning report_id;

-- name: insert_findings
-- Store the rows of a report. One that was known stays known since then: as long as no exact report was without it.
-- Returns: nothing.
with exact as (
    select max(report_id) as report_id
    from holdfast.consistency_reports
    where table_name = %(table_name)s
        and report_id < %(report_id)s
        and mode <> 'window'
        and rate is not null
        and not is_truncated
)
insert into holdfast.consistency_findings (
    report_id,
    finding_no,
    table_name,
    kind,
    key,
    key_parts,
    columns,
    values_a,
    values_b,
    cause,
    first_seen_at
)
select
    %(report_id)s,
    n.finding_no,
    %(table_name)s,
    n.kind,
    n.key,
    n.key_parts,
    n.columns,
    n.values_a,
    n.values_b,
    n.cause,
    coalesce(
        (
            select f.first_seen_at
            from holdfast.consistency_findings as f
            where f.table_name = %(table_name)s
                and f.key = n.key
                and f.kind = n.kind
                and f.report_id < %(report_id)s
                and f.report_id >= coalesce(e.report_id, 0)
            order by f.report_id desc
            limit 1
        ),
        %(seen_at)s
    )
from exact as e
cross join jsonb_to_recordset(%(findings)s::jsonb) as n (
    finding_no integer,
    kind text,
    key text,
    key_parts text [],
    columns text [],
    values_a jsonb,
    values_b jsonb,
    cause text
);

-- name: prune_reports
-- Drop reports, with their findings, and leftovers of rounds that nobody goes on with.
-- Returns: nothing. Rowcount = reports that went.
with leftovers as (
    delete from holdfast.consistency_progress
    where saved_at < %(now)s::timestamptz - interval '7 days'
)
delete from holdfast.consistency_reports
where ended_at < %(now)s::timestamptz - %(keep)s::interval;

-- name: prune_findings
-- Drop findings of a table's old reports: of windows sooner than of exact ones, and the oldest of too many. Those of
-- the newest exact report and of the newest window stay.
-- Returns: nothing. Rowcount = findings that went.
with ranked as (
    select
        report_id,
        finding_count,
        ended_at >= %(now)s::timestamptz
        - case when mode = 'window' then %(keep_window)s::interval else %(keep_exact)s::interval end as is_young,
        row_number() over (partition by mode = 'window' order by report_id desc) as nth
    from holdfast.consistency_reports
    where table_name = %(table_name)s and finding_count > 0
), kept as (
    select
        report_id,
        nth,
        sum(finding_count) over (order by report_id desc) as total
    from ranked
    where is_young or nth = 1
)
delete from holdfast.consistency_findings
where table_name = %(table_name)s
    and report_id not in (select report_id from kept where nth = 1 or total <= %(most)s);

-- name: mark
-- What the next exact comparison of a table starts from.
-- Returns: mark, or no row.
select mark from holdfast.consistency_marks where table_name = %(table_name)s;

-- name: save_mark
-- Remember what the next exact comparison of a table starts from - an older one does not replace a newer one.
-- Returns: nothing. Rowcount = 1 where it was stored.
insert into holdfast.consistency_marks as m (table_name, mark, verified_at, run_id)
values (%(table_name)s, %(mark)s::jsonb, %(verified_at)s, %(run_id)s)
on conflict (table_name) do update
set
    mark = excluded.mark,
    verified_at = excluded.verified_at,
    run_id = excluded.run_id
where m.verified_at < excluded.verified_at;

-- name: newest_reports
-- The newest report of every table.
-- Returns: the columns of holdfast.consistency_reports.
select distinct on (table_name) *
from holdfast.consistency_reports
order by table_name, report_id desc;

-- name: standing_reports
-- What is known of every table: its newest exact report that was compared, and the newest window since.
-- Returns: the columns of holdfast.consistency_reports.
with newest as (
    select distinct on (table_name, mode = 'window') *
    from holdfast.consistency_reports
    where rate is not null
    order by table_name, mode = 'window', report_id desc
)
select n.*
from newest as n
where not exists (
    select 1 from newest as e
    where e.table_name = n.table_name and e.mode <> 'window' and e.report_id > n.report_id
)
order by n.table_name, n.report_id;

-- name: exact_checks
-- When every table was first tried, and last compared exactly and in full.
-- Returns: table_name, first_at, exact_at, full_at (null: never).
select
    table_name,
    min(started_at) as first_at,
    max(ended_at) filter (where mode <> 'window' and rate is not null and is_complete) as exact_at,
    max(ended_at) filter (where mode = 'full' and rate is not null and is_complete) as full_at
from holdfast.consistency_reports
group by table_name
order by table_name;

-- name: rates
-- Share of mismatches over time, of rounds that were asked for in these modes.
-- Returns: table_name, round_at, rate (null where it was not compared).
select
    table_name,
    round_at,
    rate
from holdfast.consistency_reports
where split_part(round, ' ', 1) = any(%(asked)s::text [])
    and ended_at >= %(since)s
order by round_at, report_id;

-- name: open_findings
-- Mismatches that are open, those known longest first.
-- Returns: the columns of holdfast.consistency_open.
select *
from holdfast.consistency_open
where %(table_name)s::text is null or table_name = %(table_name)s
order by first_seen_at, table_name, key
limit %(most)s;
