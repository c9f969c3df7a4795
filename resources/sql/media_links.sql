-- Links of media: which are asked next, what they said, and where each file can be had.

-- name: due
-- Links that are to be asked now: the rescue window and what is past its deadline first, then what was never asked. A
-- link is asked anew once a copy of its file was proven: from then on the copy can take over, and reading the file may
-- have been the last that its origin allowed. A link that has been dead for a week is not asked any more.
-- With "again", all of them, whatever they said last.
-- Returns: item_id, url.
select
    i.item_id,
    i.url
from holdfast.media_items as i
where i.is_current
    and (
        %(again)s
        or i.origin_checked_at is null
        or i.origin_checked_at
        <= now() - holdfast.media_probe_every(i.origin_state, i.origin_gone_count, i.deadline_at, now())
        or exists (
            select from holdfast.media_copies as c
            where c.item_id = i.item_id and c.verified_at >= i.origin_checked_at
        )
    )
    and (
        %(again)s
        or i.origin_state <> 'gone'
        or i.origin_gone_at >= now() - interval '7 days'
        or i.origin_gone_count < 2
    )
order by i.deadline_at > now() + interval '1 day', i.origin_checked_at nulls first, i.deadline_at, i.item_id
limit %(most)s;

-- name: note
-- Write down what links said. One whose row got another link meanwhile, or that was asked again since, stays as it is.
-- Returns: nothing, the number of rows touched is that of the links noted.
update holdfast.media_items as i
set
    origin_state = p.state,
    origin_checked_at = clock_timestamp() - p.age_s * interval '1 second',
    origin_problem = p.problem,
    origin_gone_at = case p.state
        when 'gone' then coalesce(i.origin_gone_at, clock_timestamp() - p.age_s * interval '1 second')
        when 'unclear' then i.origin_gone_at
    end,
    origin_gone_count = case p.state
        when 'gone' then i.origin_gone_count + 1
        when 'unclear' then i.origin_gone_count
        else 0
    end
from unnest(
    %(item_ids)s::bigint [], %(urls)s::text [], %(states)s::text [], %(problems)s::text [], %(ages_s)s::double precision []
) as p (item_id, url, state, problem, age_s)
where i.item_id = p.item_id
    and i.url = p.url
    and coalesce(i.origin_checked_at < clock_timestamp() - p.age_s * interval '1 second', true);

-- name: counts
-- Files by who serves them now.
-- Returns: media_class, served_by (empty where nobody does), files.
select
    a.media_class,
    coalesce(a.served_by, '') as served_by,
    count(*) as files
from public.media_access_url as a
group by a.media_class, coalesce(a.served_by, '')
order by a.media_class, coalesce(a.served_by, '');

-- name: switched
-- Files that a vault serves because their origin does not answer, what died last first.
-- Returns: media_class, source_table, source_id, served_by, url, origin_state, origin_checked_at, deadline_at, problem.
select
    a.media_class,
    a.source_table,
    a.source_id,
    a.served_by,
    a.url,
    a.origin_state,
    a.origin_checked_at,
    a.deadline_at,
    i.origin_problem as problem
from public.media_access_url as a
inner join holdfast.media_items as i on i.item_id = a.item_id
where a.served_by <> 'origin'
order by i.origin_gone_at desc nulls last, a.deadline_at desc, a.item_id
limit %(most)s;

-- name: unreachable
-- Files that cannot be had anywhere, the most valuable first.
-- Returns: media_class, source_table, source_id, served_by, url, origin_state, origin_checked_at, deadline_at, problem.
select
    a.media_class,
    a.source_table,
    a.source_id,
    coalesce(a.served_by, '') as served_by,
    a.origin_url as url,
    a.origin_state,
    a.origin_checked_at,
    a.deadline_at,
    i.origin_problem as problem
from public.media_access_url as a
inner join holdfast.media_items as i on i.item_id = a.item_id
where a.url is null
order by array_position(array['upscale', 'regular', 'images'], a.media_class), a.deadline_at desc, a.item_id
limit %(most)s;

-- name: best
-- Where a row's file can be had now, as holdfast.media_url chooses.
-- Returns: at most one row: url, served_by, media_class, kind, content_type, size_bytes, origin_state, origin_checked_at.
select
    a.url,
    a.served_by,
    a.media_class,
    a.kind,
    a.content_type,
    a.size_bytes,
    a.origin_state,
    a.origin_checked_at
from public.media_access_url as a
where a.source_table = %(source_table)s
    and a.source_id = %(source_id)s
    and (a.media_class = %(media_class)s or %(media_class)s::text is null)
    and a.url is not null
order by array_position(array['upscale', 'regular', 'images'], a.media_class), a.item_id desc
limit 1;

-- name: is_safe
-- Whether the file behind a URL has every copy that it needs.
-- Returns: one row, true or false.
select
    coalesce(bool_and(c.state = 'verified'), false)
from holdfast.media_items as i
inner join holdfast.media_copies as c on c.item_id = i.item_id
where i.url = %(url)s and i.is_current and c.is_required;
