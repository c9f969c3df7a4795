-- Session: what every transaction begins with.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: begin
-- Settle what would otherwise depend on the server's or the pooler's defaults, for this transaction only.
-- Returns: one row, of no interest.
select
    set_config('statement_timeout', (%(timeout_ms)s::integer)::text, true),
    set_config('lock_timeout', (%(timeout_ms)s::integer / 5)::text, true),
    set_config('TimeZone', 'UTC', true),
    set_config('DateStyle', 'ISO, YMD', true);
