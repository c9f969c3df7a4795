-- Tables: what a store's catalogue says of the applications' tables. Read with any role, through any pooler.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: describe
-- Tables and whatever else bears one of these names.
-- Returns: oid, schema, name, kind, estimated rows, pages of its largest part, whether row security hides rows.
select
    c.oid::bigint,
    n.nspname,
    c.relname,
    case c.relkind
        when 'r' then 'table'
        when 'p' then 'partitioned'
        when 'v' then 'view'
        when 'm' then 'materialized view'
        when 'f' then 'foreign table'
        else 'relation of kind ' || c.relkind::text
    end,
    parts.estimated_rows,
    parts.block_count,
    row_security_active(c.oid)
from unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (schema_name, table_name)
join pg_catalog.pg_namespace as n on n.nspname = wanted.schema_name
join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = wanted.table_name
cross join lateral (
    select
        coalesce(sum(greatest(l.reltuples, 0)), 0)::bigint as estimated_rows,
        coalesce(max(pg_relation_size(l.oid) / current_setting('block_size')::bigint), 0)::bigint as block_count
    from (
        select c.oid as relid
        union
        select p.relid from pg_partition_tree(c.oid) as p
    ) as parts
    join pg_catalog.pg_class as l on l.oid = parts.relid
) as parts
where c.relkind in ('r', 'p', 'v', 'm', 'f');

-- name: columns
-- The columns of some tables, in their order, each with the type below its domains.
-- Returns: table's oid, name, type as written, base type, kind, is not null, default, generated, identity, is readable.
with recursive types as (
    select
        a.attrelid,
        a.attnum,
        a.atttypid as type_oid
    from pg_catalog.pg_attribute as a
    where a.attrelid = any(%(oids)s::oid[]) and a.attnum > 0 and not a.attisdropped
    union all
    select
        y.attrelid,
        y.attnum,
        d.typbasetype
    from types as y
    join pg_catalog.pg_type as d on d.oid = y.type_oid
    where d.typtype = 'd'
)

select
    a.attrelid::bigint,
    a.attname,
    format_type(a.atttypid, a.atttypmod),
    coalesce(e.typname, t.typname),
    case
        when e.oid is not null then 'array'
        when t.typtype = 'e' then 'enum'
        when t.typtype = 'c' then 'composite'
        when t.typtype in ('r', 'm') then 'range'
        else 'base'
    end,
    a.attnotnull,
    pg_get_expr(x.adbin, x.adrelid),
    a.attgenerated::text,
    a.attidentity::text,
    has_column_privilege(a.attrelid, a.attnum, 'select') and has_schema_privilege(c.relnamespace, 'usage')
from types as y
join pg_catalog.pg_type as t on t.oid = y.type_oid and t.typtype <> 'd'
join pg_catalog.pg_attribute as a on a.attrelid = y.attrelid and a.attnum = y.attnum
join pg_catalog.pg_class as c on c.oid = a.attrelid
left join pg_catalog.pg_type as e on e.oid = t.typelem and t.typcategory = 'A'
left join pg_catalog.pg_attrdef as x on x.adrelid = a.attrelid and x.adnum = a.attnum
order by a.attrelid, a.attnum;

-- name: keys
-- What identifies a row of some tables: primary keys, then unique indexes over columns that are not null, shortest first.
-- Returns: table's oid, name of the index, whether it is the primary key, names of its columns.
select
    i.indrelid::bigint,
    c.relname,
    i.indisprimary,
    array_agg(a.attname::text order by k.position)
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
cross join lateral unnest(i.indkey::smallint[]) with ordinality as k (attnum, position)
join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = any(%(oids)s::oid[])
    and i.indisunique and i.indisvalid and i.indimmediate
    and i.indpred is null and i.indexprs is null
    and k.position <= i.indnkeyatts
group by i.indexrelid, i.indrelid, c.relname, i.indisprimary
having bool_and(a.attnotnull)
order by i.indrelid, i.indisprimary desc, count(*), c.relname;

-- name: application_tables
-- Tables that are neither the system's, nor Holdfast's or Dagster's own, nor parts of others.
-- Returns: schema, name.
select
    n.nspname,
    c.relname
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema', 'holdfast', 'dagster')
    and n.nspname !~ '^pg_(toast|temp)'
order by n.nspname, c.relname;

-- name: moment
-- This transaction's snapshot, and which server and timeline it is of, as far as this role may know.
-- Returns: identity, oldest running transaction, first one that has not begun.
select
    case
        when has_function_privilege('pg_catalog.pg_control_system()', 'execute')
            and has_function_privilege('pg_catalog.pg_control_checkpoint()', 'execute')
            then (select s.system_identifier::text from pg_control_system() as s)
                || '/' || (select k.timeline_id::text from pg_control_checkpoint() as k)
        else 'unknown'
    end || '/' || (select d.oid::text from pg_catalog.pg_database as d where d.datname = current_database()),
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- name: storage
-- Which file a table is in: another one after a rewrite, and blocks have other numbers then.
-- Returns: one number.
select coalesce(string_agg(p.relid::text || ':' || pg_relation_filenode(p.relid)::text, ',' order by p.relid), '')
from (
    select t.relid::oid from pg_partition_tree(%(oid)s::oid::regclass) as t
    union
    select %(oid)s::oid
) as p;
