-- 0012 media reading: every time a copy was read back from its vault and hashed. Forward only.

create table holdfast.media_readings (
    reading_id bigint generated always as identity primary key,
    item_id bigint not null references holdfast.media_items,
    vault text not null,
    run text not null,
    read_at timestamptz not null default clock_timestamp(),
    seconds double precision not null check (seconds >= 0),
    read_bytes bigint not null check (read_bytes >= 0),
    verdict text not null check (verdict in ('whole', 'damaged', 'missing')),
    remote_id text not null,
    found_sha256 bytea check (octet_length(found_sha256) = 32),
    problem text not null default ''
);
create index media_readings_by_age on holdfast.media_readings (read_at);
create index media_readings_of_item on holdfast.media_readings (item_id);
comment on table holdfast.media_readings is 'Every time a copy was read back and hashed: one row per reading that came to a verdict. Kept 400 days';
comment on column holdfast.media_readings.reading_id is 'Its number';
comment on column holdfast.media_readings.item_id is 'The file';
comment on column holdfast.media_readings.vault is 'drive, s3 or folder';
comment on column holdfast.media_readings.run is 'The run that read it';
comment on column holdfast.media_readings.read_at is 'When it was written down';
comment on column holdfast.media_readings.seconds is 'How long reading took';
comment on column holdfast.media_readings.read_bytes is 'How many bytes the vault gave';
comment on column holdfast.media_readings.verdict is 'whole (as the books say), damaged (other bytes) or missing (the vault has no such file); of these two a new copy is made';
comment on column holdfast.media_readings.remote_id is 'The file in the vault that was read; a damaged one stays there';
comment on column holdfast.media_readings.found_sha256 is 'SHA-256 of what the vault gave, null where it gave nothing';
comment on column holdfast.media_readings.problem is 'What is wrong, empty where it is whole';

grant select on holdfast.media_readings to holdfast_analyst;
