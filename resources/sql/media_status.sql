-- How the media backup stands, for a person at a terminal. Tables: 0011_media.sql.
-- Each block: "-- name:", one line on what it does, then what it returns.

-- name: summary
-- How far each class is.
-- Returns: one row per class and status, the most valuable class first.
select
    media_class,
    status,
    files::bigint as files,
    bytes,
    completion_percentage::double precision as completion_percentage,
    oldest_deadline_at
from public.backup_status_summary
order by array_position(array['upscale', 'regular', 'images'], media_class), status;

-- name: vaults
-- How each vault is.
-- Returns: one row per vault that was ever used.
select
    v.vault,
    v.is_open or v.reopens_at <= now() as is_open,
    coalesce(v.closed_reason, '') as closed_reason,
    v.used_bytes,
    v.limit_bytes,
    v.observed_at,
    (select count(*) from holdfast.media_copies as c where c.vault = v.vault and c.state = 'verified') as copies,
    coalesce(
        (select sum(c.size_bytes) from holdfast.media_copies as c where c.vault = v.vault and c.state = 'verified'), 0
    )::bigint as copies_bytes
from holdfast.media_vaults as v
order by v.vault;

-- name: troubled
-- Copies that somebody has to look at, or that did not work lately, the nearest deadline first.
-- Returns: one row per copy.
select
    item_id,
    source_table,
    source_id,
    media_class,
    vault,
    state,
    deadline_at,
    attempts,
    problem,
    remedy
from holdfast.media_file_copies
where is_required and state <> 'verified' and (state in ('failed', 'expired', 'lost') or problem <> '')
order by deadline_at, item_id, vault
limit %(most)s;

-- name: retry
-- Queue again what ended badly: one file by its number or its row's id, or all of them.
-- Returns: nothing, rowcount = copies.
update holdfast.media_copies as c
set
    state = 'pending',
    attempts = 0,
    next_attempt_at = now(),
    updated_at = now()
from holdfast.media_items as i
where i.item_id = c.item_id and c.is_required and c.state in ('failed', 'expired', 'lost')
    and (%(is_all)s or i.item_id::text = %(id)s or i.source_id = %(id)s);
