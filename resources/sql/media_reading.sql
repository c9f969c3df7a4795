-- Media read back: which copies are due, what came of reading them, and what can be restored.
-- Tables: holdfast.media_items, media_copies (migrations/0011_media.sql), media_readings (0012_media_reading.sql).
-- A copy was last proven when it was read back, else when it was made. Weeks are counted from 1970, so that every copy
-- has its turn once in as many weeks as there are slices. Instants are the database's.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: due
-- Copies to be read back: 1 those not proven for so many weeks, 2 new ones, 3 those whose slice it is this week.
-- Of these as many as fit into the bytes, at least one, the longest unproven first.
-- Returns: item_id, vault, remote_id, name, source, media_class, size_bytes, sha256, proven_at, turn.
with asked as (
    select
        c.item_id,
        c.vault,
        c.remote_id,
        c.name,
        i.source_table || '/' || i.source_id as source,
        c.media_class,
        c.size_bytes,
        c.sha256,
        coalesce(c.read_back_at, c.verified_at) as proven_at,
        case
            when coalesce(c.read_back_at, c.verified_at) <= now() - %(weeks)s::integer * interval '7 days' then 1
            when c.read_back_at is null and c.verified_at > now() - interval '7 days' then 2
            when
                mod(c.item_id, %(slices)s::integer) = mod(div(extract(epoch from now()), 604800), %(slices)s)
                and coalesce(c.read_back_at, '-infinity') < to_timestamp(div(extract(epoch from now()), 604800) * 604800)
                then 3
        end as turn
    from holdfast.media_copies as c
    inner join holdfast.media_items as i on i.item_id = c.item_id
    where c.state = 'verified' and c.vault = any(%(vaults)s::text[])
),
ordered as (
    select
        a.*,
        sum(a.size_bytes) over (order by a.turn, a.proven_at, a.item_id, a.vault) - a.size_bytes as bytes_before
    from asked as a
    where a.turn is not null
)
select
    item_id,
    vault,
    remote_id,
    coalesce(name, '') as name,
    source,
    media_class,
    size_bytes,
    sha256,
    proven_at,
    turn
from ordered
where bytes_before < %(most_bytes)s::bigint
order by turn, proven_at, item_id, vault
limit %(most)s::integer;

-- name: urgent
-- Files of the rescue window that are being worked on, or could be, in a vault that is open.
-- Returns: one row, their number.
select count(distinct c.item_id)
from holdfast.media_copies as c
left join holdfast.media_vaults as v on v.vault = c.vault
where c.is_required and c.deadline_at <= now() + interval '24 hours' and c.vault = any(%(vaults)s::text[])
    and (c.state in ('leased', 'uploading') or (c.state = 'pending' and c.next_attempt_at <= now()))
    and coalesce(v.is_open, true);

-- name: write_down
-- Write down what came of reading copies, and on whole ones when that was.
-- Returns: nothing.
with told as (
    select *
    from unnest(
        %(item_ids)s::bigint[], %(vaults)s::text[], %(remote_ids)s::text[], %(verdicts)s::text[],
        %(seconds)s::double precision[], %(read_bytes)s::bigint[], %(found)s::bytea[], %(problems)s::text[]
    ) as t (item_id, vault, remote_id, verdict, seconds, read_bytes, found_sha256, problem)
),
logged as (
    insert into holdfast.media_readings (
        item_id, vault, run, seconds, read_bytes, verdict, remote_id, found_sha256, problem
    )
    select
        item_id,
        vault,
        %(run)s,
        seconds,
        read_bytes,
        verdict,
        remote_id,
        found_sha256,
        problem
    from told
)
update holdfast.media_copies as c
set
    read_back_at = now(),
    missing_at = null,
    updated_at = now()
from told as t
where c.item_id = t.item_id and c.vault = t.vault and c.remote_id = t.remote_id and c.state = 'verified'
    and t.verdict = 'whole';

-- name: give_back
-- Let copies that are damaged or missing be made anew, where they are still the ones that were read.
-- Returns: item_id of each.
with told as (
    select *
    from unnest(
        %(item_ids)s::bigint[], %(vaults)s::text[], %(remote_ids)s::text[], %(verdicts)s::text[], %(problems)s::text[]
    ) as t (item_id, vault, remote_id, verdict, problem)
    where t.verdict <> 'whole'
)
update holdfast.media_copies as c
set
    state = 'pending',
    attempts = 0,
    next_attempt_at = now(),
    remote_id = null,
    name = null,
    upload_state = null,
    upload_etag = null,
    sent_bytes = 0,
    size_bytes = null,
    sha256 = null,
    url = null,
    is_adopted = false,
    verified_at = null,
    read_back_at = null,
    missing_at = case when t.verdict = 'missing' then coalesce(c.missing_at, now()) end,
    problem = t.problem,
    remedy = 'Nothing to do: a new copy is made from the link, or from the other vault',
    updated_at = now()
from told as t
where c.item_id = t.item_id and c.vault = t.vault and c.remote_id = t.remote_id and c.state = 'verified'
returning c.item_id;

-- name: forget_old_readings
-- Forget readings of long ago.
-- Returns: nothing.
delete from holdfast.media_readings
where read_at < now() - interval '400 days';

-- name: standing
-- How well the copies are proven. Every verified copy is one of: read back in time, made since, overdue.
-- Returns: one row: verified, read_back, fresh, overdue copies, bytes of the verified ones, when the oldest was proven.
select
    count(*) as verified_copies,
    count(*) filter (where read_back_at > now() - %(weeks)s::integer * interval '7 days') as read_back_copies,
    count(*) filter (where read_back_at is null and verified_at > now() - %(weeks)s * interval '7 days') as fresh_copies,
    count(*) filter (
        where coalesce(read_back_at, verified_at) <= now() - %(weeks)s * interval '7 days'
    ) as overdue_copies,
    coalesce(sum(size_bytes), 0)::bigint as verified_bytes,
    min(coalesce(read_back_at, verified_at)) as oldest_proof_at
from holdfast.media_copies
where state = 'verified' and vault = any(%(vaults)s::text[]);

-- name: readings_by_week
-- Readings of half a year.
-- Returns: week_at, copies, bad copies.
select
    date_trunc('week', read_at at time zone 'UTC') at time zone 'UTC' as week_at,
    count(*) filter (where verdict = 'whole')::double precision as whole,
    count(*) filter (where verdict <> 'whole')::double precision as bad
from holdfast.media_readings
where read_at > now() - interval '26 weeks'
group by 1
order by 1;

-- name: restorable
-- Every copy of the files that are asked for, one row without a vault where there is none.
-- Returns: item_id, source_table, source_id, media_class, kind, url, created_at, deadline_at, content_type, vault,
-- remote_id, name, is_adopted, size_bytes, sha256.
select
    i.item_id,
    i.source_table,
    i.source_id,
    i.media_class,
    i.kind,
    i.url,
    i.created_at,
    i.deadline_at,
    i.content_type,
    c.vault,
    c.remote_id,
    c.name,
    c.is_adopted,
    c.size_bytes,
    c.sha256
from holdfast.media_items as i
left join holdfast.media_copies as c on c.item_id = i.item_id and c.state = 'verified'
where (%(id)s::text is null or i.source_id = %(id)s or i.item_id::text = %(id)s)
    and (%(media_class)s::text is null or i.media_class = %(media_class)s)
    and (%(since)s::timestamptz is null or (i.created_at >= %(since)s and i.created_at < %(until)s::timestamptz))
order by i.item_id, c.vault;

-- name: not_mended
-- Copies whose last reading found them damaged or missing, and of which there is no new one yet.
-- Returns: vault, source, problem, read_at, the latest first.
select
    r.vault,
    i.source_table || '/' || i.source_id as source,
    r.problem,
    r.read_at
from (
    select distinct on (item_id, vault)
        item_id,
        vault,
        verdict,
        problem,
        read_at
    from holdfast.media_readings
    order by item_id, vault, reading_id desc
) as r
inner join holdfast.media_copies as c on c.item_id = r.item_id and c.vault = r.vault
inner join holdfast.media_items as i on i.item_id = r.item_id
where r.verdict <> 'whole' and c.is_required and (c.state <> 'verified' or c.verified_at < r.read_at)
order by r.read_at desc, r.vault, source;

-- name: has_copies
-- Whether a vault has, or had, a proven copy of anything.
-- Returns: one row.
select exists (select 1 from holdfast.media_copies where vault = %(vault)s and state = 'verified');
