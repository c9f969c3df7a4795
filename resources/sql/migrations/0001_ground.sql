-- 0001 ground: the schema, what was applied to it, watermarks, the analysts' role. Forward only.

create schema if not exists holdfast;
comment on schema holdfast is 'Holdfast: metrics, baselines, consistency, media, conversations and platform data';

create table holdfast.schema_migrations (
    name text primary key,
    digest text not null,
    applied_at timestamptz not null default clock_timestamp()
);
comment on table holdfast.schema_migrations is 'Migrations that were applied to this database';
comment on column holdfast.schema_migrations.name is 'File name without ending';
comment on column holdfast.schema_migrations.digest is 'sha256 of the file as it was applied';
comment on column holdfast.schema_migrations.applied_at is 'When it was applied';

create table holdfast.watermarks (
    name text primary key,
    position text not null,
    covers_until timestamptz,
    moved_at timestamptz not null default clock_timestamp()
);
comment on table holdfast.watermarks is 'How far each reader has read; moves in the transaction of the rows it covers';
comment on column holdfast.watermarks.name is 'The reader';
comment on column holdfast.watermarks.position is 'Position of the last entry that is stored';
comment on column holdfast.watermarks.covers_until is 'Instant of the newest data that was read';
comment on column holdfast.watermarks.moved_at is 'When it last moved';

do $$
begin
    if not exists (select from pg_roles where rolname = 'holdfast_analyst') then
        create role holdfast_analyst nologin;
    end if;
exception
    -- Another database of the same server is migrated at the same moment: roles are shared.
    when duplicate_object or unique_violation then null;
    when insufficient_privilege then
        raise exception 'the role holdfast_analyst is missing and this login may not create it'
            using hint = 'run once as an administrator: create role holdfast_analyst nologin';
end
$$;
grant usage on schema holdfast to holdfast_analyst;
