"""The two atomic steps of topic_cache.py, as Redis scripts."""

MARK_SECONDS = 60
"""Far above the longest load, which the statement timeout limits."""

# ARGV: space, token, body, TTL, then topics with their thresholds. Returns whether the body was stored.
STORE = """
local space, token = ARGV[1], tonumber(ARGV[2])
local generation = redis.call('GET', space .. ':generation') or '0'
local forgotten = tonumber(redis.call('GET', space .. ':events') or '0') < token
if forgotten or tonumber(generation) > token then return 0 end
for i = 5, #ARGV, 2 do
  local mark = redis.call('GET', space .. ':mark:' .. ARGV[i])
  if mark and tonumber(mark) > token then return 0 end
end
redis.call('SET', KEYS[1], generation .. '\\n' .. ARGV[3], 'EX', ARGV[4])
for i = 5, #ARGV, 2 do
  local about = space .. ':about:' .. ARGV[i]
  redis.call('ZADD', about, ARGV[i + 1], KEYS[1])
  if redis.call('TTL', about) < tonumber(ARGV[4]) then redis.call('EXPIRE', about, ARGV[4]) end
end
return 1
"""

# ARGV: space, whether everything changed (1 or 0), then topics with their weights.
# When Redis restarts empty, marks are lost with the answers. So the event number follows the clock and still grows, the
# first event begins a generation, and STORE refuses a token that Redis no longer knows.
INVALIDATE = """
local space, everything = ARGV[1], ARGV[2] == '1'
local clock = redis.call('TIME')
local last = tonumber(redis.call('GET', space .. ':events') or '0')
local event = string.format('%.0f', math.max(last + 1, clock[1] * 1000000 + clock[2]))
redis.call('SET', space .. ':events', event)
if everything or last == 0 then redis.call('SET', space .. ':generation', event) end
for i = 3, #ARGV, 2 do
  redis.call('SET', space .. ':mark:' .. ARGV[i], event, 'EX', {mark})
  local about = space .. ':about:' .. ARGV[i]
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', about, '-inf', ARGV[i + 1])) do redis.call('UNLINK', key) end
  redis.call('ZREMRANGEBYSCORE', about, '-inf', ARGV[i + 1])
end
return event
""".replace("{mark}", str(MARK_SECONDS))
