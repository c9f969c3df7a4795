-- 0013 media links: where each file can be had right now, for front ends. Forward only.

create function holdfast.media_probe_every(state text, gone_count integer, deadline_at timestamptz, at timestamptz)
returns interval
language sql immutable parallel safe
as $$
    select case
        when state = 'gone' and gone_count < 2 then interval '10 minutes'
        when state = 'gone' then interval '1 day'
        when state = 'unclear' then interval '1 hour'
        when at >= deadline_at then greatest(interval '1 hour', (at - deadline_at) / 48)
        when at >= deadline_at - interval '1 day' then interval '3 hours'
        else interval '1 day'
    end
$$;
comment on function holdfast.media_probe_every is 'How long a probe of a link is good for: the nearer its deadline, the shorter; one that lives on is asked ever more seldom';

create view public.media_access_url as
select
    i.item_id,
    i.source_table,
    i.source_id,
    i.media_class,
    i.kind,
    case
        when o.answers then i.url
        when c.drive_url is not null then c.drive_url
        when c.folder_url is not null then c.folder_url
        when c.s3_url is not null then c.s3_url
        when i.origin_state <> 'gone' then i.url
    end as url,
    case
        when o.answers then 'origin'
        when c.drive_url is not null then 'drive'
        when c.folder_url is not null then 'folder'
        when c.s3_url is not null then 's3'
        when i.origin_state <> 'gone' then 'origin'
    end as served_by,
    i.origin_state,
    i.origin_checked_at,
    i.deadline_at,
    i.url as origin_url,
    c.drive_url,
    c.s3_url,
    c.folder_url,
    i.content_type,
    coalesce(i.size_bytes, i.expected_bytes) as size_bytes
from holdfast.media_items as i
cross join lateral (
    select
        case
            when i.origin_state in ('gone', 'unclear') then false
            when now() < i.deadline_at then true
            else i.origin_state = 'answers' and i.origin_checked_at >= i.deadline_at
                and i.origin_checked_at > now() - 2 * holdfast.media_probe_every(i.origin_state, 0, i.deadline_at, now())
        end as answers
) as o
cross join lateral (
    select
        max(m.url) filter (where m.vault = 'drive') as drive_url,
        max(m.url) filter (where m.vault = 's3') as s3_url,
        max(m.url) filter (where m.vault = 'folder') as folder_url
    from holdfast.media_copies as m
    where m.item_id = i.item_id and m.state = 'verified' and m.missing_at is null
) as c
where i.is_current;
comment on view public.media_access_url is 'Where each file can be had right now: one row per file that a row of the application names';
comment on column public.media_access_url.item_id is 'The file';
comment on column public.media_access_url.source_table is 'The application''s table, with its schema where that is not public';
comment on column public.media_access_url.source_id is 'Id of the row in it, as text';
comment on column public.media_access_url.media_class is 'upscale, regular or images';
comment on column public.media_access_url.kind is 'video or image';
comment on column public.media_access_url.url is 'The URL to use now: the origin''s while it answers, else of a verified copy: drive, the folder in its place, s3; else null';
comment on column public.media_access_url.served_by is 'Whose URL that is: origin, drive, folder or s3';
comment on column public.media_access_url.origin_state is 'What the origin said when it was asked last: unknown (not asked yet), answers, gone, or unclear';
comment on column public.media_access_url.origin_checked_at is 'When it was asked last';
comment on column public.media_access_url.deadline_at is 'From then on the origin is believed only while it was seen to answer';
comment on column public.media_access_url.origin_url is 'As the row says';
comment on column public.media_access_url.drive_url is 'Of the verified copy in Google Drive, null where there is none';
comment on column public.media_access_url.s3_url is 'Likewise in the S3-compatible vault; readable without a signature only where its bucket is public';
comment on column public.media_access_url.folder_url is 'Likewise in the folder vault: a file:// URL, for the machine that has the folder';
comment on column public.media_access_url.content_type is 'By the file''s own first bytes, e.g. video/mp4; empty until it was received';
comment on column public.media_access_url.size_bytes is 'As it was received; until then as the row says, null where it does not';

-- The rights of its owner: a front end needs no right to read the books, and none to read anything else of them.
create function holdfast.media_url(source_table text, source_id text, media_class text default null)
returns text
language sql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select a.url
    from public.media_access_url as a
    where a.source_table = $1 and a.source_id = $2 and (a.media_class = $3 or $3 is null)
    order by a.url is null, array_position(array['upscale', 'regular', 'images'], a.media_class), a.item_id desc
    limit 1
$$;
comment on function holdfast.media_url is 'The URL to use now for a row''s file: of the class, or of the most valuable file of the row that can be had; null where there is none';

grant select on public.media_access_url to holdfast_analyst;
revoke execute on function holdfast.media_url from public;
grant execute on function holdfast.media_url to holdfast_analyst;

-- A server may give everything in schema public to roles of its web interface (Supabase does); whose file is whose is
-- not known here, so it is given to nobody who is not named.
do $$
declare
    web text;
begin
    foreach web in array array['anon', 'authenticated'] loop
        if exists (select from pg_catalog.pg_roles where rolname = web) then
            execute format('revoke all on public.media_access_url from %I', web);
        end if;
    end loop;
end
$$;
