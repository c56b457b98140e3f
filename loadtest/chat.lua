-- Chat requests of 1 KB for wrk: `wrk … -s chat.lua URL -- hit|miss SALT [KEY] [PATH]`.
-- A miss has to be a prompt never sent before, and wrk must stay cheaper than what it measures: filler
-- texts are made beforehand, and per request only a counter is put between two halves.

local BODY_BYTES = 1024
local WORDS = { "city", "river", "book", "train", "music", "water", "light", "house", "tree", "road", "bread",
  "stone", "glass", "paper", "ocean", "garden", "winter", "summer", "morning", "night" }

local before, after, only
local sent = 0

function init(args)
  local mode, salt = args[1] or "miss", args[2] or "0"
  local key, path = args[3] or "", args[4] or "/v1/chat/completions"
  math.randomseed(tonumber(salt) or 0)
  -- The nonce has sixteen places: the salt tells runs apart, the counter requests.
  local nonce_head = string.format("%07d", (tonumber(salt) or 0) % 10000000)
  local start = '{"model":"gpt-4o-mini","temperature":0,"max_tokens":256,"messages":[{"role":"user","content":"nonce=' .. nonce_head
  local fill = {}
  local bytes = #start + 9 + 4
  while bytes < BODY_BYTES - 8 do
    local word = WORDS[math.random(#WORDS)]
    fill[#fill + 1] = " " .. word
    bytes = bytes + #word + 1
  end
  local finish = table.concat(fill) .. '"}]}'
  local length = #start + 9 + #finish
  local head = "POST " .. path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. (wrk.port or "80") .. "\r\nContent-Type: application/json\r\n"
  if key ~= "" then
    head = head .. "Authorization: Bearer " .. key .. "\r\n"
  end
  before = head .. "Content-Length: " .. length .. "\r\n\r\n" .. start
  after = finish
  if mode == "hit" then
    only = before .. "000000000" .. after
  end
end

function request()
  if only then
    return only
  end
  sent = sent + 1
  return before .. (100000000 + sent) .. after
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"duration_us":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,' ..
    '"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.connect, errors.read, errors.write, errors.status,
    errors.timeout, latency:percentile(50), latency:percentile(99)))
end
