-- Comparing: statements about a table that is known only when they run. Names in braces are put in by the driver, quoted.
-- The table is always called t.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: sums
-- Count and combined hash of every bucket. The inner query stays apart, or the hash would be worked out twice.
-- Returns: one row of three arrays: bucket, rows, exclusive or of their hashes.
select
    coalesce(array_agg(bucket), '{{}}'),
    coalesce(array_agg(row_count), '{{}}'),
    coalesce(array_agg(hash), '{{}}')
from (
    select
        bucket,
        count(*) as row_count,
        bit_xor(hash) as hash
    from (
        select
            {bucket} as bucket,
            {hash} as hash
        from {table} as t
        where {scope}
        offset 0
    ) as hashed
    group by bucket
) as summed

-- name: listed
-- Rows of a window.
-- Returns: one row: arrays of the key's columns and of the hashes.
select {aggregates}
from (
    select {outputs}
    from {table} as t
    where {scope}
    limit %(most)s
) as found

-- name: fresh
-- Rows that were written since the mark.
-- Returns: one row: arrays of the key's columns and of the hashes.
select {aggregates}
from (
    select {outputs}
    from {table} as t
    where age(t.xmin) <= age(%(mark)s::text::xid) and {scope}
    limit %(most)s
) as found

-- name: ranges
-- Rows of some ranges of keys. Aggregated range by range, so that each is read through the index.
-- Returns: one row per range: arrays of the key's columns and of the hashes.
select summed.*
from unnest(%(firsts)s::{type}[], %(lasts)s::{type}[]) as wanted (first, last)
cross join lateral (
    select {aggregates}
    from (
        select {outputs}
        from {table} as t
        where t.{key} between wanted.first and wanted.last and {scope}
    ) as found
) as summed

-- name: buckets
-- Rows of some buckets of hashed keys.
-- Returns: one row: arrays of the key's columns and of the hashes.
select {aggregates}
from (
    select {outputs}
    from {table} as t
    where ({bucket}) = any(%(buckets)s::integer[]) and {scope}
) as found

-- name: look_up
-- Rows of some keys.
-- Returns: one row: arrays of the key's columns and of the hashes.
select {aggregates}
from (
    select {outputs}
    from unnest({arrays}) as wanted ({names})
    join {table} as t on {matches}
) as found

-- name: present
-- Those of some keys that have a row. Nothing but the key is read, so that the index is enough.
-- Returns: one row: arrays of the key's columns.
select {aggregates}
from (
    select {outputs}
    from unnest({arrays}) as wanted ({names})
    join {table} as t on {matches}
) as found

-- name: columns
-- Hashes by column of some rows.
-- Returns: the key's columns, hashes of the values as written, hashes of what they mean.
select
    {keys},
    {exact},
    {meant}
from unnest({arrays}) as wanted ({names})
join {table} as t on {matches}

-- name: values
-- Values of some rows as text, cut.
-- Returns: the key's columns, then the values.
select
    {keys},
    {values}
from unnest({arrays}) as wanted ({names})
join {table} as t on {matches}

-- name: written_before
-- Those of some keys whose rows nobody wrote since the mark.
-- Returns: the key's columns.
select {keys}
from unnest({arrays}) as wanted ({names})
join {table} as t on {matches}
where age(t.xmin) > age(%(mark)s::text::xid)

-- name: sample
-- Keys from some pages of the table.
-- Returns: the key as text.
select t.{key}::text
from {table} as t tablesample system (%(share_pct)s)
limit %(most)s

-- name: ends
-- Smallest and largest key.
-- Returns: both, null where there is no row.
select
    (select min(t.{key}) from {table} as t),
    (select max(t.{key}) from {table} as t)
