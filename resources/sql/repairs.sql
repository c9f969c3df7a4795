-- Repairs: what a store must tell before it is written, and the log of what was written. Tables:
-- migrations/0009_repairs.sql. The first half is asked of either store, the second of the primary only.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: identity
-- Which database this is: its server, its number and its name.
-- Returns: one text.
select
    case
        when has_function_privilege('pg_catalog.pg_control_system()', 'execute')
            then (select s.system_identifier::text from pg_catalog.pg_control_system() as s)
        else 'unknown'
    end || '/' || d.oid::text || '/' || d.datname
from pg_catalog.pg_database as d
where d.datname = pg_catalog.current_database();

-- name: clock
-- What time it is for the server, now and not at the beginning of the transaction.
-- Returns: seconds since 1970.
select extract(epoch from pg_catalog.clock_timestamp())::double precision;

-- name: rights
-- What this role may do with some tables, and whether anything can be written at all.
-- Returns: oid, may insert, may update, may delete, hidden rows, role, whether the database is read-only.
select
    c.oid::bigint,
    has_table_privilege(c.oid, 'insert') or has_any_column_privilege(c.oid, 'insert'),
    has_table_privilege(c.oid, 'update') or has_any_column_privilege(c.oid, 'update'),
    has_table_privilege(c.oid, 'delete'),
    row_security_active(c.oid),
    current_user::text,
    current_setting('transaction_read_only')::boolean
from pg_catalog.pg_class as c
where c.oid = any(%(oids)s::oid[]);

-- name: triggers
-- What happens when rows of some tables are written: triggers of the applications, and keys that are checked late.
-- Returns: oid, has triggers that fire for applications, has keys that may be checked at the commit.
select
    c.oid::bigint,
    exists (
        select 1 from pg_catalog.pg_trigger as t
        where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled in ('O', 'A')
    ),
    exists (
        select 1 from pg_catalog.pg_constraint as k
        where k.conrelid = c.oid and k.contype in ('p', 'u', 'x') and k.condeferrable
    )
from pg_catalog.pg_class as c
where c.oid = any(%(oids)s::oid[]);

-- name: foreign_keys
-- Foreign keys from and to some tables.
-- Returns: name, child's schema and name, its columns, parent's schema and name, its columns, whether it may be checked late,
-- whether a child follows when its parent goes or changes, those of its columns that may be null.
select
    k.conname::text,
    cn.nspname::text,
    c.relname::text,
    array(
        select a.attname::text
        from unnest(k.conkey) with ordinality as x (attnum, position)
        join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = x.attnum
        order by x.position
    ),
    pn.nspname::text,
    p.relname::text,
    array(
        select a.attname::text
        from unnest(k.confkey) with ordinality as x (attnum, position)
        join pg_catalog.pg_attribute as a on a.attrelid = k.confrelid and a.attnum = x.attnum
        order by x.position
    ),
    k.condeferrable,
    k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'),
    array(
        select a.attname::text
        from pg_catalog.pg_attribute as a
        where a.attrelid = k.conrelid and a.attnum = any(k.conkey) and not a.attnotnull
    )
from pg_catalog.pg_constraint as k
join pg_catalog.pg_class as c on c.oid = k.conrelid
join pg_catalog.pg_namespace as cn on cn.oid = c.relnamespace
join pg_catalog.pg_class as p on p.oid = k.confrelid
join pg_catalog.pg_namespace as pn on pn.oid = p.relnamespace
where k.contype = 'f' and k.conparentid = 0
    and (k.conrelid = any(%(oids)s::oid[]) or k.confrelid = any(%(oids)s::oid[]))
order by cn.nspname, c.relname, k.conname;

-- name: sequences
-- Sequences that fill columns of some tables.
-- Returns: oid of the table, column, sequence's schema and name, its step, whether this role may move it.
select
    d.refobjid::bigint,
    a.attname::text,
    n.nspname::text,
    s.relname::text,
    q.seqincrement,
    has_sequence_privilege(s.oid, 'update') and has_sequence_privilege(s.oid, 'select')
from pg_catalog.pg_depend as d
join pg_catalog.pg_class as s on s.oid = d.objid and s.relkind = 'S'
join pg_catalog.pg_namespace as n on n.oid = s.relnamespace
join pg_catalog.pg_sequence as q on q.seqrelid = s.oid
join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
    and d.deptype in ('a', 'i') and d.refobjid = any(%(oids)s::oid[]);

-- name: silence_triggers
-- Write as replication does: triggers of the applications, and those that check foreign keys, stay silent.
-- Returns: one row, of no interest, or an error where this role may not.
select set_config('session_replication_role', 'replica', true);

-- name: hurry
-- Wait for other transactions no longer than a moment, for the rest of this one.
-- Returns: one row, of no interest.
select set_config('lock_timeout', '10', true);

-- name: check_at_once
-- Check every key at the end of its statement, whatever it is declared as.
-- Returns: nothing.
set constraints all immediate;

-- name: check_late
-- Check keys that allow it at the end.
-- Returns: nothing.
set constraints all deferred;

-- name: transaction_id
-- Number of this transaction.
-- Returns: one text.
select pg_current_xact_id()::text;

-- name: transaction_status
-- What became of a transaction.
-- Returns: committed, aborted or in progress, null where the server has forgotten it.
select pg_xact_status(%(transaction_id)s::text::xid8);

-- name: has_log
-- Whether this database holds the log, and this role may write it.
-- Returns: whether this role may write it, or no row where there is none.
select
    has_schema_privilege(n.oid, 'usage')
    and has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update')
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'holdfast' and c.relname = 'repair_log';

-- name: insert_log
-- Log rows that are about to be written.
-- Returns: log_id of each, in their order.
insert into holdfast.repair_log (
    repair_id, table_name, store, action, key, key_parts, key_columns, before, after, hash_before, hash_after, seed, reason,
    batch_no, transaction_id, state, settled_at, undoes
)
select
    %(repair_id)s::text,
    one.table_name,
    %(store)s::text,
    one.action,
    one.key,
    array(select jsonb_array_elements_text(one.key_parts::jsonb)),
    array(select jsonb_array_elements_text(one.key_columns::jsonb)),
    one.before::jsonb,
    one.after::jsonb,
    one.hash_before,
    one.hash_after,
    %(seed)s::bigint,
    one.reason,
    %(batch_no)s::integer,
    %(transaction_id)s::text,
    %(state)s::text,
    case when %(state)s::text = 'applied' then clock_timestamp() end,
    (
        select max(l.log_id)
        from holdfast.repair_log as l
        where l.repair_id = %(undoes)s::text and l.store = %(store)s and l.table_name = one.table_name and l.key = one.key
            and l.state = 'applied' and l.undone_at is null
    )
from unnest(
    %(table_names)s::text[], %(actions)s::text[], %(keys)s::text[], %(key_parts)s::text[], %(key_columns)s::text[],
    %(befores)s::text[], %(afters)s::text[], %(hashes_before)s::bigint[], %(hashes_after)s::bigint[], %(reasons)s::text[]
) with ordinality as one (
    table_name, action, key, key_parts, key_columns, before, after, hash_before, hash_after, reason, position
)
order by one.position
returning log_id;

-- name: settle_log
-- Note what became of rows that were prepared.
-- Returns: nothing.
update holdfast.repair_log
set
    state = %(state)s,
    settled_at = clock_timestamp()
where log_id = any(%(log_ids)s::bigint[]) and state = 'prepared';

-- name: note_undone
-- Note writes that were taken back by others: those whose write is applied.
-- Returns: nothing.
update holdfast.repair_log as l
set undone_at = clock_timestamp()
from holdfast.repair_log as u
where u.undoes = l.log_id and u.state = 'applied' and l.undone_at is null
    and u.repair_id = %(repair_id)s;

-- name: unsettled
-- Rows of which it is not known whether they were written.
-- Returns: log_id, table, key columns, before, after, transaction.
select
    log_id,
    table_name,
    key_columns,
    before,
    after,
    transaction_id
from holdfast.repair_log
where state = 'prepared' and store = %(store)s and log_id > %(after)s
order by log_id
limit %(most)s;

-- name: to_undo
-- Rows of a repair that stand, the newest first.
-- Returns: log_id, table, store, action, key parts, key columns, before, after, batch.
select
    log_id,
    table_name,
    store,
    action,
    key_parts,
    key_columns,
    before::text,
    after::text,
    batch_no
from holdfast.repair_log
where repair_id = %(repair_id)s and state = 'applied' and undone_at is null and log_id < %(before_id)s
order by log_id desc
limit %(most)s;

-- name: count_log
-- How many writes are logged.
-- Returns: one row.
select count(*)
from holdfast.repair_log;

-- name: has_repair
-- Whether there ever was a repair of this id.
-- Returns: one row.
select exists (select 1 from holdfast.repair_log where repair_id = %(repair_id)s);

-- name: count_standing
-- How many rows of a repair were written and not taken back.
-- Returns: one row.
select count(*)
from holdfast.repair_log
where repair_id = %(repair_id)s and state = 'applied' and undone_at is null;

-- name: repairs
-- The newest repairs.
-- Returns: repair_id.
select l.repair_id
from holdfast.repair_log as l
where l.state = 'applied'
group by l.repair_id
order by max(l.log_id) desc
limit 10;

-- name: store_plan
-- Keep a plan that was shown.
-- Returns: nothing.
insert into holdfast.repair_plans (plan_sha256, planned_at, run_id, table_names, action_count, open_count, document)
values (
    %(sha256)s, %(planned_at)s::timestamptz, %(run_id)s, %(table_names)s::text[], %(action_count)s, %(open_count)s,
    %(document)s::jsonb
)
on conflict (plan_sha256) do nothing;

-- name: drop_old_plans
-- Forget plans beyond the newest.
-- Returns: nothing.
delete from holdfast.repair_plans
where plan_sha256 not in (select plan_sha256 from holdfast.repair_plans order by planned_at desc limit %(kept)s);

-- name: plan
-- A plan that was shown.
-- Returns: its document.
select document::text
from holdfast.repair_plans
where plan_sha256 = %(sha256)s;

-- name: newest_plans
-- The newest plans.
-- Returns: plan_sha256.
select plan_sha256
from holdfast.repair_plans
order by planned_at desc
limit 5;
