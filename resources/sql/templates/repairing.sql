-- Repairing: statements about a table that is known only when they run. Names in braces are put in by the driver, quoted.
-- The table is always called t, wanted are the rows that are asked for or written, n their numbers from 1.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: read
-- Some rows: which they are, and what they hold.
-- Returns: n, {outputs}.
select
    wanted.n,
    {outputs}
from unnest({arrays}) with ordinality as wanted ({names}, n)
join {table} as t on {matches}

-- name: lock
-- The same, locked against other writers, rows that another transaction is writing are left out.
-- Returns: n, {outputs}.
select
    wanted.n,
    {outputs}
from unnest({arrays}) with ordinality as wanted ({names}, n)
join {table} as t on {matches}
order by wanted.n
for no key update of t skip locked

-- name: lock_to_delete
-- The same, locked against those too that would refer to the rows.
-- Returns: n, {outputs}.
select
    wanted.n,
    {outputs}
from unnest({arrays}) with ordinality as wanted ({names}, n)
join {table} as t on {matches}
order by wanted.n
for update of t skip locked

-- name: insert
-- Insert rows that are not there, a row in the way of one stays, and the count tells.
-- Returns: nothing.
insert into {table} ({columns})
overriding system value
select {values}
from unnest({arrays}) as wanted ({names})
on conflict do nothing

-- name: insert_or_tell
-- The same of one row, what is in its way is an error that says so.
-- Returns: nothing.
insert into {table} ({columns})
overriding system value
select {values}
from unnest({arrays}) as wanted ({names})

-- name: update
-- Change rows.
-- Returns: nothing.
update {table} as t
set {assignments}
from unnest({arrays}) as wanted ({names})
where {matches}

-- name: delete
-- Delete rows.
-- Returns: nothing.
delete from {table} as t
using unnest({arrays}) as wanted ({names})
where {matches}

-- name: orphans
-- Those of some rows whose parent is missing, parents that are there are kept from going.
-- Returns: n.
select wanted.n
from unnest({arrays}) with ordinality as wanted ({names}, n)
join {table} as t on {matches}
where {is_set} and not exists (
    select 1
    from {parent} as p
    where {refers}
    for key share
)

-- name: children
-- Those of some rows that others refer to.
-- Returns: n.
select wanted.n
from unnest({arrays}) with ordinality as wanted ({names}, n)
join {table} as t on {matches}
where exists (
    select 1
    from {child} as c
    where {refers} and not ({is_going})
)

-- name: is_going
-- Whether a child goes as well.
exists (select 1 from unnest({arrays}) as other ({names}) where {matches})

-- name: move_sequence
-- Move a sequence on to a value, never back.
-- Returns: the value, or no row where it is there already.
select setval(s.tableoid::regclass, %(value)s::bigint)
from {sequence} as s
where (s.last_value < %(value)s::bigint or (s.last_value = %(value)s::bigint and not s.is_called)) and %(step)s::bigint > 0
    or (s.last_value > %(value)s::bigint or (s.last_value = %(value)s::bigint and not s.is_called)) and %(step)s::bigint < 0
