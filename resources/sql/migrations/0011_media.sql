-- 0011 media: files that expire, the copies of them, the queue that makes these copies, and the vaults. Forward only.

create table holdfast.media_items (
    item_id bigint generated always as identity primary key,
    source_table text not null,
    source_id text not null,
    media_class text not null check (media_class in ('upscale', 'regular', 'images')),
    kind text not null check (kind in ('video', 'image')),
    url text not null,
    url_key text not null,
    created_at timestamptz not null,
    deadline_at timestamptz not null,
    expected_bytes bigint check (expected_bytes >= 0),
    is_current boolean not null default true,
    found_at timestamptz not null default clock_timestamp(),
    etag text not null default '',
    content_type text not null default '',
    size_bytes bigint check (size_bytes > 0),
    sha256 bytea check (octet_length(sha256) = 32),
    origin_state text not null default 'unknown' check (origin_state in ('unknown', 'answers', 'gone', 'unclear')),
    origin_checked_at timestamptz,
    origin_gone_at timestamptz,
    origin_gone_count integer not null default 0,
    origin_problem text not null default '',
    unique (source_table, source_id, media_class, url_key),
    check ((size_bytes is null) = (sha256 is null)),
    check (origin_state <> 'gone' or origin_gone_at is not null)
);
create index media_items_by_deadline on holdfast.media_items (deadline_at);
create index media_items_by_age on holdfast.media_items (found_at);
comment on table holdfast.media_items is 'Files to protect: one row per file of a row of the application. A row that gets another URL gets another item; nothing is ever taken out';
comment on column holdfast.media_items.item_id is 'Its number';
comment on column holdfast.media_items.source_table is 'The application''s table, with its schema where that is not public';
comment on column holdfast.media_items.source_id is 'Id of the row in it, as text';
comment on column holdfast.media_items.media_class is 'What it is worth: upscale, regular or images';
comment on column holdfast.media_items.kind is 'What the file has to be: video or image';
comment on column holdfast.media_items.url is 'Where the file is until its deadline, as the row says; the query may be a signature';
comment on column holdfast.media_items.url_key is 'The URL without query and fragment: part of its identity';
comment on column holdfast.media_items.created_at is 'When the application made the row';
comment on column holdfast.media_items.deadline_at is 'From then on the link may be dead';
comment on column holdfast.media_items.expected_bytes is 'Size as the row says, null where it does not';
comment on column holdfast.media_items.is_current is 'Whether the row still says this URL; a row that was deleted changes nothing';
comment on column holdfast.media_items.found_at is 'When it came into the books';
comment on column holdfast.media_items.etag is 'What the origin said of the file when it was read last, empty where it says nothing';
comment on column holdfast.media_items.content_type is 'What the file is by its first bytes, e.g. video/mp4; empty until it was received';
comment on column holdfast.media_items.size_bytes is 'Size of the whole file as it was received, null until then';
comment on column holdfast.media_items.sha256 is 'Its SHA-256';
comment on column holdfast.media_items.origin_state is 'What the origin said when it was asked last: unknown (not asked yet), answers, gone, or unclear (an error that may pass)';
comment on column holdfast.media_items.origin_checked_at is 'When it was asked last';
comment on column holdfast.media_items.origin_gone_at is 'Since when it says that the file is gone, null where it does not; believed after 10 minutes';
comment on column holdfast.media_items.origin_gone_count is 'How often in a row it said so';
comment on column holdfast.media_items.origin_problem is 'What it said, empty where it answers';

create table holdfast.media_copies (
    item_id bigint not null references holdfast.media_items,
    vault text not null check (vault <> ''),
    media_class text not null check (media_class in ('upscale', 'regular', 'images')),
    deadline_at timestamptz not null,
    is_required boolean not null default true,
    state text not null default 'pending' check (
        state in ('pending', 'leased', 'uploading', 'verified', 'failed', 'expired', 'lost')
    ),
    attempts integer not null default 0 check (attempts >= 0),
    next_attempt_at timestamptz not null default clock_timestamp(),
    lease_token uuid,
    lease_owner text,
    leased_at timestamptz,
    lease_until timestamptz,
    remote_id text,
    name text,
    upload_state bytea,
    upload_etag text,
    sent_bytes bigint not null default 0 check (sent_bytes >= 0),
    size_bytes bigint,
    sha256 bytea check (octet_length(sha256) = 32),
    url text,
    is_adopted boolean not null default false,
    verified_at timestamptz,
    read_back_at timestamptz,
    missing_at timestamptz,
    problem text not null default '',
    remedy text not null default '',
    updated_at timestamptz not null default clock_timestamp(),
    primary key (item_id, vault),
    check (
        state <> 'verified'
        or (remote_id is not null and size_bytes is not null and sha256 is not null and verified_at is not null)
    ),
    check (
        (state in ('leased', 'uploading'))
        = (lease_token is not null and lease_owner is not null and leased_at is not null and lease_until is not null)
    )
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
-- What is waited for, in the order of the claim. When it is due is no part of it: a heartbeat must not touch an index.
create index media_copies_waiting on holdfast.media_copies (media_class, deadline_at, item_id, vault)
where is_required and state in ('pending', 'leased', 'uploading');
create index media_copies_ended_badly on holdfast.media_copies (media_class, deadline_at)
where is_required and state in ('failed', 'expired', 'lost');
create index media_copies_verified on holdfast.media_copies (vault, read_back_at nulls first, item_id)
where state = 'verified';
create index media_copies_missing on holdfast.media_copies (missing_at) where missing_at is not null;
create index media_copies_of_file on holdfast.media_copies (vault, remote_id) where remote_id is not null;
comment on table holdfast.media_copies is 'One row per file and vault it has to be in: where that copy is, and how far the work on it is. This table is the queue';
comment on column holdfast.media_copies.item_id is 'The file';
comment on column holdfast.media_copies.vault is 'drive, s3 or folder';
comment on column holdfast.media_copies.media_class is 'Of the file, for the order of the queue';
comment on column holdfast.media_copies.deadline_at is 'Of the file, likewise';
comment on column holdfast.media_copies.is_required is 'Whether it is asked for: the vault is configured and the file is the one its row says. Others are neither made nor counted';
comment on column holdfast.media_copies.state is 'pending, leased, uploading, verified, failed (until queued again), expired (dead link, another copy exists), lost (none does)';
comment on column holdfast.media_copies.attempts is 'Attempts that ended badly; at 8 it is failed';
comment on column holdfast.media_copies.next_attempt_at is 'While it is pending: not to be tried before then';
comment on column holdfast.media_copies.lease_token is 'While a run has it: changes with every claim, so that who lost it changes nothing any more';
comment on column holdfast.media_copies.lease_owner is 'That run';
comment on column holdfast.media_copies.leased_at is 'When it was claimed';
comment on column holdfast.media_copies.lease_until is 'From then on another run may take it over';
comment on column holdfast.media_copies.remote_id is 'By which the vault finds the file; while it is not verified: under which it is going to be stored';
comment on column holdfast.media_copies.name is 'Its path in the vault';
comment on column holdfast.media_copies.upload_state is 'Where a file that is half sent goes on; sealed, it may let its reader write into the vault';
comment on column holdfast.media_copies.upload_etag is 'What the origin said of the file when that upload began';
comment on column holdfast.media_copies.sent_bytes is 'Bytes sent in the attempt that runs';
comment on column holdfast.media_copies.size_bytes is 'Size of the verified copy';
comment on column holdfast.media_copies.sha256 is 'SHA-256 of the verified copy';
comment on column holdfast.media_copies.url is 'Where a person finds it, null where there is no such place';
comment on column holdfast.media_copies.is_adopted is 'Whether the file was in the vault already';
comment on column holdfast.media_copies.verified_at is 'When it was proven';
comment on column holdfast.media_copies.read_back_at is 'When it was last read back and hashed, null where it was not yet';
comment on column holdfast.media_copies.missing_at is 'Since when the vault does not have the file although it was verified, null where it has; a new copy is made';
comment on column holdfast.media_copies.problem is 'What went wrong last, empty where nothing did';
comment on column holdfast.media_copies.remedy is 'What to do about it';
comment on column holdfast.media_copies.updated_at is 'When this row last changed, heartbeats included';

create table holdfast.media_transfers (
    transfer_id bigint generated always as identity primary key,
    item_id bigint not null references holdfast.media_items,
    vault text not null,
    run text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null default clock_timestamp(),
    verdict text not null check (verdict in ('verified', 'again', 'failed', 'gone', 'released', 'abandoned')),
    sent_bytes bigint not null check (sent_bytes >= 0),
    is_adopted boolean not null default false,
    problem text not null default ''
);
create index media_transfers_of_vault on holdfast.media_transfers (vault, ended_at);
create index media_transfers_of_item on holdfast.media_transfers (item_id);
comment on table holdfast.media_transfers is 'Every attempt to make a copy that came to an end: one row per attempt. Kept 400 days';
comment on column holdfast.media_transfers.transfer_id is 'Its number';
comment on column holdfast.media_transfers.item_id is 'The file';
comment on column holdfast.media_transfers.vault is 'Where it was to go';
comment on column holdfast.media_transfers.run is 'The run that tried';
comment on column holdfast.media_transfers.started_at is 'When the run claimed it';
comment on column holdfast.media_transfers.ended_at is 'When the run said what came of it; abandoned: when another run took it over';
comment on column holdfast.media_transfers.verdict is 'verified, again (it may work later), failed, gone (dead link), released (undecided) or abandoned (the run fell silent)';
comment on column holdfast.media_transfers.sent_bytes is 'Bytes sent into the vault';
comment on column holdfast.media_transfers.is_adopted is 'Whether the file was in the vault already, so that nothing was sent';
comment on column holdfast.media_transfers.problem is 'What went wrong, empty where nothing did';

create table holdfast.media_vaults (
    vault text primary key check (vault <> ''),
    is_configured boolean not null default true,
    is_open boolean not null default true,
    closed_by text not null default '',
    closed_reason text not null default '',
    closed_at timestamptz,
    reopens_at timestamptz,
    used_bytes bigint,
    limit_bytes bigint,
    observed_at timestamptz,
    looked_at timestamptz,
    looked_files bigint,
    looked_bytes bigint,
    check (is_open = (closed_at is null))
);
comment on table holdfast.media_vaults is 'The vaults: whether they take files, how full they are, when they were last looked into';
comment on column holdfast.media_vaults.vault is 'drive, s3 or folder';
comment on column holdfast.media_vaults.is_configured is 'Whether this deployment uses it';
comment on column holdfast.media_vaults.is_open is 'Whether it takes files; while it is closed no run tries, but each looks again';
comment on column holdfast.media_vaults.closed_by is 'quota, rights, login, settings or daily_limit; empty while it is open';
comment on column holdfast.media_vaults.closed_reason is 'What it said and what to do, empty while it is open';
comment on column holdfast.media_vaults.closed_at is 'Since when it is closed, null while it is open';
comment on column holdfast.media_vaults.reopens_at is 'When it may be asked again, null where an operator has to do something first';
comment on column holdfast.media_vaults.used_bytes is 'How full it is, null where it does not say';
comment on column holdfast.media_vaults.limit_bytes is 'How much it holds, null where it does not say';
comment on column holdfast.media_vaults.observed_at is 'When it said so';
comment on column holdfast.media_vaults.looked_at is 'When every file in it was last listed, null where it never was';
comment on column holdfast.media_vaults.looked_files is 'How many files there were';
comment on column holdfast.media_vaults.looked_bytes is 'How large they were together';

create table holdfast.media_strays (
    vault text not null,
    remote_id text not null,
    name text not null,
    size_bytes bigint not null,
    sha256 bytea,
    md5 bytea,
    url text,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (vault, remote_id)
);
create index media_strays_by_size on holdfast.media_strays (vault, size_bytes);
comment on table holdfast.media_strays is 'Files in a vault that the books do not know, as of the last look into it. They are adopted by checksum and never deleted';
comment on column holdfast.media_strays.vault is 'drive, s3 or folder';
comment on column holdfast.media_strays.remote_id is 'By which the vault finds it';
comment on column holdfast.media_strays.name is 'Its path in the vault';
comment on column holdfast.media_strays.size_bytes is 'Its size';
comment on column holdfast.media_strays.sha256 is 'Its SHA-256 as the vault says, null where it does not';
comment on column holdfast.media_strays.md5 is 'Its MD5, likewise';
comment on column holdfast.media_strays.url is 'Where a person finds it, null where there is no such place';
comment on column holdfast.media_strays.seen_at is 'When it was first seen';

create view holdfast.media_files as
select
    i.item_id,
    i.media_class,
    i.kind,
    i.source_table,
    i.source_id,
    case
        when c.required_copies is null then 'pending'
        when c.verified_copies = c.required_copies then 'verified'
        when c.has_lost then 'lost'
        when c.has_failed then 'failed'
        when c.has_expired then 'expired'
        when c.has_uploading then 'uploading'
        when c.has_leased then 'leased'
        else 'pending'
    end as status,
    i.created_at,
    i.deadline_at,
    coalesce(i.size_bytes, i.expected_bytes) as size_bytes,
    i.content_type,
    encode(i.sha256, 'hex') as sha256,
    i.is_current,
    coalesce(c.required_copies, 0) as required_copies,
    coalesce(c.verified_copies, 0) as verified_copies,
    coalesce(c.vaults, '{}') as vaults,
    case when c.verified_copies = c.required_copies then c.verified_at end as backed_up_at,
    i.origin_state,
    coalesce(c.problem, '') as problem,
    coalesce(c.remedy, '') as remedy
from holdfast.media_items as i
left join (
    select
        item_id,
        count(*) as required_copies,
        count(*) filter (where state = 'verified') as verified_copies,
        array_agg(vault order by vault) filter (where state = 'verified') as vaults,
        max(verified_at) as verified_at,
        bool_or(state = 'lost') as has_lost,
        bool_or(state = 'failed') as has_failed,
        bool_or(state = 'expired') as has_expired,
        bool_or(state = 'uploading') as has_uploading,
        bool_or(state = 'leased') as has_leased,
        string_agg(vault || ': ' || problem, '; ' order by vault) filter (where problem <> '') as problem,
        string_agg(vault || ': ' || remedy, '; ' order by vault) filter (where remedy <> '') as remedy
    from holdfast.media_copies
    where is_required
    group by item_id
) as c on c.item_id = i.item_id;
comment on view holdfast.media_files is 'Files to protect, with how far they are: one row per file';
comment on column holdfast.media_files.item_id is 'Its number';
comment on column holdfast.media_files.media_class is 'What it is worth: upscale, regular or images';
comment on column holdfast.media_files.kind is 'video or image';
comment on column holdfast.media_files.source_table is 'The application''s table';
comment on column holdfast.media_files.source_id is 'Id of the row in it, as text';
comment on column holdfast.media_files.status is 'verified where every required copy is; else the worst of its copies: lost, failed, expired, uploading, leased, pending';
comment on column holdfast.media_files.created_at is 'When the application made the row';
comment on column holdfast.media_files.deadline_at is 'From then on the link may be dead';
comment on column holdfast.media_files.size_bytes is 'As it was received; until then as the row says, null where it does not';
comment on column holdfast.media_files.content_type is 'By its first bytes, empty until it was received';
comment on column holdfast.media_files.sha256 is 'SHA-256 in hex, null until it was received';
comment on column holdfast.media_files.is_current is 'Whether the row still says this URL';
comment on column holdfast.media_files.required_copies is 'Copies that are asked for';
comment on column holdfast.media_files.verified_copies is 'Copies of these that are proven';
comment on column holdfast.media_files.vaults is 'Where these are';
comment on column holdfast.media_files.backed_up_at is 'When the last required copy was proven, null while one is not';
comment on column holdfast.media_files.origin_state is 'What the origin said when it was asked last: unknown, answers, gone or unclear';
comment on column holdfast.media_files.problem is 'What went wrong last, by vault; empty where nothing did';
comment on column holdfast.media_files.remedy is 'What to do about it, by vault';

create view holdfast.media_file_copies as
select
    c.item_id,
    c.vault,
    i.media_class,
    i.source_table,
    i.source_id,
    c.state,
    c.is_required,
    i.deadline_at,
    c.attempts,
    case when c.state = 'pending' then c.next_attempt_at end as next_attempt_at,
    c.name,
    c.remote_id,
    c.url,
    c.size_bytes,
    encode(c.sha256, 'hex') as sha256,
    c.is_adopted,
    c.verified_at,
    c.read_back_at,
    c.missing_at,
    c.problem,
    c.remedy,
    c.updated_at
from holdfast.media_copies as c
inner join holdfast.media_items as i on i.item_id = c.item_id;
comment on view holdfast.media_file_copies is 'Copies of the files: one row per file and vault';
comment on column holdfast.media_file_copies.item_id is 'The file';
comment on column holdfast.media_file_copies.vault is 'drive, s3 or folder';
comment on column holdfast.media_file_copies.media_class is 'Class of the file';
comment on column holdfast.media_file_copies.source_table is 'The application''s table';
comment on column holdfast.media_file_copies.source_id is 'Id of the row in it, as text';
comment on column holdfast.media_file_copies.state is 'pending, leased, uploading, verified, failed, expired or lost';
comment on column holdfast.media_file_copies.is_required is 'Whether it is asked for: the vault is configured and the file is the one its row says';
comment on column holdfast.media_file_copies.deadline_at is 'From then on the link may be dead';
comment on column holdfast.media_file_copies.attempts is 'Attempts that ended badly; at 8 it is failed';
comment on column holdfast.media_file_copies.next_attempt_at is 'Not tried before then, null where it does not wait';
comment on column holdfast.media_file_copies.name is 'Its path in the vault';
comment on column holdfast.media_file_copies.remote_id is 'By which the vault finds it';
comment on column holdfast.media_file_copies.url is 'Where a person finds it';
comment on column holdfast.media_file_copies.size_bytes is 'Size of the verified copy';
comment on column holdfast.media_file_copies.sha256 is 'Its SHA-256 in hex';
comment on column holdfast.media_file_copies.is_adopted is 'Whether the file was in the vault already';
comment on column holdfast.media_file_copies.verified_at is 'When it was proven';
comment on column holdfast.media_file_copies.read_back_at is 'When it was last read back and hashed';
comment on column holdfast.media_file_copies.missing_at is 'Since when the vault does not have the file although it was verified';
comment on column holdfast.media_file_copies.problem is 'What went wrong last, empty where nothing did';
comment on column holdfast.media_file_copies.remedy is 'What to do about it';
comment on column holdfast.media_file_copies.updated_at is 'When the copy last changed';

create view public.backup_status_summary as
select
    media_class,
    status,
    count(*) as files,
    coalesce(sum(size_bytes), 0)::bigint as bytes,
    round(
        100.0 * sum(count(*) filter (where status = 'verified')) over of_class / sum(count(*)) over of_class, 2
    ) as completion_percentage,
    round(
        100.0 * coalesce(sum(sum(size_bytes) filter (where status = 'verified')) over of_class, 0)
        / nullif(sum(sum(size_bytes)) over of_class, 0),
        2
    ) as completion_percentage_of_bytes,
    min(deadline_at) as oldest_deadline_at
from holdfast.media_files
where is_current
group by media_class, status
window of_class as (partition by media_class);
comment on view public.backup_status_summary is 'How far the backup is: one row per class and status of the files that the application''s rows name now';
comment on column public.backup_status_summary.media_class is 'upscale, regular or images';
comment on column public.backup_status_summary.status is 'Of a file: verified where every required copy is proven, else the worst of its copies';
comment on column public.backup_status_summary.files is 'Files of this class in this status';
comment on column public.backup_status_summary.bytes is 'Bytes of these, as received, else as the rows say; a size nobody knows is not counted';
comment on column public.backup_status_summary.completion_percentage is 'Verified files of all files of the class, 0 to 100: the same in each row of a class';
comment on column public.backup_status_summary.completion_percentage_of_bytes is 'The same by bytes, null where no size is known';
comment on column public.backup_status_summary.oldest_deadline_at is 'The earliest deadline of these files';

grant select on
    holdfast.media_files,
    holdfast.media_file_copies,
    holdfast.media_transfers,
    holdfast.media_vaults,
    holdfast.media_strays,
    public.backup_status_summary
to holdfast_analyst;
