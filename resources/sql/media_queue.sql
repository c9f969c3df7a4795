-- Media queue: copies are claimed, kept alive, and settled. The table of copies is the queue, instants are the database's.
-- A copy is due while it is asked for and either waits and its time has come, or is leased and its lease has run out.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: claim
-- Lease every due copy of the most pressing files: what expires within a day first, then by class, then by deadline.
-- A file is taken by its first due copy, so that two workers do not share one, rows that another has are passed over.
-- A copy whose lease ran out is taken over, and what was sent of it is logged.
-- Returns: one row per copy, with its file and the verified copies there are.
with handle as (
    select
        one.item_id,
        sum(one.bytes) over (order by one.is_urgent desc, one.rank, one.deadline_at, one.item_id) as bytes
    from (
        select
            arm.is_urgent,
            arm.rank,
            due.deadline_at,
            due.item_id,
            due.bytes
        from (
            select
                class.media_class,
                class.rank,
                pressing.is_urgent
            from unnest(%(media_classes)s::text[]) with ordinality as class (media_class, rank)
            cross join unnest(array[true, false]) as pressing (is_urgent)
            where pressing.is_urgent or not %(only_urgent)s::boolean
            order by pressing.is_urgent desc, class.rank
        ) as arm
        cross join lateral (
            select
                c.item_id,
                c.deadline_at,
                coalesce(i.size_bytes, i.expected_bytes, 0) as bytes
            from holdfast.media_copies as c
            inner join holdfast.media_items as i on i.item_id = c.item_id
            where c.is_required and c.state in ('pending', 'leased', 'uploading')
                and c.media_class = arm.media_class
                and c.deadline_at > case when arm.is_urgent then '-infinity' else now() + interval '24 hours' end
                and c.deadline_at <= case when arm.is_urgent then now() + interval '24 hours' else 'infinity' end
                and c.vault = any(%(vaults)s::text[])
                and case when c.state = 'pending' then c.next_attempt_at else c.lease_until end <= now()
                and (%(max_bytes)s::bigint is null or coalesce(i.size_bytes, i.expected_bytes, 0) <= %(max_bytes)s)
                and not exists (
                    select 1
                    from holdfast.media_copies as first
                    where first.item_id = c.item_id and first.vault < c.vault and first.vault = any(%(vaults)s)
                        and first.is_required and first.state in ('pending', 'leased', 'uploading')
                        and case when first.state = 'pending' then first.next_attempt_at else first.lease_until end <= now()
                )
            order by c.deadline_at, c.item_id
            limit %(most)s
            for update of c skip locked
        ) as due
        limit %(most)s -- noqa: AM09
    ) as one
),
taken as (
    select
        c.item_id,
        c.vault,
        c.state,
        c.lease_owner,
        c.leased_at,
        c.sent_bytes
    from holdfast.media_copies as c
    inner join handle as h on h.item_id = c.item_id and (%(max_bytes)s is null or h.bytes <= %(max_bytes)s)
    where c.vault = any(%(vaults)s) and c.is_required and c.state in ('pending', 'leased', 'uploading')
        and case when c.state = 'pending' then c.next_attempt_at else c.lease_until end <= now()
    for update of c skip locked
),
leased as (
    update holdfast.media_copies as c
    set
        state = 'leased',
        lease_token = gen_random_uuid(),
        lease_owner = %(owner)s,
        leased_at = now(),
        lease_until = now() + %(lease_s)s::double precision * interval '1 second',
        sent_bytes = 0,
        updated_at = now()
    from taken as t
    where c.item_id = t.item_id and c.vault = t.vault
    returning c.item_id, c.vault, c.lease_token, c.attempts, c.remote_id, c.name, c.upload_state, c.upload_etag
),
logged as (
    insert into holdfast.media_transfers (item_id, vault, run, started_at, ended_at, verdict, sent_bytes, problem)
    select
        item_id,
        vault,
        lease_owner,
        leased_at,
        now(),
        'abandoned',
        sent_bytes,
        'the run fell silent'
    from taken
    where state <> 'pending'
)
select
    i.item_id,
    i.source_table,
    i.source_id,
    i.media_class,
    i.kind,
    i.url,
    i.created_at,
    i.deadline_at,
    i.expected_bytes,
    i.etag,
    i.size_bytes,
    i.sha256,
    l.vault,
    l.lease_token,
    l.attempts,
    l.remote_id,
    l.name,
    case when l.upload_etag = i.etag then l.upload_state end as upload,
    array(
        select v.vault || ' ' || v.remote_id
        from holdfast.media_copies as v
        where v.item_id = i.item_id and v.state = 'verified'
        order by v.vault
    ) as elsewhere,
    now() as claimed_at
from leased as l
inner join holdfast.media_items as i on i.item_id = l.item_id
order by i.item_id, l.vault;

-- name: reserve
-- Keep under which ids copies are going to be stored.
-- Returns: nothing.
update holdfast.media_copies as c
set
    remote_id = one.remote_id,
    name = null,
    upload_state = null,
    upload_etag = null,
    updated_at = now()
from json_to_recordset(%(claims)s::json) as one (item_id bigint, vault text, token uuid, remote_id text)
where c.item_id = one.item_id and c.vault = one.vault and c.lease_token = one.token;

-- name: keep_upload
-- Keep where an upload can be gone on with, and what the origin said of the file it is of.
-- Returns: the token, or no row where the lease is not ours any more.
with kept as (
    update holdfast.media_copies
    set
        state = 'uploading',
        name = %(name)s,
        upload_state = %(state)s,
        upload_etag = %(etag)s,
        updated_at = now()
    where item_id = %(item_id)s and vault = %(vault)s and lease_token = %(token)s
    returning item_id, lease_token
),
noted as (
    update holdfast.media_items as i
    set etag = %(etag)s
    from kept as k
    where i.item_id = k.item_id and i.etag <> %(etag)s
)
select lease_token
from kept;

-- name: heartbeat
-- Prolong leases, and keep how much was sent.
-- Returns: the tokens that are still ours.
update holdfast.media_copies as c
set
    lease_until = now() + %(lease_s)s::double precision * interval '1 second',
    sent_bytes = one.sent_bytes,
    updated_at = now()
from json_to_recordset(%(claims)s::json) as one (item_id bigint, vault text, token uuid, sent_bytes bigint)
where c.item_id = one.item_id and c.vault = one.vault and c.lease_token = one.token
returning c.lease_token;

-- name: lock_items
-- Hold these files until the end of the transaction, in the order in which everybody does.
-- Returns: their numbers.
select item_id
from holdfast.media_items
where item_id = any(%(item_ids)s::bigint[])
order by item_id
for update;

-- name: settle
-- What came of claims: states, attempts, what was received, what was sent. A token that is not ours any more changes
-- nothing. A dead link is believed when it was dead before, some time ago. A copy that had no source gets one with the
-- first verified copy of its file. The files have to be locked by this transaction.
-- Returns: how many claims were settled.
with told as (
    select *
    from json_to_recordset(%(results)s::json) as t (
        item_id bigint, vault text, token uuid, verdict text, remote_id text, name text, url text, stored_bytes bigint, sha256 bytea,
        size_bytes bigint, etag text, content_type text, sent_bytes bigint, is_adopted boolean, problem text, remedy text,
        after_s double precision, counts boolean, starts_anew boolean
    )
),
held as (
    select
        t.*,
        c.attempts,
        c.leased_at,
        c.lease_owner,
        i.origin_gone_at,
        t.verdict = 'gone' and coalesce(i.origin_gone_at <= now() - %(confirm_s)s::double precision * interval '1 second', false)
            as is_believed,
        exists (
            select 1
            from holdfast.media_copies as o
            left join holdfast.media_vaults as v on v.vault = o.vault
            where o.item_id = c.item_id and o.vault <> c.vault and o.state = 'verified' and coalesce(v.is_configured, true)
        ) or exists (
            select 1
            from told as o
            inner join holdfast.media_copies as oc on oc.item_id = o.item_id and oc.vault = o.vault and oc.lease_token = o.token
            where o.item_id = c.item_id and o.vault <> c.vault and o.verdict = 'verified'
        ) as has_source,
        exists (
            select 1 from holdfast.media_copies as o where o.item_id = c.item_id and o.vault <> c.vault and o.state = 'verified'
        ) as has_other
    from told as t
    inner join holdfast.media_copies as c on c.item_id = t.item_id and c.vault = t.vault and c.lease_token = t.token
    inner join holdfast.media_items as i on i.item_id = c.item_id
),
decided as (
    select
        h.*,
        case
            when h.verdict in ('verified', 'failed') then h.verdict
            when h.verdict = 'again' and h.counts and h.attempts + 1 >= %(most_attempts)s::integer then 'failed'
            when not h.is_believed then 'pending'
            when h.has_source and h.attempts + 1 < %(most_attempts)s then 'pending'
            when h.has_source or h.has_other then 'expired'
            else 'lost'
        end as state,
        case
            when h.verdict = 'again' and h.counts or h.is_believed and h.has_source then h.attempts + 1
            when h.verdict = 'verified' then 0
            else h.attempts
        end as attempts_now,
        case
            when h.verdict = 'again' then now() + h.after_s * interval '1 second'
            when h.verdict = 'gone' and not h.is_believed
                then coalesce(h.origin_gone_at, now()) + %(confirm_s)s * interval '1 second'
            -- At once, as its source has only just come; and less and less often where that cannot be read.
            when h.is_believed then now() + h.attempts * %(confirm_s)s * interval '1 second'
            else now()
        end as next_attempt_at
    from held as h
),
settled as (
    update holdfast.media_copies as c
    set
        state = d.state,
        attempts = d.attempts_now,
        next_attempt_at = d.next_attempt_at,
        lease_token = null,
        lease_owner = null,
        leased_at = null,
        lease_until = null,
        remote_id = case when d.verdict = 'verified' then d.remote_id when not d.starts_anew then c.remote_id end,
        name = case when d.verdict = 'verified' then d.name when not d.starts_anew then c.name end,
        upload_state = case when d.verdict <> 'verified' and not d.starts_anew then c.upload_state end,
        upload_etag = case when d.verdict <> 'verified' and not d.starts_anew then c.upload_etag end,
        sent_bytes = 0,
        size_bytes = case when d.verdict = 'verified' then d.stored_bytes end,
        sha256 = case when d.verdict = 'verified' then d.sha256 end,
        url = case when d.verdict = 'verified' then d.url end,
        is_adopted = d.verdict = 'verified' and d.is_adopted,
        verified_at = case when d.verdict = 'verified' then now() end,
        read_back_at = null,
        missing_at = case when d.verdict <> 'verified' then c.missing_at end,
        problem = case when d.verdict = 'released' and d.problem = '' then c.problem else d.problem end,
        remedy = case when d.verdict = 'released' and d.problem = '' then c.remedy else d.remedy end,
        updated_at = now()
    from decided as d
    where c.item_id = d.item_id and c.vault = d.vault
    returning c.item_id
),
with_source as (
    update holdfast.media_copies as c
    set
        state = 'pending',
        attempts = 0,
        next_attempt_at = now(),
        updated_at = now()
    from (select distinct item_id from decided where state = 'verified') as d
    where c.item_id = d.item_id and c.is_required and c.state in ('expired', 'lost')
),
noted as (
    update holdfast.media_items as i
    set
        size_bytes = case when n.is_news then n.size_bytes else i.size_bytes end,
        sha256 = case when n.is_news then n.sha256 else i.sha256 end,
        etag = coalesce(nullif(n.etag, ''), i.etag),
        content_type = coalesce(nullif(n.content_type, ''), i.content_type),
        origin_state = case when n.is_gone then 'gone' when n.etag <> '' then 'answers' else i.origin_state end,
        origin_checked_at = case when n.is_gone or n.etag <> '' then now() else i.origin_checked_at end,
        origin_gone_at = case when n.is_gone then coalesce(i.origin_gone_at, now()) when n.etag <> '' then null else i.origin_gone_at end,
        origin_gone_count = case when n.is_gone then i.origin_gone_count + 1 when n.etag <> '' then 0 else i.origin_gone_count end,
        origin_problem = case when n.is_gone then n.problem when n.etag <> '' then '' else i.origin_problem end
    from (
        select
            o.item_id,
            bool_or(h.verdict = 'gone') as is_gone,
            coalesce(max(h.problem) filter (where h.verdict = 'gone'), '') as problem,
            f.etag,
            f.content_type,
            f.size_bytes,
            f.sha256,
            -- What was received first stands, unless no copy of it is left: then the file behind the link has changed.
            f.sha256 is not null and (
                o.sha256 is null
                or not exists (
                    select 1
                    from holdfast.media_copies as c
                    where c.item_id = o.item_id and c.state = 'verified' and c.sha256 = o.sha256
                )
            ) as is_news
        from held as h
        inner join holdfast.media_items as o on o.item_id = h.item_id
        left join lateral (
            select *
            from held as r
            where r.item_id = o.item_id and r.sha256 is not null and r.size_bytes > 0
            order by r.verdict = 'verified' desc, r.vault
            limit 1
        ) as f on true
        where h.verdict = 'gone' or f.sha256 is not null
        group by o.item_id, f.etag, f.content_type, f.size_bytes, f.sha256
    ) as n
    where i.item_id = n.item_id
),
logged as (
    insert into holdfast.media_transfers (
        item_id, vault, run, started_at, ended_at, verdict, sent_bytes, is_adopted, problem
    )
    select
        item_id,
        vault,
        lease_owner,
        leased_at,
        now(),
        verdict,
        sent_bytes,
        is_adopted,
        problem
    from held
    where verdict <> 'released' or sent_bytes > 0
)
select count(*)
from settled;

-- name: close_vault
-- Note that a vault takes nothing, and why.
-- Returns: nothing.
insert into holdfast.media_vaults as v (vault, is_open, closed_by, closed_reason, closed_at, reopens_at)
values (
    %(vault)s, false, %(by)s, %(reason)s, now(), now() + %(reopens_in_s)s::double precision * interval '1 second'
)
on conflict (vault) do update
set
    is_open = false,
    closed_by = excluded.closed_by,
    closed_reason = excluded.closed_reason,
    closed_at = coalesce(v.closed_at, excluded.closed_at),
    reopens_at = excluded.reopens_at;

-- name: open_vault
-- Note that a vault takes files.
-- Returns: nothing.
insert into holdfast.media_vaults as v (vault)
values (%(vault)s)
on conflict (vault) do update
set
    is_open = true,
    closed_by = '',
    closed_reason = '',
    closed_at = null,
    reopens_at = null
where not v.is_open;

-- name: closed_vaults
-- Vaults that take nothing now, one whose time has come is not among them.
-- Returns: vault, reason.
select
    vault,
    closed_reason
from holdfast.media_vaults
where is_configured and not is_open and (reopens_at is null or reopens_at > now())
order by vault;

-- name: sent_today
-- What was sent into a vault in 24 hours, what is being sent included.
-- Returns: one row, bytes.
select
    coalesce((
        select sum(t.sent_bytes)
        from holdfast.media_transfers as t
        where t.vault = %(vault)s and t.ended_at > now() - interval '24 hours'
    ), 0)::bigint
    + coalesce((
        select sum(c.sent_bytes)
        from holdfast.media_copies as c
        where c.vault = %(vault)s and c.is_required and c.state in ('leased', 'uploading')
    ), 0)::bigint;

-- name: note_space
-- Note how full a vault is.
-- Returns: nothing.
insert into holdfast.media_vaults (vault, used_bytes, limit_bytes, observed_at)
values (%(vault)s, %(used_bytes)s, %(limit_bytes)s, now())
on conflict (vault) do update
set
    used_bytes = excluded.used_bytes,
    limit_bytes = excluded.limit_bytes,
    observed_at = excluded.observed_at;

-- name: strays_of_size
-- Files of this size that the books do not know.
-- Returns: remote_id, name, size_bytes, sha256, md5, url.
select
    remote_id,
    name,
    size_bytes,
    sha256,
    md5,
    url
from holdfast.media_strays
where vault = %(vault)s and size_bytes = %(size_bytes)s
order by remote_id
limit 100;

-- name: has_strays
-- Whether there is a file in the vault that the books do not know.
-- Returns: one row.
select exists (select 1 from holdfast.media_strays where vault = %(vault)s);

-- name: drop_adopted
-- Forget strays that the books know by now.
-- Returns: nothing.
delete from holdfast.media_strays as s
using json_to_recordset(%(results)s::json) as one (vault text, verdict text, remote_id text)
where one.verdict = 'verified' and s.vault = one.vault and s.remote_id = one.remote_id;

-- name: due
-- What could be claimed now.
-- Returns: one row: files, their bytes, files of the rescue window, earliest deadline.
select
    count(*) as items,
    coalesce(sum(coalesce(i.size_bytes, i.expected_bytes)), 0)::bigint as bytes,
    count(*) filter (where i.deadline_at <= now() + interval '24 hours') as urgent_items,
    min(i.deadline_at) as next_deadline_at
from (
    select distinct item_id
    from holdfast.media_copies
    where is_required and state in ('pending', 'leased', 'uploading')
        and (%(media_class)s::text is null or media_class = %(media_class)s) and vault = any(%(vaults)s::text[])
        and case when state = 'pending' then next_attempt_at else lease_until end <= now()
) as c
inner join holdfast.media_items as i on i.item_id = c.item_id;
