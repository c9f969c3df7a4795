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

-- name: compare
-- Settle all that decides how values read as text, whether rows are hidden, and how a comparison is planned, for this
-- transaction only. Grouping by a hash is planned as a sort of every row (the planner expects as many groups as rows),
-- which would write the table to temporary files once more.
-- Returns: one row, of no interest.
select
    set_config('statement_timeout', (%(timeout_ms)s::integer)::text, true),
    set_config('lock_timeout', '2000', true),
    set_config('idle_in_transaction_session_timeout', '3600000', true),
    set_config('TimeZone', 'UTC', true),
    set_config('DateStyle', 'ISO, YMD', true),
    set_config('IntervalStyle', 'postgres', true),
    set_config('bytea_output', 'hex', true),
    set_config('extra_float_digits', '1', true),
    set_config('lc_monetary', 'C', true),
    set_config('xmloption', 'content', true),
    set_config('search_path', 'pg_catalog', true),
    set_config('row_security', 'off', true),
    set_config('enable_sort', 'off', true),
    set_config('jit', 'off', true),
    set_config('work_mem', '16MB', true),
    set_config('max_parallel_workers_per_gather', '0', true);
