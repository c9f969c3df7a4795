-- Media books: which files there are, which copies are asked for, what is in the vaults, and how far it all is.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: shape
-- Columns of a table, if it is one.
-- Returns: name, type, and whether it is the whole primary key.
select
    a.attname::text,
    format_type(a.atttypid, a.atttypmod),
    coalesce(k.conkey = array[a.attnum], false)
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_catalog.pg_constraint as k on k.conrelid = c.oid and k.contype = 'p'
where n.nspname = %(schema)s and c.relname = %(name)s and c.relkind in ('r', 'p')
order by a.attnum;

-- name: tables_of
-- Which tables of the application some files are of.
-- Returns: table names.
select distinct source_table
from holdfast.media_items
where item_id = any(%(item_ids)s::bigint[])
order by source_table;

-- name: lock_scan
-- Let one scan run at a time, until the end of this transaction.
-- Returns: nothing of interest.
select pg_advisory_xact_lock(hashtextextended('holdfast.media_scan', 0))::text;

-- name: note_vaults
-- Note which vaults this deployment has.
-- Returns: nothing.
with asked as (
    insert into holdfast.media_vaults (vault)
    select unnest(%(vaults)s::text[])
    on conflict (vault) do update set is_configured = true
    where not media_vaults.is_configured
)
update holdfast.media_vaults
set is_configured = false
where is_configured and vault <> all(%(vaults)s);

-- name: add_copies
-- Ask for the copies that are missing: of every new file; of a known one where it can still be had.
-- Returns: nothing.
insert into holdfast.media_copies (item_id, vault, media_class, deadline_at)
select
    i.item_id,
    v.vault,
    i.media_class,
    i.deadline_at
from holdfast.media_items as i
cross join unnest(%(vaults)s::text[]) as v (vault)
where i.source_table = %(table)s and i.media_class = %(media_class)s and i.is_current
    and not exists (select 1 from holdfast.media_copies as c where c.item_id = i.item_id and c.vault = v.vault)
    and (
        i.deadline_at > now()
        or not exists (select 1 from holdfast.media_copies as c where c.item_id = i.item_id)
        or exists (select 1 from holdfast.media_copies as c where c.item_id = i.item_id and c.state = 'verified')
    )
on conflict (item_id, vault) do nothing;

-- name: require
-- Ask for the copies of current files in vaults that are configured, and for no others.
-- Returns: nothing.
with changed as (
    select
        c.item_id,
        c.vault
    from holdfast.media_copies as c
    inner join holdfast.media_items as i on i.item_id = c.item_id
    where i.source_table = %(table)s and i.media_class = %(media_class)s
        and c.is_required <> (i.is_current and c.vault = any(%(vaults)s::text[]))
    order by c.item_id, c.vault
    for no key update of c
)
update holdfast.media_copies as c
set
    is_required = not c.is_required,
    updated_at = now()
from changed as n
where c.item_id = n.item_id and c.vault = n.vault;

-- name: revive
-- Let copies wait again whose file has a verified copy somewhere: of those that had been given up a day ago.
-- Returns: nothing.
with found as (
    select
        c.item_id,
        c.vault
    from holdfast.media_copies as c
    where c.is_required and c.state in ('expired', 'lost')
        and c.updated_at < now() - interval '1 day'
        and exists (
            select 1
            from holdfast.media_copies as o
            inner join holdfast.media_vaults as v on v.vault = o.vault and v.is_configured
            where o.item_id = c.item_id and o.state = 'verified'
        )
    order by c.item_id, c.vault
    for no key update of c
)
update holdfast.media_copies as c
set
    state = 'pending',
    attempts = 0,
    next_attempt_at = now(),
    updated_at = now()
from found as f
where c.item_id = f.item_id and c.vault = f.vault;

-- name: retry
-- Let copies wait again that had been given up: of these files, or of all of a class.
-- Returns: the files.
with found as (
    select
        c.item_id,
        c.vault
    from holdfast.media_copies as c
    where c.is_required and c.state in ('failed', 'expired', 'lost')
        and (%(item_ids)s::bigint[] is null or c.item_id = any(%(item_ids)s))
        and (%(media_class)s::text is null or c.media_class = %(media_class)s)
        and c.state = any(%(states)s::text[])
    order by c.item_id, c.vault
    for no key update of c
)
update holdfast.media_copies as c
set
    state = 'pending',
    attempts = 0,
    next_attempt_at = now(),
    updated_at = now()
from found as f
where c.item_id = f.item_id and c.vault = f.vault
returning c.item_id;

-- name: wait_shortly
-- Wait for nobody's locks for long, in this transaction.
-- Returns: one row, of no interest.
select set_config('lock_timeout', (%(timeout_ms)s::integer)::text, true);
