// The points: what happens at an entry and in the replacement, and the report.
// SPDX-License-Identifier: MIT
#include "testsuite/update-points/update_points.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>

extern "C" {
void update_point_entered(std::uintptr_t return_address);
std::uintptr_t update_point_replaced(unsigned number);
void update_point_replacement();
}

namespace update_points {

namespace {

std::atomic<bool> ready{false};
std::atomic<long> failures{0};
std::atomic<long> all_entries{0};
hp_level level = HP_IMMEDIATE;
long every = 1;
bool wrong = false;
const std::size_t word_size = 8;

int returns_at_once()
{
  return 0x5bad;
}

// For each point
//   41 bb imm32                mov $number,%r11d
//   ff 25 00 00 00 00          jmp *0(%rip)
//   target                     .quad update_point_replacement
constexpr std::size_t stub_size = 32;

void make_stubs(std::vector<point>& points)
{
  const std::size_t size = points.size() * stub_size;
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    std::abort();
  auto* code = static_cast<unsigned char*>(memory);
  const auto target =
      reinterpret_cast<std::uintptr_t>(&update_point_replacement);
  for (std::size_t i = 0; i < points.size(); ++i, code += stub_size) {
    const auto number = static_cast<unsigned>(i);
    code[0] = 0x41;
    code[1] = 0xbb;
    std::memcpy(code + 2, &number, sizeof number);
    code[6] = 0xff;
    code[7] = 0x25;
    std::memset(code + 8, 0, 4);
    std::memcpy(code + 12, &target, sizeof target);
    points[i].stub = reinterpret_cast<hp_function>(code);
  }
  mprotect(memory, size, PROT_READ | PROT_EXEC);
}

hp_level level_of(const char* name)
{
  if (name == nullptr || std::strcmp(name, "immediate") == 0)
    return HP_IMMEDIATE;
  if (std::strcmp(name, "strict") == 0)
    return HP_STRICT;
  if (std::strcmp(name, "quiescent") == 0)
    return HP_QUIESCENT;
  std::fprintf(stderr, "UPDATE_POINTS_LEVEL: there is no level %s\n", name);
  std::abort();
}

struct found_site {
  std::string name;
  std::uintptr_t word;
};

int note(const hp_site* site, void* data)
{
  constexpr unsigned site_profiled = 1u << 11;  // format/record.h
  if ((site->flags & site_profiled) == 0)
    return 0;
  // Static functions of several files may share a name.
  hp_site same;
  const std::string name = real_find(site->name, &same) == HP_OK
                               ? site->name
                               : std::string(site->file) + ":" + site->name;
  static_cast<std::vector<found_site>*>(data)->push_back(
      {name, reinterpret_cast<std::uintptr_t>(site->word)});
  return 0;
}

[[gnu::constructor]] void begin()
{
  const turn mine;
  level = level_of(std::getenv("UPDATE_POINTS_LEVEL"));
  wrong = std::getenv("UPDATE_POINTS_WRONG") != nullptr;
  if (const char* text = std::getenv("UPDATE_POINTS_EVERY"))
    every = std::max(1l, std::atol(text));
  std::vector<found_site> sites;
  real_each(note, &sites);
  std::sort(
      sites.begin(), sites.end(),
      [](const found_site& a, const found_site& b) { return a.word < b.word; });
  std::vector<point>& points = all_points();
  points = std::vector<point>(sites.size());
  for (std::size_t i = 0; i < sites.size(); ++i) {
    points[i].name = sites[i].name;
    points[i].word = sites[i].word;
  }
  if (!points.empty())
    make_stubs(points);
  ready = true;
}

[[gnu::destructor]] void report()
{
  // Other programs may run in the same environment.
  if (all_points().empty())
    return;
  const char* path = std::getenv("UPDATE_POINTS_REPORT");
  std::FILE* out = path != nullptr ? std::fopen(path, "w") : stderr;
  if (out == nullptr)
    return;
  long entries = 0, updates = 0, busy = 0, reached = 0;
  for (const point& each : all_points()) {
    std::fprintf(out, "%s: %ld entries, %ld updates, %ld busy\n",
                 each.name.c_str(), each.entries.load(), each.updates.load(),
                 each.busy.load());
    entries += each.entries;
    updates += each.updates;
    busy += each.busy;
    reached += each.updates != 0;
  }
  std::fprintf(out,
               "update points: %zu sites, %ld reached, %ld entries, %ld "
               "updates, %ld busy, %ld failures\n",
               all_points().size(), reached, entries, updates, busy,
               failures.load());
  if (path != nullptr)
    std::fclose(out);
}

// The call of __fentry__ stands directly before the word, or before the NOPs
// that align it.
point* point_behind(std::uintptr_t address)
{
  std::vector<point>& points = all_points();
  const auto found =
      std::lower_bound(points.begin(), points.end(), address,
                       [](const point& each, std::uintptr_t wanted) {
                         return each.word < wanted;
                       });
  return found != points.end() && found->word - address < 16 ? &*found
                                                             : nullptr;
}

void failed(const point& where, const char* what)
{
  if (failures++ == 0)
    std::fprintf(stderr, "update points: %s of %s: %s\n", what,
                 where.name.c_str(), hp_error_message());
}

hp_status commit(hp_transaction* one)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 1000};
  const hp_status status = real_commit(one, &options);
  if (status != HP_OK)
    hp_abort(one);
  return status;
}

hp_status apply(point& here)
{
  hp_site site;
  if (const hp_status status = real_find(here.name.c_str(), &site);
      status != HP_OK)
    return status;
  const auto target = reinterpret_cast<std::uintptr_t>(site.target);
  // One that could not be taken back is on its way onward already.
  if (target != reinterpret_cast<std::uintptr_t>(here.stub))
    here.onward = target != 0 ? target : here.word + word_size;
  hp_transaction* const one = hp_begin();
  hp_add_apply_flags(one, here.name.c_str(), here.stub, HP_ANY_PROTOTYPE);
  return commit(one);
}

hp_status take_back(point& here)
{
  hp_transaction* const one = hp_begin();
  hp_add_remove(one, here.name.c_str(), here.stub);
  return commit(one);
}

// Whether this thread is on its way from an entry to the replacement.
alignas(turn) thread_local unsigned char turn_memory[sizeof(turn)];
thread_local point* under_way = nullptr;

void end_point(point& here)
{
  if (take_back(here) != HP_OK)
    failed(here, "the revert");
  under_way = nullptr;
  reinterpret_cast<turn*>(turn_memory)->~turn();
}

}  // namespace

std::vector<point>& all_points()
{
  static auto& points = *new std::vector<point>;
  return points;
}

}  // namespace update_points

using namespace update_points;

void update_point_entered(std::uintptr_t return_address)
{
  if (!ready || under_way != nullptr)
    return;
  point* const here = point_behind(return_address);
  if (here == nullptr)
    return;
  ++here->entries;
  if (all_entries++ % every != 0)
    return;
  auto* const mine = new (turn_memory) turn;
  if (!mine->taken()) {
    mine->~turn();
    return;
  }
  const hp_status status = apply(*here);
  if (status == HP_OK) {
    under_way = here;
    ++here->updates;
    return;
  }
  if (status == HP_BUSY)
    ++here->busy;
  else
    failed(*here, "the apply");
  mine->~turn();
}

// Another thread may come here as well; it only goes on.
std::uintptr_t update_point_replaced(unsigned number)
{
  point& here = all_points()[number];
  const std::uintptr_t onward =
      wrong ? reinterpret_cast<std::uintptr_t>(&returns_at_once)
            : here.onward.load();
  if (under_way == &here)
    end_point(here);
  return onward;
}
