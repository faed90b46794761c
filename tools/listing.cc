// Demangling the names of a listing in several threads.
//
// SPDX-License-Identifier: MIT
#include "tools/listing.h"

#include <algorithm>
#include <future>
#include <thread>

#include "runtime/sites/name_demangle.h"

namespace hotpatch::tools {

namespace {

// Below this many names a thread costs more than it saves.
constexpr std::size_t worth_a_thread = 4096;

// The demangler gives up on names that would need more.
constexpr std::size_t longest = 1 << 16;

const char* name_of(const row& one)
{
  return one.where.name;
}

const char* name_of(const alias& other)
{
  return other.name;
}

// The texts of items [begin, end) go to `arena`.  It moves while it grows, so
// the views are made when it is complete.
template <typename Item>
void demangle_range(Item* begin, Item* end, std::string& arena)
{
  std::vector<char> buffer(longest);
  std::vector<std::size_t> ends;
  ends.reserve(static_cast<std::size_t>(end - begin));
  for (Item* item = begin; item != end; ++item) {
    const char* name = name_of(*item);
    if (is_mangled(name)) {
      std::string_view text =
          demangle(name, name_form::full, buffer.data(), buffer.size());
      if (text != name)
        arena += text;
    }
    ends.push_back(arena.size());
  }
  std::size_t start = 0;
  for (std::size_t stop : ends) {
    begin++->demangled = std::string_view(arena).substr(start, stop - start);
    start = stop;
  }
}

template <typename Item>
void demangle_items(std::vector<Item>& items, std::deque<std::string>& arenas)
{
  std::size_t tasks = std::clamp<std::size_t>(
      items.size() / worth_a_thread, 1,
      std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::future<void>> running;
  for (std::size_t task = 0; task < tasks; ++task) {
    Item* begin = items.data() + items.size() * task / tasks;
    Item* end = items.data() + items.size() * (task + 1) / tasks;
    std::string& arena = arenas.emplace_back();
    auto work = [=, &arena] { demangle_range(begin, end, arena); };
    if (task + 1 < tasks)
      running.push_back(std::async(std::launch::async, work));
    else
      work();
  }
  for (auto& other : running)
    other.get();
}

}  // namespace

void demangle_names(listing& shown)
{
  demangle_items(shown.rows, shown.arenas);
  demangle_items(shown.aliases, shown.arenas);
}

}  // namespace hotpatch::tools
