-- 0007 scenarios: failure scenarios that were played, and the virtual clock of the databases they are played in.
-- Forward only.

create table holdfast.drill_clock (
    is_drill boolean primary key default true check (is_drill),
    now_at timestamptz not null
);
comment on table holdfast.drill_clock is 'The virtual clock of a drill''s throwaway database: one row there, none in any other database';
comment on column holdfast.drill_clock.is_drill is 'Always true: there is one row at most';
comment on column holdfast.drill_clock.now_at is 'What time it is in the play';

create table holdfast.scenario_execution_log (
    execution_id bigint generated always as identity primary key,
    name text not null,
    seed bigint not null,
    parameters jsonb not null,
    fleet text not null check (fleet in ('declared', 'sample')),
    started_at timestamptz not null,
    ended_at timestamptz not null check (ended_at >= started_at),
    played_from timestamptz not null,
    played_until timestamptz not null check (played_until > played_from),
    affected_servers text[] not null,
    failures integer not null,
    detected integer not null check (detected between 0 and failures),
    false_pages integer not null,
    false_pages_a_server_day double precision not null,
    are_roots_right boolean,
    results jsonb not null,
    false_page_details jsonb not null
);
comment on table holdfast.scenario_execution_log is 'Failure scenarios that were played on simulated servers, in a database of their own, and what of them was found';
comment on column holdfast.scenario_execution_log.execution_id is 'Number of the execution';
comment on column holdfast.scenario_execution_log.name is 'The scenario';
comment on column holdfast.scenario_execution_log.seed is 'Seed of the simulation: the same scenario, seed and fleet give the same results';
comment on column holdfast.scenario_execution_log.parameters is 'The scenario as it was declared, and the servers it was played on';
comment on column holdfast.scenario_execution_log.fleet is 'declared: on the templates of the real servers; sample: on the sample fleet';
comment on column holdfast.scenario_execution_log.started_at is 'When the execution began';
comment on column holdfast.scenario_execution_log.ended_at is 'When it was over';
comment on column holdfast.scenario_execution_log.played_from is 'Virtual time at which learning was over and things could break';
comment on column holdfast.scenario_execution_log.played_until is 'Virtual time at which the play ended';
comment on column holdfast.scenario_execution_log.affected_servers is 'Simulated servers that showed a failure';
comment on column holdfast.scenario_execution_log.failures is 'Failures that were played';
comment on column holdfast.scenario_execution_log.detected is 'Failures for which an incident called for attention, from their start to 30 min after their end';
comment on column holdfast.scenario_execution_log.false_pages is 'Calls for attention that no failure explains';
comment on column holdfast.scenario_execution_log.false_pages_a_server_day is 'The same per server and day of the play';
comment on column holdfast.scenario_execution_log.are_roots_right is 'Whether the incident of every detected failure names its server as the root, null where none was';
comment on column holdfast.scenario_execution_log.results is 'One object per failure: kind, server, start, end, when it was detected or that it was missed, what was said';
comment on column holdfast.scenario_execution_log.false_page_details is 'One object per false page: at_s, root, servers, sentence';

create view holdfast.scenario_results as
select
    l.execution_id,
    l.name,
    l.seed,
    r.kind,
    r.server as server_id,
    r.metrics,
    to_timestamp(r.started_s) as started_at,
    to_timestamp(r.ended_s) as ended_at,
    to_timestamp(r.detected_s) as detected_at,
    r.delay_s,
    r.missed,
    r.is_root_right,
    r.sentence
from holdfast.scenario_execution_log as l
cross join lateral jsonb_to_recordset(l.results) as r (
    kind text,
    server text,
    metrics text[],
    started_s bigint,
    ended_s bigint,
    detected_s bigint,
    delay_s integer,
    missed boolean,
    is_root_right boolean,
    sentence text
);
comment on view holdfast.scenario_results is 'Every failure of every execution, one row each; its instants are virtual';
comment on column holdfast.scenario_results.execution_id is 'The execution, as in scenario_execution_log';
comment on column holdfast.scenario_results.name is 'The scenario';
comment on column holdfast.scenario_results.seed is 'Seed of the simulation';
comment on column holdfast.scenario_results.kind is 'spike, burst, shift, leak, drop, flat-line, noise or cascade';
comment on column holdfast.scenario_results.server_id is 'The simulated server it was on, of a cascade the one it began on';
comment on column holdfast.scenario_results.metrics is 'The metrics that showed it, empty for a cascade';
comment on column holdfast.scenario_results.started_at is 'Its start, in virtual time';
comment on column holdfast.scenario_results.ended_at is 'When nothing was left of it, in virtual time';
comment on column holdfast.scenario_results.detected_at is 'When an incident called for attention, in virtual time, null where it was missed';
comment on column holdfast.scenario_results.delay_s is 'Seconds from start to detection, null where it was missed';
comment on column holdfast.scenario_results.missed is 'Whether nothing called for attention';
comment on column holdfast.scenario_results.is_root_right is 'Whether that incident names its server as the root, null where it was missed';
comment on column holdfast.scenario_results.sentence is 'What that incident said, null where it was missed';

grant select on holdfast.scenario_execution_log, holdfast.scenario_results to holdfast_analyst;
