-- Put a document in the place of the one that is expected there.
-- KEYS[1]: the breaker. ARGV: expected (empty: none), document, milliseconds to keep it.
-- Returns 1, or 0 where another one stands there by now. Billed: EVAL, GET and, where it fits, SET.
local found = redis.call('GET', KEYS[1]) or ''
if found ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
