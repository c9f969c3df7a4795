-- Guards: where the state of breakers is kept while Redis is away or off. Tables: migrations/0010_health.sql.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: breaker
-- The document of one breaker.
-- Returns: it, as text, or no row.
select document::text as document
from holdfast.breakers
where name = %(name)s;

-- name: now
-- The clock that everybody who shares these documents goes by.
-- Returns: one instant.
select clock_timestamp() as now_at;

-- name: swap_breaker
-- Put a document in the place of the expected one (null: none). Whoever comes second finds another one there.
-- Returns: nothing, rowcount = 1 where the expected one stood there.
insert into holdfast.breakers as b (name, document)
values (%(name)s, %(document)s::jsonb)
on conflict (name) do update
set
    document = excluded.document,
    changed_at = clock_timestamp()
where b.document = %(expected)s::jsonb;
