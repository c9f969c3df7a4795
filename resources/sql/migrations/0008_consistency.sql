-- 0008 consistency: what comparing the two stores found, and what the next comparison starts from. Forward only.

create table holdfast.consistency_reports (
    report_id bigint generated always as identity primary key,
    run_id text not null,
    round text not null,
    round_at timestamptz not null,
    table_name text not null,
    mode text not null check (mode in ('full', 'window', 'incremental')),
    status text not null check (
        status in ('ok', 'differs', 'missing_in_a', 'missing_in_b', 'schema', 'rls', 'not_comparable', 'incomplete', 'error')
    ),
    reason text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    rows_a bigint,
    rows_b bigint,
    only_in_a bigint not null,
    only_in_b bigint not null,
    mismatched bigint not null,
    form_only bigint not null,
    in_flux bigint not null,
    by_column jsonb not null,
    rate double precision check (rate between 0 and 1),
    severity text not null check (severity in ('ok', 'warning', 'critical')),
    is_complete boolean not null,
    share double precision not null check (share between 0 and 1),
    since timestamptz,
    notes text[] not null,
    seconds double precision not null,
    bytes_received bigint not null,
    finding_count integer not null,
    is_truncated boolean not null,
    unique (run_id, table_name),
    check (started_at <= ended_at),
    check ((rate is null) = (status not in ('ok', 'differs')))
);
create index consistency_reports_of_table on holdfast.consistency_reports (table_name, report_id);
create index consistency_reports_by_age on holdfast.consistency_reports (ended_at);
create index consistency_reports_of_round on holdfast.consistency_reports (round, round_at);
comment on table holdfast.consistency_reports is 'What comparing one table in both stores came to: one row per table and run. A is the primary, B the secondary. Kept 400 days';
comment on column holdfast.consistency_reports.report_id is 'Its number: a later report has a higher one';
comment on column holdfast.consistency_reports.run_id is 'The Dagster run that compared';
comment on column holdfast.consistency_reports.round is 'What it is part of: the mode that was asked for, its hours, its tables where they were named';
comment on column holdfast.consistency_reports.round_at is 'When that round began; one that is cut off goes on with the tables that are left';
comment on column holdfast.consistency_reports.table_name is 'The table, with its schema where that is not public';
comment on column holdfast.consistency_reports.mode is 'full, window (rows written since an instant) or incremental (exact, at the cost of the change), as it was done';
comment on column holdfast.consistency_reports.status is 'ok or differs where it was compared, else what was in the way; incomplete: it broke off';
comment on column holdfast.consistency_reports.reason is 'One sentence: why it was not compared, or what was left out; empty where there is nothing to say';
comment on column holdfast.consistency_reports.started_at is 'When comparing this table began';
comment on column holdfast.consistency_reports.ended_at is 'When it ended';
comment on column holdfast.consistency_reports.rows_a is 'Rows of the primary that were compared, null where they were not counted';
comment on column holdfast.consistency_reports.rows_b is 'Rows of the secondary that were compared, null where they were not counted';
comment on column holdfast.consistency_reports.only_in_a is 'Rows that the secondary lacks, exact';
comment on column holdfast.consistency_reports.only_in_b is 'Rows that the primary lacks, exact';
comment on column holdfast.consistency_reports.mismatched is 'Rows of both that differ in meaning, exact';
comment on column holdfast.consistency_reports.form_only is 'Rows of both that mean the same in another form, as 1.0 and 1.00 do; no mismatch';
comment on column holdfast.consistency_reports.in_flux is 'Rows that were still being written after every recheck; no mismatch';
comment on column holdfast.consistency_reports.by_column is 'Number of mismatched rows by column';
comment on column holdfast.consistency_reports.rate is '(only_in_a + only_in_b + mismatched) of the rows that either store has, 0 to 1; null where it was not compared';
comment on column holdfast.consistency_reports.severity is 'ok, warning (a rate from 0.01, or not compared) or critical (a rate above 0.05, or a store lacks the table)';
comment on column holdfast.consistency_reports.is_complete is 'Whether all was compared that was meant to be';
comment on column holdfast.consistency_reports.share is 'Share of the rows that was compared, 0 to 1';
comment on column holdfast.consistency_reports.since is 'Rows written since then were compared, null for all';
comment on column holdfast.consistency_reports.notes is 'Sentences: columns left out, types that differ, why all was compared';
comment on column holdfast.consistency_reports.seconds is 'Wall time of the comparison';
comment on column holdfast.consistency_reports.bytes_received is 'Bytes that the two stores sent';
comment on column holdfast.consistency_reports.finding_count is 'Rows of it that were stored in consistency_findings; old ones go, this number stays';
comment on column holdfast.consistency_reports.is_truncated is 'Whether there were more rows than were stored; the counts are exact all the same';

create table holdfast.consistency_findings (
    report_id bigint not null references holdfast.consistency_reports on delete cascade,
    finding_no integer not null,
    table_name text not null,
    kind text not null check (kind in ('only_in_a', 'only_in_b', 'mismatched', 'form_only', 'in_flux')),
    key text not null,
    key_parts text[] not null,
    columns text[] not null,
    values_a jsonb,
    values_b jsonb,
    cause text,
    first_seen_at timestamptz not null,
    primary key (report_id, finding_no)
);
create index consistency_findings_of_key on holdfast.consistency_findings (table_name, key, report_id);
comment on table holdfast.consistency_findings is 'Rows that are not the same in both stores: one row per report and difference, at most 1000 of a report';
comment on column holdfast.consistency_findings.report_id is 'The report it is part of';
comment on column holdfast.consistency_findings.finding_no is 'Counts up from 1 in the order of the keys';
comment on column holdfast.consistency_findings.table_name is 'The table, as in consistency_reports';
comment on column holdfast.consistency_findings.kind is 'only_in_a, only_in_b, mismatched; form_only and in_flux are no mismatches';
comment on column holdfast.consistency_findings.key is 'The row: its key as text, of several columns a JSON list of texts';
comment on column holdfast.consistency_findings.key_parts is 'The same, one text per key column';
comment on column holdfast.consistency_findings.columns is 'Columns that differ, where both stores have the row';
comment on column holdfast.consistency_findings.values_a is 'What the primary has there: text by column, cut at 200 characters; null where it was not sampled';
comment on column holdfast.consistency_findings.values_b is 'What the secondary has there, likewise';
comment on column holdfast.consistency_findings.cause is 'never_arrived in the store that lacks it, or deleted there, where an earlier exact comparison proves it';
comment on column holdfast.consistency_findings.first_seen_at is 'When a report first had this row and kind, and no exact report since was without it';

create view holdfast.consistency_open as
with newest as (
    select distinct on (table_name, mode = 'window')
        report_id,
        table_name,
        mode,
        ended_at
    from holdfast.consistency_reports
    where rate is not null
    order by table_name, mode = 'window', report_id desc
), standing as (
    select n.*
    from newest as n
    where not exists (
        select 1 from newest as e
        where e.table_name = n.table_name and e.mode <> 'window' and e.report_id > n.report_id
    )
)
select distinct on (f.table_name, f.key)
    f.table_name,
    f.key,
    f.kind,
    f.columns,
    f.values_a,
    f.values_b,
    f.cause,
    f.first_seen_at,
    s.ended_at as seen_at,
    s.mode,
    f.report_id
from standing as s
inner join holdfast.consistency_findings as f on f.report_id = s.report_id
where f.kind in ('only_in_a', 'only_in_b', 'mismatched')
order by f.table_name, f.key, f.report_id desc;
comment on view holdfast.consistency_open is 'Mismatches that are open: those of the newest exact report of each table, and of the newest window since';
comment on column holdfast.consistency_open.table_name is 'The table, as in consistency_reports';
comment on column holdfast.consistency_open.key is 'The row: its key as text, of several columns a JSON list of texts';
comment on column holdfast.consistency_open.kind is 'only_in_a (the secondary lacks it), only_in_b (the primary lacks it) or mismatched';
comment on column holdfast.consistency_open.columns is 'Columns that differ, where both stores have the row';
comment on column holdfast.consistency_open.values_a is 'What the primary has there, where it was sampled';
comment on column holdfast.consistency_open.values_b is 'What the secondary has there, where it was sampled';
comment on column holdfast.consistency_open.cause is 'never_arrived in the store that lacks it, or deleted there, where that is proven';
comment on column holdfast.consistency_open.first_seen_at is 'Since when it is known';
comment on column holdfast.consistency_open.seen_at is 'When it was seen last';
comment on column holdfast.consistency_open.mode is 'How that was compared';
comment on column holdfast.consistency_open.report_id is 'The report it stands in';

create table holdfast.consistency_marks (
    table_name text primary key,
    mark jsonb not null,
    verified_at timestamptz not null,
    run_id text not null
);
comment on table holdfast.consistency_marks is 'What the next exact comparison of a table by increments starts from';
comment on column holdfast.consistency_marks.table_name is 'The table, as in consistency_reports';
comment on column holdfast.consistency_marks.mark is 'Which transactions of each store were seen, what was compared, and the rows that were open then';
comment on column holdfast.consistency_marks.verified_at is 'When it was compared';
comment on column holdfast.consistency_marks.run_id is 'The Dagster run that compared';

create table holdfast.consistency_progress (
    round text not null,
    table_name text not null,
    round_at timestamptz not null,
    attempt_count integer not null check (attempt_count >= 0),
    checkpoint jsonb,
    saved_at timestamptz not null,
    primary key (round, table_name)
);
comment on table holdfast.consistency_progress is 'Tables of rounds under way that have no report yet: what stays here belongs to a round that was cut off';
comment on column holdfast.consistency_progress.round is 'The round, as in consistency_reports';
comment on column holdfast.consistency_progress.table_name is 'The table, as in consistency_reports';
comment on column holdfast.consistency_progress.round_at is 'When that round began';
comment on column holdfast.consistency_progress.attempt_count is 'How often comparing it began in this round';
comment on column holdfast.consistency_progress.checkpoint is 'From where it can go on, null: from its beginning';
comment on column holdfast.consistency_progress.saved_at is 'When this was written';

grant select on
    holdfast.consistency_reports,
    holdfast.consistency_findings,
    holdfast.consistency_open
to holdfast_analyst;
