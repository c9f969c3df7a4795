-- Media: statements about the applications' tables, which are known only when they are run. Columns of ours are text or
-- timestamptz, where an application has made them otherwise, values are cast to what it made.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: links
-- A piece: the rows of a table that hold a link, as the books would say them, and whether they can be in the books.
-- A deadline that is nowhere near our time (infinity) is brought to the edge of it.
select
    t.{id}::text as source_id,
    btrim(t.{url}::text) as url,
    split_part(split_part(btrim(t.{url}::text), '#', 1), '?', 1) as url_key,
    t.{created_at}::timestamptz as created_at,
    greatest(
        least(coalesce({expires_at}, t.{created_at}::timestamptz + %(lifetime_s)s * interval '1 second'), '9999-12-31'), '1970-01-01'
    ) as deadline_at,
    {size} as expected_bytes,
    case
        when t.{id} is null then 'it has no id'
        when octet_length(t.{id}::text) > 300 then 'its id is longer than 300 bytes'
        when t.{created_at} is null then 'it does not say when it was made'
        when t.{created_at}::timestamptz not between '1970-01-01' and '9999-12-24' then 'it was made at an impossible time'
        when octet_length(btrim(t.{url}::text)) > 2000 then 'its link is longer than 2000 bytes'
    end as problem
from {table} as t
where btrim(t.{url}::text) <> ''

-- name: expires_at
-- A piece: when a link may die, where the table says so.
t.{column}::timestamptz

-- name: size
-- A piece: a size in bytes, where the row says one that can be.
case when t.{column} between 1 and 1000000000000000 then t.{column}::bigint end

-- name: has_new
-- Whether a row has a link that the books do not know.
-- Returns: one row.
select exists (
    select 1
    from ({links}) as l
    where l.problem is null and not exists (
        select 1
        from holdfast.media_items as i
        where i.source_table = %(table)s and i.media_class = %(media_class)s and i.source_id = l.source_id
            and i.url_key = l.url_key
    )
);

-- name: scan
-- Bring rows into the books: new files, what changed of known ones, those that their row says no more. A link with
-- another query may answer again, so what had been given up waits again.
-- Returns: one row: rows with a link, new files, changed ones, superseded ones, rows that cannot be in the books, and
-- some of these with the reason.
with link as materialized ({links}),
added as (
    insert into holdfast.media_items (
        source_table, source_id, media_class, kind, url, url_key, created_at, deadline_at, expected_bytes
    )
    select
        %(table)s,
        l.source_id,
        %(media_class)s,
        %(kind)s,
        l.url,
        l.url_key,
        l.created_at,
        l.deadline_at,
        l.expected_bytes
    from link as l
    where l.problem is null and not exists (
        select 1
        from holdfast.media_items as i
        where i.source_table = %(table)s and i.media_class = %(media_class)s and i.source_id = l.source_id
            and i.url_key = l.url_key
    )
    on conflict (source_table, source_id, media_class, url_key) do nothing
    returning item_id
),
news as (
    select
        i.item_id,
        l.url,
        l.created_at,
        l.deadline_at,
        l.expected_bytes,
        l.source_id is not null as is_current,
        l.url is distinct from i.url or not i.is_current as has_new_link
    from holdfast.media_items as i
    left join link as l on l.source_id = i.source_id and l.url_key = i.url_key and l.problem is null
    where i.source_table = %(table)s and i.media_class = %(media_class)s
        and i.source_id in (select source_id from link where problem is null)
        and case
            when l.source_id is null then i.is_current
            else (l.url, l.created_at, l.deadline_at, l.expected_bytes, true)
                is distinct from (i.url, i.created_at, i.deadline_at, i.expected_bytes, i.is_current)
        end
    order by i.item_id
    for no key update of i
),
changed as (
    update holdfast.media_items as i
    set
        url = n.url,
        created_at = n.created_at,
        deadline_at = n.deadline_at,
        expected_bytes = n.expected_bytes,
        is_current = true,
        origin_state = case when n.has_new_link then 'unknown' else i.origin_state end,
        origin_gone_at = case when not n.has_new_link then i.origin_gone_at end,
        origin_gone_count = case when n.has_new_link then 0 else i.origin_gone_count end,
        origin_problem = case when n.has_new_link then '' else i.origin_problem end
    from news as n
    where i.item_id = n.item_id and n.is_current
    returning i.item_id, i.deadline_at, n.has_new_link
),
superseded as (
    update holdfast.media_items as i
    set is_current = false
    from news as n
    where i.item_id = n.item_id and not n.is_current
    returning i.item_id
),
again as (
    update holdfast.media_copies as c
    set
        deadline_at = n.deadline_at,
        state = case when n.has_new_link and c.state in ('failed', 'expired', 'lost') then 'pending' else c.state end,
        attempts = case when n.has_new_link then 0 else c.attempts end,
        next_attempt_at = case when n.has_new_link then now() else c.next_attempt_at end,
        updated_at = now()
    from changed as n
    where c.item_id = n.item_id and (n.has_new_link or c.deadline_at <> n.deadline_at)
)
select
    (select count(*) from link),
    (select count(*) from added),
    (select count(*) from changed),
    (select count(*) from superseded),
    (select count(*) from link where problem is not null),
    array(
        select coalesce(left(source_id, 60), '?') || ': ' || problem from link where problem is not null order by source_id limit 20
    );

-- name: analyze
-- Let the planner know of many new rows now, not when the server gets round to it.
-- Returns: nothing.
analyze holdfast.media_items, holdfast.media_copies;

-- name: add_columns
-- Add the columns that are missing: nothing is rewritten, and the table is locked for a moment only.
alter table {table} {columns};

-- name: add_column
-- A piece.
add column if not exists {column} {type}

-- name: told
-- A piece: what the rows of a table are told of their files: of the most valuable one each row has now.
select
    w.source_id::{id_type} as row_id,
    (case
        when c.required is null or c.required = 0 then 'pending'
        when c.verified = c.required then 'verified'
        when c.has_lost then 'lost'
        when c.has_failed then 'failed'
        when c.has_expired then 'expired'
        else 'pending'
    end)::{backup_status} as backup_status,
    (case when c.has_drive then c.drive_url else c.folder_url end)::{backup_drive_url} as backup_drive_url,
    c.drive_id::{backup_drive_file_id} as backup_drive_file_id,
    c.storage_url::{backup_storage_url} as backup_storage_url,
    (case when c.is_anywhere then encode(w.sha256, 'hex') end)::{backup_checksum} as backup_checksum,
    (case when c.verified = c.required then c.verified_at end)::{backed_up_at} as backed_up_at,
    left(c.problem, 1000)::{backup_error} as backup_error
from (
    select distinct on (i.source_id)
        i.source_id,
        i.item_id,
        i.sha256
    from holdfast.media_items as i
    where i.source_table = %(table)s and i.is_current and {scope}
    order by i.source_id, array_position(%(media_classes)s::text[], i.media_class), i.item_id desc
) as w
cross join lateral (
    select
        count(*) filter (where is_required) as required,
        count(*) filter (where is_required and state = 'verified') as verified,
        bool_or(is_required and state = 'lost') as has_lost,
        bool_or(is_required and state = 'failed') as has_failed,
        bool_or(is_required and state = 'expired') as has_expired,
        coalesce(bool_or(vault = 'drive' and (is_required or state = 'verified')), false) as has_drive,
        bool_or(state = 'verified') as is_anywhere,
        max(coalesce(url, remote_id)) filter (where vault = 'drive' and state = 'verified') as drive_url,
        max(coalesce(url, remote_id)) filter (where vault = 'folder' and state = 'verified') as folder_url,
        max(remote_id) filter (where vault = 'drive' and state = 'verified') as drive_id,
        max(coalesce(url, remote_id)) filter (where vault = 's3' and state = 'verified') as storage_url,
        max(verified_at) filter (where is_required) as verified_at,
        string_agg(vault || ': ' || problem, '; ' order by vault) filter (where is_required and problem <> '') as problem
    from holdfast.media_copies
    where item_id = w.item_id
) as c

-- name: rows_of_items
-- A piece: the rows of some files.
i.source_id in (
    select source_id from holdfast.media_items where source_table = %(table)s and item_id = any(%(item_ids)s::bigint[])
)

-- name: rows_by_id
-- A piece: rows by their ids.
i.source_id = any(%(source_ids)s::text[])

-- name: all_rows
-- A piece: every row.
true

-- name: behind
-- Rows that say something else than the books.
-- Returns: their ids.
select t.{id}::text
from ({told}) as told
inner join {table} as t on t.{id} = told.row_id
where ({theirs}) is distinct from ({ours});

-- name: tell
-- Tell rows what the books say, where it is something else. A row that somebody else holds is left for another time.
-- Returns: nothing.
with told as ({told}),
free as (
    select t.{id} as row_id
    from {table} as t
    inner join told on told.row_id = t.{id}
    where ({theirs}) is distinct from ({ours})
    for no key update of t skip locked
)
update {table} as t
set {assignments}
from told
inner join free on free.row_id = told.row_id
where t.{id} = told.row_id;

-- name: sums
-- A sum of what rows say, for each of 256 groups of them.
-- Returns: group, sum.
select
    hashtextextended(t.{id}::text, 0) & 255,
    sum(hashtextextended(concat_ws('|', t.{id}::text, {texts}), 0)::numeric)::text
from {table} as t
where t.backup_status is not null
group by 1;

-- name: said
-- What the rows of some groups say.
-- Returns: id, then the columns, as text.
select
    t.{id}::text,
    {texts}
from {table} as t
where t.backup_status is not null and hashtextextended(t.{id}::text, 0) & 255 = any(%(groups)s::bigint[]);

-- name: copy
-- Say the same in rows that say something else.
-- Returns: nothing.
with told as (
    select {casts}
    from unnest({parameters}) as o ({names})
),
free as (
    select t.{id} as row_id
    from {table} as t
    inner join told on told.row_id = t.{id}
    where ({theirs}) is distinct from ({ours})
    for no key update of t skip locked
)
update {table} as t
set {assignments}
from told
inner join free on free.row_id = told.row_id
where t.{id} = told.row_id;
