-- 0004 servers: what every server is, as declared in a file or adopted when it was first seen. Forward only.

-- A name, not a number: a server may be declared before its first sample.
create table holdfast.server_template_versions (
    server_id text not null,
    version integer not null check (version > 0),
    origin text not null check (origin in ('declared', 'adopted')),
    name text not null,
    kind text not null,
    environment text not null,
    region text,
    capacity jsonb not null default '{}',
    labels jsonb not null default '{}',
    upstream text[] not null default '{}',
    renamed_from text,
    valid_from timestamptz not null,
    valid_until timestamptz,
    retired_at timestamptz,
    primary key (server_id, version),
    check (valid_from <= valid_until),
    check (valid_from <= retired_at)
);
create unique index server_template_versions_newest on holdfast.server_template_versions (server_id)
where valid_until is null;
comment on table holdfast.server_template_versions is 'Every version of every server''s template; none is ever deleted';
comment on column holdfast.server_template_versions.server_id is 'The server; the name its samples are kept under';
comment on column holdfast.server_template_versions.version is 'Counts up from 1';
comment on column holdfast.server_template_versions.origin is 'declared in the file, or adopted when the server was first seen';
comment on column holdfast.server_template_versions.name is 'What people call it';
comment on column holdfast.server_template_versions.kind is 'web, api, db, cache, worker, or host where nobody said';
comment on column holdfast.server_template_versions.environment is 'Servers lend baselines to each other only within one';
comment on column holdfast.server_template_versions.region is 'Where it stands, null where nobody said';
comment on column holdfast.server_template_versions.capacity is 'Expected capacity: numbers by name (cpu_cores, memory_gb, …)';
comment on column holdfast.server_template_versions.labels is 'Whatever else was written down: text by name';
comment on column holdfast.server_template_versions.upstream is 'Servers it depends on directly';
comment on column holdfast.server_template_versions.renamed_from is 'The id it had before; it took over that server''s baselines';
comment on column holdfast.server_template_versions.valid_from is 'Since when this version holds';
comment on column holdfast.server_template_versions.valid_until is 'When the next version replaced it, null for the newest';
comment on column holdfast.server_template_versions.retired_at is 'When it was dropped from the file, null where it was not';

create view holdfast.server_templates as
select
    v.server_id as id,
    v.server_id,
    v.name,
    v.kind,
    v.environment,
    v.region,
    v.capacity,
    v.labels,
    v.upstream,
    v.version,
    v.origin,
    v.renamed_from,
    v.valid_from,
    v.retired_at
from holdfast.server_template_versions as v
where v.valid_until is null;
comment on view holdfast.server_templates is 'What every server is: the newest version of its template, retired ones included';
comment on column holdfast.server_templates.id is 'The server; the same as server_id';
comment on column holdfast.server_templates.server_id is 'The server, as every other table names it';
comment on column holdfast.server_templates.name is 'What people call it';
comment on column holdfast.server_templates.kind is 'web, api, db, cache, worker, or host where nobody said';
comment on column holdfast.server_templates.environment is 'Servers lend baselines to each other only within one';
comment on column holdfast.server_templates.region is 'Where it stands, null where nobody said';
comment on column holdfast.server_templates.capacity is 'Expected capacity: numbers by name (cpu_cores, memory_gb, …)';
comment on column holdfast.server_templates.labels is 'Whatever else was written down: text by name';
comment on column holdfast.server_templates.upstream is 'Servers it depends on directly';
comment on column holdfast.server_templates.version is 'Counts up from 1';
comment on column holdfast.server_templates.origin is 'declared in the file, or adopted when the server was first seen';
comment on column holdfast.server_templates.renamed_from is 'The id it had before; it took over that server''s baselines';
comment on column holdfast.server_templates.valid_from is 'Since when this version holds';
comment on column holdfast.server_templates.retired_at is 'When it was dropped from the file, null while it is in force';

grant select on
    holdfast.server_template_versions,
    holdfast.server_templates
to holdfast_analyst;
