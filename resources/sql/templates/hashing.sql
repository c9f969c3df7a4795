-- Hashing: what a value of each form is read as, and its hash. One expression per form, {value} is the column.
-- Functions that exist from PostgreSQL 14 on and give the same on all of them. Typed hashes of jsonb, arrays, numeric and
-- records are not used: jsonb_hash_extended takes [[1],2] for [[1,2]], hash_array_extended forgets dimensions,
-- hash_numeric_extended takes NaN for Infinity, and enums hash by a number that differs between databases.

-- name: uuid
uuid_hash_extended({value}, {seed})

-- name: uuid_text
hashtextextended(lower({value}::text) collate "C", {seed})

-- name: integer
hashint8extended({value}::bigint, {seed})

-- name: boolean
hashint8extended({value}::integer::bigint, {seed})

-- name: text
hashtextextended({value}::text collate "C", {seed})

-- name: as_text
hashtextextended({value}::text collate "C", {seed})

-- name: numeric
hashtextextended({value}::text, {seed})

-- name: numeric_meant
hashtextextended(trim_scale({value})::text, {seed})

-- name: numeric_text
hashtextextended(trim_scale({value}::text::numeric)::text, {seed})

-- name: float
hashtextextended({value}::text, {seed})

-- name: float_meant
hashtextextended(({value} + 0)::text, {seed})

-- name: timestamp
timestamp_hash_extended({value}::timestamp, {seed})

-- name: instant
timestamp_hash_extended({value} at time zone 'UTC', {seed})

-- name: instant_of_local
timestamp_hash_extended({value}::timestamp at time zone {zone} at time zone 'UTC', {seed})

-- name: interval
hashtextextended({value}::text, {seed})

-- name: interval_meant
interval_hash_extended({value}, {seed})

-- name: jsonb
hashtextextended({value}::text collate "C", {seed})

-- name: json
hashtextextended({value}::text collate "C", {seed})

-- name: json_meant
hashtextextended((case when strpos({value}::text, '\u0000') = 0 then {value}::jsonb::text else {value}::text end) collate "C", {seed})

-- name: numbers
hashtextextended({value}::text, {seed})

-- name: numbers_meant
hashtextextended(regexp_replace(regexp_replace(regexp_replace({value}::text, '(\.[0-9]*[1-9])0+(?=[],)}}])', '\1', 'g'), '\.0+(?=[],)}}])', '', 'g'), '([[({{,])-0(?=[],)}}])', '\10', 'g'), {seed})
