-- What Lua programs do: calls, tables, closures, strings, sorting.
-- SPDX-License-Identifier: MIT
local function fibonacci(n)
  return n < 2 and n or fibonacci(n - 1) + fibonacci(n - 2)
end

local function words(count)
  local parts = {}
  for i = 1, count do
    parts[#parts + 1] = ("word%d"):format(i * 7919 % count)
  end
  table.sort(parts)
  return table.concat(parts, " "):gsub("%d+", function(digits)
    return #digits
  end)
end

local function sieve(limit)
  local composite, primes = {}, 0
  for i = 2, limit do
    if not composite[i] then
      primes = primes + 1
      for j = i * i, limit, i do
        composite[j] = true
      end
    end
  end
  return primes
end

local function objects(count)
  local class = {}
  class.__index = class
  function class:add(x)
    self.sum = self.sum + x
    return self
  end
  local one = setmetatable({sum = 0}, class)
  for i = 1, count do
    one:add(i % 3):add(1)
  end
  return one.sum
end

local size = tonumber(arg[1])
assert(fibonacci(20) == 6765)
fibonacci(18 + size)
words(20000 * size)
sieve(200000 * size)
objects(400000 * size)
