-- Migrations. Table: holdfast.schema_migrations (migrations/0001_ground.sql).
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: lock
-- Let one process migrate at a time. Held to the end of the transaction.
-- Returns: one row, of no interest.
select pg_advisory_xact_lock(hashtext('holdfast.migrations'));

-- name: has_table
-- Whether anything was ever applied.
-- Returns: true or false.
select to_regclass('holdfast.schema_migrations') is not null as has_table;

-- name: applied
-- What was applied.
-- Returns: name, digest.
select
    name,
    digest
from holdfast.schema_migrations
order by name;

-- name: record
-- Remember that a migration was applied.
-- Returns: nothing.
insert into holdfast.schema_migrations (name, digest)
values (%(name)s, %(digest)s);
