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

-- name: plan_scan
-- Settle how a scan is planned, for this transaction only: both sides are read once, whatever the statistics say of
-- tables that were empty a moment ago. A table whose rows a policy hides is an error, not a table without files.
-- Returns: one row, of no interest.
select
    set_config('row_security', 'off', true),
    set_config('enable_nestloop', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('jit', 'off', true),
    set_config('work_mem', '32MB', true);

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
-- Ask for the copies that are missing: of every new file, of a known one where it can still be had.
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

-- name: wait_shortly
-- Wait for nobody's locks for long, in this transaction, and take hidden rows for an error.
-- Returns: one row, of no interest.
select
    set_config('lock_timeout', (%(timeout_ms)s::integer)::text, true),
    set_config('row_security', 'off', true);

-- name: holders
-- Who holds a table, the longest transaction first.
-- Returns: process, name of the application, its state, age of its transaction in seconds.
select
    l.pid,
    left(coalesce(a.application_name, ''), 60),
    coalesce(a.state, 'unknown'),
    coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::double precision
from pg_catalog.pg_locks as l
left join pg_catalog.pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'relation' and l.granted and l.relation = to_regclass(%(table)s) and l.pid <> pg_backend_pid()
    and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
group by l.pid, a.application_name, a.state, a.xact_start
order by a.xact_start nulls last
limit 5;

-- name: drop_old_transfers
-- Forget attempts of long ago.
-- Returns: nothing.
delete from holdfast.media_transfers
where ended_at < now() - interval '400 days';

-- name: keep_strays
-- Keep which of these files of a vault the books do not know, one that was seen before keeps its date.
-- Returns: their ids.
with seen as (
    select *
    from unnest(
        %(remote_ids)s::text[], %(names)s::text[], %(sizes)s::bigint[], %(sha256s)s::bytea[], %(md5s)s::bytea[], %(urls)s::text[]
    ) as t (remote_id, name, size_bytes, sha256, md5, url)
)
insert into holdfast.media_strays (vault, remote_id, name, size_bytes, sha256, md5, url)
select
    %(vault)s,
    s.remote_id,
    s.name,
    s.size_bytes,
    s.sha256,
    s.md5,
    s.url
from seen as s
where not exists (
    select 1 from holdfast.media_copies as c where c.vault = %(vault)s and c.remote_id = s.remote_id
)
on conflict (vault, remote_id) do update
set
    name = excluded.name,
    size_bytes = excluded.size_bytes,
    sha256 = excluded.sha256,
    md5 = excluded.md5,
    url = excluded.url
returning remote_id;

-- name: drop_strays
-- Forget strays that are no longer in the vault, or that the books know by now.
-- Returns: nothing.
delete from holdfast.media_strays as s
where s.vault = %(vault)s and (
    not exists (select 1 from unnest(%(remote_ids)s::text[]) as t (remote_id) where t.remote_id = s.remote_id)
    or exists (select 1 from holdfast.media_copies as c where c.vault = s.vault and c.remote_id = s.remote_id)
);

-- name: not_seen
-- Verified copies in a vault that are not among these files, those verified a moment ago are not judged, as lists lag.
-- Returns: item_id, remote_id.
select
    c.item_id,
    c.remote_id
from holdfast.media_copies as c
where c.vault = %(vault)s and c.state = 'verified' and c.verified_at < now() - interval '2 hours'
    and not exists (select 1 from unnest(%(remote_ids)s::text[]) as t (remote_id) where t.remote_id = c.remote_id)
order by c.item_id;

-- name: note_look
-- Note that every file of a vault was listed.
-- Returns: nothing.
insert into holdfast.media_vaults (vault, looked_at, looked_files, looked_bytes)
values (%(vault)s, now(), %(files)s, %(bytes)s)
on conflict (vault) do update
set
    looked_at = excluded.looked_at,
    looked_files = excluded.looked_files,
    looked_bytes = excluded.looked_bytes;

-- name: vaults
-- The vaults that are configured.
-- Returns: one row each, with what waits for it and what goes into it on an average day of the last two weeks, in bytes.
select
    v.vault,
    v.is_open,
    v.closed_reason,
    v.reopens_at,
    v.used_bytes,
    v.limit_bytes,
    v.observed_at,
    v.looked_at,
    coalesce(v.looked_files, 0) as looked_files,
    coalesce(w.copies, 0) as waiting_copies,
    coalesce(w.bytes, 0)::bigint as waiting_bytes,
    coalesce(w.unknown_copies, 0) as unknown_copies,
    coalesce(g.bytes, 0)::bigint as daily_bytes,
    coalesce((
        select sum(c.size_bytes) from holdfast.media_copies as c where c.vault = v.vault and c.state = 'verified'
    ), 0)::bigint as verified_bytes,
    (select count(*) from holdfast.media_strays as s where s.vault = v.vault) as stray_files,
    (select count(*) from holdfast.media_copies as c where c.vault = v.vault and c.missing_at is not null) as missing_files
from holdfast.media_vaults as v
left join (
    select
        c.vault,
        count(*) as copies,
        sum(coalesce(i.size_bytes, i.expected_bytes)) as bytes,
        count(*) filter (where i.size_bytes is null and i.expected_bytes is null) as unknown_copies
    from holdfast.media_copies as c
    inner join holdfast.media_items as i on i.item_id = c.item_id
    where c.is_required and c.state in ('pending', 'leased', 'uploading')
    group by c.vault
) as w on w.vault = v.vault
left join (
    -- By when the application made them: a first scan finds years at once, which is no growth.
    select
        c.vault,
        sum(coalesce(i.size_bytes, i.expected_bytes)) / 14 as bytes
    from holdfast.media_items as i
    inner join holdfast.media_copies as c on c.item_id = i.item_id and c.is_required
    where i.created_at > now() - interval '14 days'
    group by c.vault
) as g on g.vault = v.vault
where v.is_configured
order by v.vault;

-- name: counts
-- How many files of each class are in each state.
-- Returns: class, status, files, bytes, share of the class that is complete in per cent, earliest deadline.
select
    media_class,
    status,
    files,
    bytes,
    completion_percentage::double precision,
    oldest_deadline_at
from public.backup_status_summary
order by array_position(array['upscale', 'regular', 'images'], media_class), status;

-- name: at_risk
-- Copies that are not there while their link dies within a day, or has died: the earliest deadline first. One that was
-- found a moment ago is on its way.
-- Returns: item_id, class, source, vault, state, deadline, problem, remedy, and how many there are in all.
select
    c.item_id,
    c.media_class,
    i.source_table || '/' || i.source_id as source,
    c.vault,
    c.state,
    c.deadline_at,
    c.problem,
    c.remedy,
    count(*) over () as copies
from holdfast.media_copies as c
inner join holdfast.media_items as i on i.item_id = c.item_id
where c.is_required and c.state in ('pending', 'leased', 'uploading', 'failed')
    and c.deadline_at <= now() + interval '24 hours'
    and (c.state = 'failed' or c.deadline_at <= now() or i.found_at <= now() - interval '15 minutes')
order by c.deadline_at, c.item_id, c.vault
limit %(most)s;

-- name: lost
-- Copies whose file is nowhere any more.
-- Returns: as of at_risk.
select
    c.item_id,
    c.media_class,
    i.source_table || '/' || i.source_id as source,
    c.vault,
    c.state,
    c.deadline_at,
    c.problem,
    c.remedy,
    count(*) over () as copies
from holdfast.media_copies as c
inner join holdfast.media_items as i on i.item_id = c.item_id
where c.is_required and c.state = 'lost'
order by c.deadline_at desc, c.item_id, c.vault
limit %(most)s;

-- name: next_deadline
-- The earliest deadline of a file that waits.
-- Returns: an instant, or null.
select min(deadline_at)
from holdfast.media_copies
where is_required and state in ('pending', 'leased', 'uploading');

-- name: odd_files
-- Files that only one side knows: strays in the vaults, and copies whose file is gone.
-- Returns: vault, whether it is missing, name, size, since when.
(
    select
        vault,
        false as is_missing,
        name,
        size_bytes,
        seen_at as since
    from holdfast.media_strays
    order by seen_at desc, name
    limit %(most)s
)
union all
(
    select
        c.vault,
        true,
        i.source_table || '/' || i.source_id,
        coalesce(i.size_bytes, 0),
        c.missing_at
    from holdfast.media_copies as c
    inner join holdfast.media_items as i on i.item_id = c.item_id
    where c.missing_at is not null
    order by c.missing_at desc
    limit %(most)s
);

-- name: looked_into
-- Vaults whose files were listed at some time.
-- Returns: their names.
select vault
from holdfast.media_vaults
where looked_at is not null;

-- name: count_items
-- How many files there are in the books.
-- Returns: one row.
select count(*)
from holdfast.media_items;

-- name: writes
-- A number that grows with every committed write to a table.
-- Returns: one row, null where the server does not count, or not for this kind of table.
select s.n_tup_ins + s.n_tup_upd
from pg_catalog.pg_stat_all_tables as s
inner join pg_catalog.pg_class as c on c.oid = s.relid and c.relkind = 'r'
where s.schemaname = %(schema)s and s.relname = %(name)s and current_setting('track_counts')::boolean;

-- name: waits
-- Whether a copy of a class could be claimed now, in these vaults.
-- Returns: one row: in these, among what expires within a day, in any vault, earliest deadline of what waits.
select
    exists (
        select 1
        from holdfast.media_copies
        where is_required and state in ('pending', 'leased', 'uploading') and media_class = %(media_class)s
            and vault = any(%(vaults)s::text[]) and case when state = 'pending' then next_attempt_at else lease_until end <= now()
    ) as has_due,
    exists (
        select 1
        from holdfast.media_copies
        where is_required and state in ('pending', 'leased', 'uploading') and media_class = %(media_class)s
            and deadline_at <= now() + interval '24 hours'
            and case when state = 'pending' then next_attempt_at else lease_until end <= now()
    ) as has_urgent,
    exists (
        select 1
        from holdfast.media_copies
        where is_required and state in ('pending', 'leased', 'uploading') and media_class = %(media_class)s
            and case when state = 'pending' then next_attempt_at else lease_until end <= now()
    ) as has_due_anywhere,
    (
        select deadline_at
        from holdfast.media_copies
        where is_required and state in ('pending', 'leased', 'uploading') and media_class = %(media_class)s
        order by deadline_at
        limit 1
    ) as next_deadline_at;
