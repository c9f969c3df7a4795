-- Doctor: what a dependency says about itself. Reads the catalogs only.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: ping
-- The shortest question.
-- Returns: 1.
select 1 as answer;

-- name: facts
-- Version, rights and size, in one round trip.
-- Returns: one row of resources.doctor.Facts.
select
    current_setting('server_version') as version,
    current_setting('server_version_num')::int as version_number,
    pg_database_size(current_database()) as size_bytes,
    pg_is_in_recovery() as is_standby,
    current_setting('default_transaction_read_only') = 'on' as is_read_only,
    has_database_privilege(current_database(), 'create') as may_create,
    (select rolsuper or rolcreaterole from pg_catalog.pg_roles where rolname = current_user) as may_create_role,
    current_user::text as role_name,
    to_regclass('runs') is not null as has_dagster_tables,
    current_schema()::text as schema_name;
