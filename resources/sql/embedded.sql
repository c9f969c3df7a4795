-- Embedded servers: what a new one gets before the migrations.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: has_database
-- Whether the database exists already.
-- Returns: true or false.
select exists (select 1 from pg_catalog.pg_database where datname = 'holdfast') as has_database;

-- name: create_database
-- Make the database, outside any transaction.
-- Returns: nothing.
create database holdfast;

-- name: has_schema
-- Whether there is room for Dagster's own storage already.
-- Returns: true or false.
select to_regnamespace('dagster') is not null as has_schema;

-- name: create_schema
-- Make room for Dagster's own storage beside ours.
-- Returns: nothing.
create schema if not exists dagster;
