-- 0009 repairs: plans that were shown, and every row that a repair wrote, as it was and as it became. Forward only.

create table holdfast.repair_plans (
    plan_sha256 text primary key,
    planned_at timestamptz not null,
    run_id text not null,
    table_names text[] not null,
    action_count integer not null,
    open_count integer not null,
    document jsonb not null
);
create index repair_plans_planned on holdfast.repair_plans (planned_at);
comment on table holdfast.repair_plans is 'Repair plans that were shown: confirmed by their sha256, they are applied as they are. The newest 200';
comment on column holdfast.repair_plans.plan_sha256 is 'Of all the plan says: what an operator confirms';
comment on column holdfast.repair_plans.planned_at is 'When it was made';
comment on column holdfast.repair_plans.run_id is 'The Dagster run that made it';
comment on column holdfast.repair_plans.table_names is 'Tables it looks at';
comment on column holdfast.repair_plans.action_count is 'Rows it would write';
comment on column holdfast.repair_plans.open_count is 'Rows that differ and that it leaves as they are';
comment on column holdfast.repair_plans.document is 'The plan: per table and row the action, the store it goes into, the hashes it expects, and the reason';

create table holdfast.repair_log (
    log_id bigint generated always as identity primary key,
    repair_id text not null,
    table_name text not null,
    store text not null check (store in ('a', 'b')),
    action text not null check (action in ('insert', 'update', 'delete')),
    key text not null,
    key_parts text[] not null,
    key_columns text[] not null,
    before jsonb,
    after jsonb,
    hash_before bigint,
    hash_after bigint,
    seed bigint,
    reason text not null,
    batch_no integer not null,
    transaction_id text not null,
    state text not null check (state in ('prepared', 'applied', 'abandoned')),
    logged_at timestamptz not null default clock_timestamp(),
    settled_at timestamptz,
    undoes bigint references holdfast.repair_log,
    undone_at timestamptz,
    check ((before is null) = (action = 'insert')),
    check ((after is null) = (action = 'delete'))
);
create index repair_log_of_repair on holdfast.repair_log (repair_id, log_id);
create index repair_log_of_key on holdfast.repair_log (table_name, key);
create index repair_log_unsettled on holdfast.repair_log (log_id) where state = 'prepared';
comment on table holdfast.repair_log is 'Every row that a repair wrote, whole, as it was and as it became: one row per write. A is the primary, B the secondary';
comment on column holdfast.repair_log.log_id is 'Counts up in the order of the writes';
comment on column holdfast.repair_log.repair_id is 'The repair: the first 16 digits of its plan''s sha256; of an undo, that with .undo at its end';
comment on column holdfast.repair_log.table_name is 'The table, with its schema where that is not public';
comment on column holdfast.repair_log.store is 'The store that was written: a or b';
comment on column holdfast.repair_log.action is 'insert, update or delete';
comment on column holdfast.repair_log.key is 'The row: its key as text, of several columns a JSON list of texts';
comment on column holdfast.repair_log.key_parts is 'The same, one text per key column';
comment on column holdfast.repair_log.key_columns is 'The columns these are of';
comment on column holdfast.repair_log.before is 'The row before: text by column, generated columns left out; null where there was none';
comment on column holdfast.repair_log.after is 'The row after, likewise';
comment on column holdfast.repair_log.hash_before is 'Its hash before under this seed, null where there was no row or it was not hashed';
comment on column holdfast.repair_log.hash_after is 'Its hash after, likewise';
comment on column holdfast.repair_log.seed is 'Seed of the two hashes';
comment on column holdfast.repair_log.reason is 'Why it was written';
comment on column holdfast.repair_log.batch_no is 'Rows of one number and repair were written in one transaction';
comment on column holdfast.repair_log.transaction_id is 'That transaction, in the store that was written';
comment on column holdfast.repair_log.state is 'applied; prepared: to be written, or written and cut off before this was noted; abandoned: it turned out not to be written';
comment on column holdfast.repair_log.logged_at is 'When it was logged, before the commit';
comment on column holdfast.repair_log.settled_at is 'When it became known whether it was written';
comment on column holdfast.repair_log.undoes is 'The write that this one takes back, null where it is none';
comment on column holdfast.repair_log.undone_at is 'When it was taken back, null while it stands';

grant select on
    holdfast.repair_plans,
    holdfast.repair_log
to holdfast_analyst;
