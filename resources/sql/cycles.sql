-- Buffer of cycles without Redis. Table: holdfast.metrics_cycles (migrations/0002_metrics.sql).
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: lock
-- Let one writer append at a time, so that numbers commit in their order. Held to the end of the transaction.
-- Returns: one row, of no interest.
select pg_advisory_xact_lock(hashtext('holdfast.metrics_cycles'));

-- name: append
-- Add one packed cycle.
-- Returns: nothing.
insert into holdfast.metrics_cycles (packed)
values (%(packed)s);

-- name: read_from
-- The entry of a number and those behind it, oldest first.
-- Returns: cycle_no, milliseconds since the epoch when it arrived, packed.
select
    cycle_no,
    (extract(epoch from appended_at) * 1000)::bigint as appended_ms,
    packed
from holdfast.metrics_cycles
where cycle_no >= %(cycle_no)s
order by cycle_no
limit %(row_limit)s;

-- name: delete_before
-- Drop the entries before a number.
-- Returns: nothing.
delete from holdfast.metrics_cycles
where cycle_no < %(cycle_no)s;
