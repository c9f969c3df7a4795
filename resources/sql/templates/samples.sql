-- Samples: the applications' tables, with rows and a few planted differences. For embedded stores only, not ours to keep.
-- Everything follows from one instant and from numbers: the same in both stores, and at every first start.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: begin
-- Settle the instant that all rows are made around, and the files behind links, for this transaction only.
-- Returns: one row, of no interest.
select
    set_config('holdfast.samples_at', %(now)s::timestamptz::text, true),
    set_config('holdfast.samples_files', %(files)s, true);

-- name: existing
-- Which of the applications' tables exist.
-- Returns: their names.
select c.relname::text
from pg_catalog.pg_class c
where c.relnamespace = to_regnamespace('public')
    and c.relname in ('Story', 'Scenario', 'Prompt', 'VideoAsset', 'gen_videos', 'gen_images')
order by c.relname;

-- name: tables
-- Make the tables as applications have them: keys, references, indexes, users see only their own rows.
-- Returns: nothing.
create table public."Story" (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    title text not null,
    genre text,
    content text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table public."Scenario" (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    story_id uuid references public."Story" (id),
    title text not null,
    content jsonb,
    version int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table public."Prompt" (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    scenario_id uuid references public."Scenario" (id),
    body text not null,
    tags text[] not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table public."VideoAsset" (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    prompt_id uuid references public."Prompt" (id),
    url text not null,
    duration_s numeric,
    size_bytes bigint,
    is_public boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table public.gen_videos (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    generation_model text,
    prompt text,
    video_url text,
    upscale_video_url text,
    file_size bigint,
    upscale_file_size bigint,
    created_at timestamptz not null default now(),
    expires_at timestamptz
);
create table public.gen_images (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    generation_model text,
    image_url text,
    file_size bigint,
    created_at timestamptz not null default now(),
    expires_at timestamptz
);
create index idx_story_user_genre on public."Story" (user_id, genre);
create index idx_scenario_user_created on public."Scenario" (user_id, created_at desc);
create index idx_prompt_scenario on public."Prompt" (scenario_id);
create index idx_video_asset_prompt on public."VideoAsset" (prompt_id);
create index idx_gen_videos_expires on public.gen_videos (expires_at);
create index idx_gen_images_expires on public.gen_images (expires_at);
do $$
declare
    one text;
begin
    foreach one in array array['Story', 'Scenario', 'Prompt', 'VideoAsset', 'gen_videos', 'gen_images'] loop
        execute format(
            'create policy own_rows on public.%I using (user_id = nullif(current_setting(''app.user_id'', true), '''')::uuid)',
            one
        );
        execute format('alter table public.%I enable row level security', one);
    end loop;
end
$$;

-- name: rows
-- Fill the tables: the newer a row, the higher its number, the last of them are of the last hours.
-- The last story, with one scenario, prompt and asset of its own, is a chain that nothing else refers to.
-- Returns: nothing.
insert into public."Story"
select
    md5('story ' || n)::uuid,
    md5('user ' || n * n % 37)::uuid,
    (array['The Quiet', 'A Borrowed', 'The Last', 'Our Glass', 'The Winter'])[n % 5 + 1] || ' '
    || (array['Harbour', 'Orchard', 'Signal', 'Cartographer', 'Tide', 'Machine', 'Lantern'])[n % 7 + 1] || ' ' || n,
    (array['drama', 'mystery', 'science fiction', 'comedy', 'documentary', null])[n % 6 + 1],
    repeat('She counted the steps to the water, and the water counted back. ', n % 9 + 1),
    jsonb_build_object(
        'mood', (array['calm', 'tense', 'bright'])[n % 3 + 1], 'chapters', n % 12 + 1, 'rating', round((n % 50) / 10.0, 1),
        'cast', jsonb_build_array('Ines', 'Tomas')
    ),
    at.made, least(at.made + interval '1 minute' * (n * 131 % 2000), at.latest)
from generate_series(1, 600) as n
cross join lateral (
    select
        latest - interval '14 days' * (600 - n) / 600.0 as made,
        latest
    from (select current_setting('holdfast.samples_at')::timestamptz - interval '10 minutes' as latest) as it
) as at;
insert into public."Scenario"
select
    md5('scenario ' || n)::uuid, s.user_id, s.id, s.title || ', scene ' || n,
    jsonb_build_object(
        'shots', (select jsonb_agg(jsonb_build_object('no', shot, 'seconds', 2 + (n + shot) % 6)) from generate_series(1, n % 4 + 1) as shot),
        'place', (array['pier', 'kitchen', 'roof', 'train'])[n % 4 + 1]
    ),
    n % 3 + 1, s.created_at, least(s.updated_at + interval '1 minute' * (n % 240), at.latest)
from generate_series(1, 900) as n
inner join public."Story" as s on s.id = md5('story ' || case when n = 900 then 600 else n % 560 + 1 end)::uuid
cross join (select current_setting('holdfast.samples_at')::timestamptz - interval '10 minutes' as latest) as at;
insert into public."Prompt"
select
    md5('prompt ' || n)::uuid, s.user_id, s.id,
    (array['slow push in', 'wide shot', 'handheld', 'static frame'])[n % 4 + 1] || ' on the ' || (s.content ->> 'place')
    || ', ' || (array['dusk', 'noon', 'neon rain', 'first snow'])[n * 7 % 4 + 1],
    (array['{film,35mm}', '{night}', '{storyboard,draft,ü}', '{}'])[n % 4 + 1]::text[],
    s.created_at, least(s.updated_at + interval '1 minute' * (n % 90), at.latest)
from generate_series(1, 1800) as n
inner join public."Scenario" as s on s.id = md5('scenario ' || case when n = 1800 then 900 else n % 880 + 1 end)::uuid
cross join (select current_setting('holdfast.samples_at')::timestamptz - interval '10 minutes' as latest) as at;
insert into public."VideoAsset"
select
    md5('asset ' || n)::uuid, p.user_id, p.id, 'https://assets.studio.example/' || md5('asset ' || n) || '.mp4',
    trim_scale((n % 240) / 8.0), 180000 + n * 7919::bigint % 40000000, n % 5 = 0,
    p.created_at, least(p.updated_at + interval '1 minute' * (n % 60), at.latest)
from generate_series(1, 1500) as n
inner join public."Prompt" as p on p.id = md5('prompt ' || case when n = 1500 then 1800 else n % 1700 + 1 end)::uuid
cross join (select current_setting('holdfast.samples_at')::timestamptz - interval '10 minutes' as latest) as at;
insert into public.gen_videos
select
    md5('video ' || n)::uuid, md5('user ' || n * n % 37)::uuid,
    (array['kling-2.1', 'veo-3', 'seedance-1', 'hailuo-02'])[n % 4 + 1],
    (array['a lighthouse in fog', 'paper boats', 'a city that breathes', 'hands kneading dough'])[n % 4 + 1] || ', take ' || n,
    null, null,
    900000 + n * 15485863::bigint % 60000000, case when n % 5 < 2 then 4000000 + n * 32452843::bigint % 240000000 end,
    at.made, case when n % 11 > 0 then at.made + interval '7 days' end
from generate_series(1, 1200) as n
cross join lateral (
    select current_setting('holdfast.samples_at')::timestamptz - interval '10 minutes' - interval '9 days' * (1200 - n) / 1200.0 as made
) as at;
insert into public.gen_images
select
    md5('image ' || n)::uuid, md5('user ' || n * n % 37)::uuid, (array['flux-1.1', 'imagen-4', 'recraft-3'])[n % 3 + 1],
    null, 120000 + n * 7919::bigint % 3000000,
    at.made, case when n % 13 > 0 then at.made + interval '7 days' end
from generate_series(1, 1500) as n
cross join lateral (
    select current_setting('holdfast.samples_at')::timestamptz - interval '10 minutes' - interval '9 days' * (1500 - n) / 1500.0 as made
) as at;

-- name: links
-- Give the rows whose files are there their links, sizes and deadlines.
-- Returns: nothing.
do $$
declare
    f record;
begin
    for f in
        select *
        from jsonb_to_recordset(current_setting('holdfast.samples_files')::jsonb)
            as f ("table" text, "row" int, "column" text, url text, bytes bigint, expires_at timestamptz)
    loop
        execute format(
            'update public.%I set %I = $1, %I = $2, expires_at = $3 where id = md5($4)::uuid', f."table", f."column",
            case f."column" when 'upscale_video_url' then 'upscale_file_size' else 'file_size' end
        )
        using f.url, f.bytes, f.expires_at, case f."table" when 'gen_images' then 'image ' else 'video ' end || f."row";
    end loop;
end
$$;

-- name: differences
-- Make the secondary differ, as an outage and two writers would. gen_images stays the same in both.
-- Returns: nothing.
delete from public."VideoAsset" where id = md5('asset 1500')::uuid;
delete from public."Prompt" where id in (md5('prompt 1800')::uuid, md5('prompt 1702')::uuid);
delete from public."Scenario" where id = md5('scenario 900')::uuid;
delete from public."Story" where id in (md5('story 600')::uuid, md5('story 599')::uuid, md5('story 571')::uuid);
insert into public."Story" (id, user_id, title, genre, content, metadata, created_at, updated_at)
select
    md5('story of the secondary ' || n)::uuid, md5('user ' || n)::uuid, 'Written while the primary was away ' || n, 'drama',
    'It arrived here first.', '{"mood": "tense"}', at.made, at.made
from generate_series(1, 2) as n
cross join (select current_setting('holdfast.samples_at')::timestamptz - interval '3 hours' as made) as at;
update public."Story" set title = title || ' (revised)', updated_at = updated_at + interval '1 minute'
where id in (md5('story 590')::uuid, md5('story 300')::uuid);
update public."Story" set genre = 'drama', updated_at = updated_at - interval '2 hours' where id = md5('story 583')::uuid;
update public."Story" set content = '' where id = md5('story 40')::uuid;
update public."Story" set metadata = '{"rating": 4.1, "cast": ["Ines", "Tomas"], "mood": "bright", "chapters": 6}'
where id = md5('story 41')::uuid;
update public."Scenario" set content = jsonb_set(content, '{shots,0,seconds}', '9'), updated_at = updated_at - interval '1 hour'
where id in (md5('scenario 870')::uuid, md5('scenario 12')::uuid);
update public."Prompt" set tags = '{film}', updated_at = updated_at + interval '5 seconds' where id = md5('prompt 1690')::uuid;
update public."VideoAsset" set duration_s = duration_s::numeric(12, 3) where id = md5('asset 20')::uuid;
update public."VideoAsset" set is_public = true, size_bytes = null, updated_at = updated_at - interval '1 day'
where id = md5('asset 1111')::uuid;
delete from public.gen_videos where id in (md5('video 1199')::uuid, md5('video 1200')::uuid);
update public.gen_videos set file_size = 0 where id = md5('video 640')::uuid;
drop index public.idx_scenario_user_created;
drop policy own_rows on public."VideoAsset";
alter table public."VideoAsset" disable row level security;
