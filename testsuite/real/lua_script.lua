-- A long run of ordinary Lua, whose every round must come to the same result
-- while functions of the interpreter are replaced under it.  Two functions
-- that lua_patcher.c replaces are watched; what they were seen to do, in this
-- order, is printed at the end.
--
-- SPDX-License-Identifier: MIT

local function exists(name)
  local file = io.open(name)
  if file then
    file:close()
  end
  return file ~= nil
end

-- Tables, closures, coroutines, strings, sorting, errors and the collector.
local function round()
  local sum = 0
  local point = {x = 1, y = 2, names = {}}
  for i = 1, 300 do
    point.x, point.y = point.y % 1000, point.x + i
    point.names["key" .. i % 17] = i
    sum = sum + point.x
  end
  local words = {}
  for word in ("the quick brown fox jumps over it"):gmatch("%a+") do
    words[#words + 1] = word:reverse()
  end
  table.sort(words, function(a, b) return a > b end)
  local produce = coroutine.wrap(function()
    for i = 1, 50 do
      coroutine.yield(i * i)
    end
  end)
  for _ = 1, 50 do
    sum = sum + produce()
  end
  local fine, message = pcall(error, {code = 42})
  sum = sum + (fine and 0 or message.code)
  return string.format("%d %s", sum, table.concat(words, ","))
end

-- Each behaviour is noted when it differs from the one before.
local seen = {upper = {}, tostring = {}}
local function note(what, behaviour)
  local list = seen[what]
  if list[#list] ~= behaviour then
    list[#list + 1] = behaviour
  end
end

local expected = round()
local rounds, wrong = 0, 0
local function run_rounds(count)
  for _ = 1, count do
    rounds = rounds + 1
    if round() ~= expected then
      wrong = wrong + 1
    end
    note("upper", string.upper("hello"))
    note("tostring", tostring(7))
  end
end

run_rounds(200)
io.open("started", "w"):close()
repeat
  run_rounds(20)
until exists("finished")
run_rounds(200)

io.write("upper: ", table.concat(seen.upper, " "), "\n")
io.write("tostring: ", table.concat(seen.tostring, " "), "\n")
io.write("wrong rounds: ", string.format("%d", wrong), "\n")
io.write("result: ", expected, "\n")
