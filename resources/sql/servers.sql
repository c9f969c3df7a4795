-- Server templates. Tables: migrations/0004_servers.sql.
-- Instants are timestamptz in UTC. A version holds in [valid_from, valid_until).
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: lock
-- Let one change of the templates work at a time. Held to the end of the transaction.
-- Returns: one row, of no interest.
select pg_advisory_xact_lock(hashtext('holdfast.server_templates'));

-- name: newest
-- The newest version of every template, retired ones included.
-- Returns: the fields of a template, then version, origin, valid_from, retired_at.
select
    server_id,
    name,
    kind,
    environment,
    region,
    capacity,
    labels,
    upstream,
    renamed_from,
    version,
    origin,
    valid_from,
    retired_at
from holdfast.server_template_versions
where valid_until is null
order by server_id;

-- name: versions
-- Every version of one server's template, newest first.
-- Returns: the fields of a template, then version, origin, valid_from, retired_at.
select
    server_id,
    name,
    kind,
    environment,
    region,
    capacity,
    labels,
    upstream,
    renamed_from,
    version,
    origin,
    valid_from,
    retired_at
from holdfast.server_template_versions
where server_id = %(server_id)s
order by version desc;

-- name: sampled
-- Every server that was ever sampled.
-- Returns: server_id, last_sampled_at.
select
    server_id,
    last_sampled_at
from holdfast.servers;

-- name: close_version
-- A next version takes over from a server's newest.
-- Returns: nothing.
update holdfast.server_template_versions
set valid_until = greatest(%(at)s, valid_from)
where server_id = %(server_id)s and valid_until is null;

-- name: insert_version
-- Write a server's next version.
-- Returns: nothing.
insert into holdfast.server_template_versions (
    server_id,
    version,
    origin,
    name,
    kind,
    environment,
    region,
    capacity,
    labels,
    upstream,
    renamed_from,
    valid_from
)
values (
    %(server_id)s,
    %(version)s,
    %(origin)s,
    %(name)s,
    %(kind)s,
    %(environment)s,
    %(region)s,
    %(capacity)s::jsonb,
    %(labels)s::jsonb,
    %(upstream)s::text[],
    %(renamed_from)s,
    %(at)s
);

-- name: retire
-- A server is dropped from the file. Its newest version stays.
-- Returns: nothing.
update holdfast.server_template_versions
set retired_at = greatest(%(at)s, valid_from)
where server_id = %(server_id)s and valid_until is null;
