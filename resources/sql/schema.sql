-- Schema: what a store's catalogue says of the tables that are compared. Reads catalogues only, which every role may.
-- Run under search_path pg_catalog: then every name in a definition is written with its schema, on every server alike.
-- Names that are needed or offered are "kind identity", e.g. "type public.mood".
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: facts
-- What the server is and knows.
-- Returns: one row: version number, schemas, roles, whether auth.uid() exists.
select
    current_setting('server_version_num')::int as version,
    array(select nspname::text from pg_catalog.pg_namespace) as schemas,
    array(select rolname::text from pg_catalog.pg_roles) as roles,
    to_regprocedure('auth.uid()') is not null as has_auth;

-- name: tables
-- The tables that were asked for, as far as they exist, and all their partitions.
-- Returns: one row per table, in which readers are roles with rights on it whom row level security binds.
with recursive wanted as (
    select
        c.oid,
        null::oid as parent
    from unnest(%(schemas)s::text[], %(names)s::text[]) as w (schema, name)
    inner join pg_catalog.pg_namespace as n on n.nspname = w.schema
    inner join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = w.name
    where c.relkind not in ('i', 'I', 'S', 'c', 't')
    union
    select
        i.inhrelid,
        i.inhparent
    from wanted as w
    inner join pg_catalog.pg_inherits as i on i.inhparent = w.oid
    inner join pg_catalog.pg_class as c on c.oid = i.inhrelid and c.relispartition
)

select distinct on (c.oid)
    c.oid,
    n.nspname::text as schema,
    c.relname::text as name,
    case c.relkind when 'r' then 'table' when 'p' then 'partitioned' else 'other' end as kind,
    c.relrowsecurity as has_row_security,
    c.relforcerowsecurity as is_forced,
    case c.relkind when 'p' then pg_get_partkeydef(c.oid) end as partition_key,
    pn.nspname::text as parent_schema,
    p.relname::text as parent_name,
    pg_get_expr(c.relpartbound, c.oid) as bound,
    case c.relkind
        when 'r' then pg_relation_size(c.oid) = 0
        when 'p' then not exists (
            select 1 from pg_partition_tree(c.oid) as leaf where leaf.isleaf and pg_relation_size(leaf.relid) > 0
        )
        else false
    end as is_empty,
    pg_has_role(c.relowner, 'usage') as is_owner,
    c.relpersistence = 'u' as is_unlogged,
    array(
        select distinct coalesce(r.rolname::text, 'public')
        from aclexplode(c.relacl) as x
        left join pg_catalog.pg_roles as r on r.oid = x.grantee
        where x.grantee <> c.relowner
            and case
                when x.grantee = 0 then true
                else not (r.rolsuper or r.rolbypassrls or pg_has_role(x.grantee, c.relowner, 'usage'))
            end
        order by 1
    ) as readers
from wanted as w
inner join pg_catalog.pg_class as c on c.oid = w.oid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_class as p on p.oid = w.parent
left join pg_catalog.pg_namespace as pn on pn.oid = p.relnamespace
order by c.oid, w.parent nulls last;

-- name: columns
-- Columns of tables. A sequence is named where the column owns it and its default takes numbers from it.
-- Returns: one row per column, in the order of the table.
select
    a.attrelid as table_oid,
    a.attname::text as name,
    format_type(a.atttypid, a.atttypmod) as type,
    a.attnotnull and not exists (
        select 1 from pg_catalog.pg_constraint as c
        where c.conrelid = a.attrelid and c.contype = 'n' and c.conkey = array[a.attnum] and not c.convalidated
    ) as is_not_null,
    quote_ident(cn.nspname) || '.' || quote_ident(co.collname) as collation,
    pg_get_expr(d.adbin, d.adrelid) as default_expression,
    a.attgenerated::text as generated,
    a.attidentity::text as identity,
    s.schema as sequence_schema,
    s.name as sequence_name
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_type as t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
left join pg_catalog.pg_collation as co on co.oid = a.attcollation and a.attcollation <> t.typcollation
left join pg_catalog.pg_namespace as cn on cn.oid = co.collnamespace
left join lateral (
    select
        n.nspname::text as schema,
        c.relname::text as name
    from pg_catalog.pg_depend as owned
    inner join pg_catalog.pg_class as c on c.oid = owned.objid and c.relkind = 'S'
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    inner join pg_catalog.pg_depend as used
        on used.classid = 'pg_attrdef'::regclass and used.objid = d.oid and used.refobjid = c.oid
    where owned.classid = 'pg_class'::regclass and owned.refclassid = 'pg_class'::regclass
        and owned.refobjid = a.attrelid and owned.refobjsubid = a.attnum and owned.deptype = 'a'
    order by c.oid
    limit 1
) as s on true
where a.attrelid = any(%(oids)s::oid[]) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum;

-- name: constraints
-- Constraints of tables that are not inherited. From version 18 on "not null" is one too: it is its column's here.
-- Returns: one row per constraint.
select
    c.conrelid as table_oid,
    c.conname::text as name,
    c.contype::text as kind,
    regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '') as definition,
    array(
        select a.attname::text
        from unnest(c.conkey) with ordinality as k (attnum, place)
        inner join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.attnum
        order by k.place
    ) as columns,
    c.convalidated or pg_get_constraintdef(c.oid) ~ ' NOT ENFORCED$' as is_validated,
    fn.nspname::text as references_schema,
    f.relname::text as references_name,
    array(
        select a.attname::text
        from unnest(c.confkey) with ordinality as k (attnum, place)
        inner join pg_catalog.pg_attribute as a on a.attrelid = c.confrelid and a.attnum = k.attnum
        order by k.place
    ) as referenced
from pg_catalog.pg_constraint as c
left join pg_catalog.pg_class as f on f.oid = c.confrelid and c.contype = 'f'
left join pg_catalog.pg_namespace as fn on fn.oid = f.relnamespace
where c.conrelid = any(%(oids)s::oid[]) and c.contype in ('p', 'u', 'f', 'c', 'x')
    and c.conparentid = 0 and c.conislocal
order by c.conrelid, c.conname;

-- name: indexes
-- Indexes of tables that no constraint made. What stands before the method (its name, its table) is cut off.
-- Returns: one row per index.
select
    i.indrelid as table_oid,
    c.relname::text as name,
    substr(
        pg_get_indexdef(i.indexrelid),
        1 + length(format(
            'CREATE %%sINDEX %%I ON %%s%%I.%%I USING ', case when i.indisunique then 'UNIQUE ' else '' end, c.relname,
            case c.relkind when 'I' then 'ONLY ' else '' end, n.nspname, t.relname
        ))
    ) as definition,
    m.amname::text as method,
    array(
        select a.attname::text
        from unnest(i.indkey) with ordinality as k (attnum, place)
        left join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum > 0
        where k.place <= i.indnkeyatts
        order by k.place
    ) as columns,
    array(
        select k.place::int
        from unnest(i.indoption) with ordinality as k (flags, place)
        where k.flags & 1 = 1
        order by k.place
    ) as descending,
    i.indisunique as is_unique,
    i.indpred is not null as is_partial,
    i.indisvalid as is_valid
from pg_catalog.pg_index as i
inner join pg_catalog.pg_class as c on c.oid = i.indexrelid
inner join pg_catalog.pg_am as m on m.oid = c.relam
inner join pg_catalog.pg_class as t on t.oid = i.indrelid
inner join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
where i.indrelid = any(%(oids)s::oid[]) and not c.relispartition
    and not exists (
        select 1 from pg_catalog.pg_constraint as k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
    )
order by i.indrelid, c.relname;

-- name: policies
-- Row level security policies of tables.
-- Returns: one row per policy.
select
    p.polrelid as table_oid,
    p.polname::text as name,
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end
        as command,
    p.polpermissive as is_permissive,
    array(
        select coalesce(r.rolname::text, 'public')
        from unnest(p.polroles) as u (role)
        left join pg_catalog.pg_roles as r on r.oid = u.role
        order by 1
    ) as roles,
    pg_get_expr(p.polqual, p.polrelid) as using_expression,
    pg_get_expr(p.polwithcheck, p.polrelid) as check_expression
from pg_catalog.pg_policy as p
where p.polrelid = any(%(oids)s::oid[])
order by p.polrelid, p.polname;

-- name: triggers
-- Triggers of tables that a person made.
-- Returns: one row per trigger.
select
    t.tgrelid as table_oid,
    t.tgname::text as name,
    pg_get_triggerdef(t.oid) as definition
from pg_catalog.pg_trigger as t
where t.tgrelid = any(%(oids)s::oid[]) and not t.tgisinternal and t.tgparentid = 0
order by t.tgrelid, t.tgname;

-- name: types
-- Types that are not part of every server: every enum and domain, and what else columns are of, below arrays too.
-- Returns: one row per type: labels of an enum, definition of a domain, the extension it came with.
with recursive used as (
    select a.atttypid as oid
    from pg_catalog.pg_attribute as a
    where a.attrelid = any(%(oids)s::oid[]) and a.attnum > 0 and not a.attisdropped
    union
    select t.oid
    from pg_catalog.pg_type as t
    inner join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
    where t.typtype in ('e', 'd') and n.nspname <> 'information_schema'
    union
    select below.oid
    from used as u
    inner join pg_catalog.pg_type as t on t.oid = u.oid
    cross join lateral (values (t.typbasetype), (case t.typcategory when 'A' then t.typelem else 0 end)) as below (oid)
    where below.oid <> 0
)

select
    (pg_identify_object('pg_type'::regclass, t.oid, 0)).identity as name,
    n.nspname::text as schema,
    case t.typtype when 'e' then 'enum' when 'd' then 'domain' else 'other' end as kind,
    array(select e.enumlabel::text from pg_catalog.pg_enum as e where e.enumtypid = t.oid order by e.enumsortorder)
        as labels,
    case when t.typtype = 'd' then
        format_type(t.typbasetype, t.typtypmod)
        || coalesce((
            select format(' collate %%I.%%I', cn.nspname, co.collname)
            from pg_catalog.pg_collation as co
            inner join pg_catalog.pg_namespace as cn on cn.oid = co.collnamespace
            where co.oid = t.typcollation and co.oid <> b.typcollation
        ), '')
        || coalesce(' default ' || pg_get_expr(t.typdefaultbin, 0), '')
        || case when t.typnotnull then ' not null' else '' end
        || coalesce((
            select string_agg(' ' || pg_get_constraintdef(c.oid), '' order by pg_get_constraintdef(c.oid))
            from pg_catalog.pg_constraint as c
            where c.contypid = t.oid and c.contype = 'c'
        ), '')
    else '' end as definition,
    (
        select e.extname::text
        from pg_catalog.pg_depend as d
        inner join pg_catalog.pg_extension as e on e.oid = d.refobjid
        where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.refclassid = 'pg_extension'::regclass
            and d.deptype = 'e'
    ) as extension,
    t.typnotnull and t.typdefaultbin is null as refuses_null,
    case when bn.nspname is null or bn.nspname = 'pg_catalog' then null
        else 'type ' || (pg_identify_object('pg_type'::regclass, coalesce(nullif(b.typelem, 0), b.oid), 0)).identity
    end as needed
from used as u
inner join pg_catalog.pg_type as t on t.oid = u.oid
inner join pg_catalog.pg_namespace as n on n.oid = t.typnamespace and n.nspname <> 'pg_catalog'
left join pg_catalog.pg_type as b on b.oid = t.typbasetype
left join pg_catalog.pg_namespace as bn on bn.oid = b.typnamespace
where t.typcategory <> 'A'
order by name;

-- name: needs
-- What columns, defaults, constraints, indexes and policies of tables need that is not part of every server.
-- Returns: one row per dependency: what needs it (and of which table and name), and what is needed.
with dependents as (
    select
        'column' as what, 'pg_class'::regclass as class, a.attrelid as object, a.attnum::int as place,
        a.attrelid as table_oid, a.attname::text as name
    from pg_catalog.pg_attribute as a
    where a.attrelid = any(%(oids)s::oid[]) and a.attnum > 0 and not a.attisdropped
    union all
    select 'default', 'pg_attrdef'::regclass, d.oid, 0, d.adrelid, a.attname::text
    from pg_catalog.pg_attrdef as d
    inner join pg_catalog.pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
    where d.adrelid = any(%(oids)s::oid[])
    union all
    select 'constraint', 'pg_constraint'::regclass, c.oid, 0, c.conrelid, c.conname::text
    from pg_catalog.pg_constraint as c
    where c.conrelid = any(%(oids)s::oid[])
    union all
    select 'index', 'pg_class'::regclass, i.indexrelid, 0, i.indrelid, c.relname::text
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as c on c.oid = i.indexrelid
    where i.indrelid = any(%(oids)s::oid[])
    union all
    select 'policy', 'pg_policy'::regclass, p.oid, 0, p.polrelid, p.polname::text
    from pg_catalog.pg_policy as p
    where p.polrelid = any(%(oids)s::oid[])
)

select distinct
    w.what,
    w.table_oid,
    w.name,
    case
        when d.refclassid = 'pg_class'::regclass and d.refobjid = w.table_oid then 'own_column ' || own.attname
        else case d.refclassid
            when 'pg_type'::regclass then 'type'
            when 'pg_proc'::regclass then 'function'
            when 'pg_collation'::regclass then 'collation'
            when 'pg_opclass'::regclass then 'operator_class'
            when 'pg_operator'::regclass then 'operator'
            else 'relation'
        end || ' ' || (
            pg_identify_object(
                d.refclassid, case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else d.refobjid end, 0
            )
        ).identity
    end as needed
from dependents as w
inner join pg_catalog.pg_depend as d on d.classid = w.class and d.objid = w.object and d.objsubid = w.place
left join pg_catalog.pg_type as t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid
left join pg_catalog.pg_attribute as own
    on d.refclassid = 'pg_class'::regclass and own.attrelid = d.refobjid and own.attnum = d.refobjsubid
where d.refclassid in (
    'pg_type'::regclass, 'pg_proc'::regclass, 'pg_collation'::regclass, 'pg_opclass'::regclass,
    'pg_operator'::regclass, 'pg_class'::regclass
)
    and case
        when d.refclassid <> 'pg_class'::regclass then true
        -- A constraint's and an index' other relations are the table a key points at and what is inherited from.
        when d.refobjid = w.table_oid then
            d.refobjsubid > 0 and w.what <> 'column' and (w.what <> 'default' or w.name <> own.attname)
        else w.what in ('default', 'policy')
    end;

-- name: offers
-- What the store has that a definition may need, apart from what every server has.
-- Returns: one row each: kind and identity.
select 'type ' || (pg_identify_object('pg_type'::regclass, t.oid, 0)).identity as offered
from pg_catalog.pg_type as t
inner join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and t.typcategory <> 'A'
union all
select 'function ' || (pg_identify_object('pg_proc'::regclass, p.oid, 0)).identity
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
union all
select 'collation ' || (pg_identify_object('pg_collation'::regclass, c.oid, 0)).identity
from pg_catalog.pg_collation as c
union all
select 'operator_class ' || (pg_identify_object('pg_opclass'::regclass, o.oid, 0)).identity
from pg_catalog.pg_opclass as o
inner join pg_catalog.pg_namespace as n on n.oid = o.opcnamespace
where n.nspname !~ '^pg_'
union all
select 'operator ' || (pg_identify_object('pg_operator'::regclass, o.oid, 0)).identity
from pg_catalog.pg_operator as o
inner join pg_catalog.pg_namespace as n on n.oid = o.oprnamespace
where n.nspname !~ '^pg_';

-- name: relations
-- Every table, index, sequence and view: names that cannot be given twice, and what a definition may refer to.
-- Returns: one row each: schema, name.
select
    n.nspname::text as schema,
    c.relname::text as name
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema';
