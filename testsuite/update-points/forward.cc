// The library's functions that a program may call, with the turn held.
// SPDX-License-Identifier: MIT
#include <dlfcn.h>
#include <mutex>

#include "testsuite/update-points/update_points.h"

namespace update_points {

namespace {

// Ready before any constructor runs; its destructor does nothing.
constinit std::mutex turns;
thread_local bool inside = false;

template <typename Function>
Function* next(Function*, const char* name)
{
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool enter()
{
  if (inside)
    return false;
  inside = true;
  turns.lock();
  return true;
}

}  // namespace

turn::turn() : taken_(enter()) {}

turn::~turn()
{
  if (!taken_)
    return;
  turns.unlock();
  inside = false;
}

hp_status real_commit(hp_transaction* transaction,
                      const hp_commit_options* options)
{
  static auto* const call = next(hp_commit, "hp_commit");
  return call(transaction, options);
}

hp_status real_find(const char* name, hp_site* site)
{
  static auto* const call = next(hp_site_find, "hp_site_find");
  return call(name, site);
}

hp_status real_each(hp_site_visitor visit, void* data)
{
  static auto* const call = next(hp_site_each, "hp_site_each");
  return call(visit, data);
}

}  // namespace update_points

extern "C" void update_point_clear_vectors();  // entry.S

// What the library leaves in vector registers, which nothing reads any more,
// may be a replacement's address: the next point saves them all on the stack,
// where a search would take it for a return.
struct dead_vectors {
  ~dead_vectors() { update_point_clear_vectors(); }
};

#define FORWARD(function, parameters, ...)                              \
  hp_status function parameters                                         \
  {                                                                     \
    static auto* const call = update_points::next(function, #function); \
    const dead_vectors behind;                                          \
    const update_points::turn mine;                                     \
    return call(__VA_ARGS__);                                           \
  }

extern "C" {
FORWARD(hp_apply_as,
        (const char* name, hp_function replacement, const char* type,
         unsigned flags),
        name, replacement, type, flags)
FORWARD(hp_revert, (const char* name), name)
FORWARD(hp_remove_as, (const char* name, hp_function replacement), name,
        replacement)
FORWARD(hp_revert_all, (), )
FORWARD(hp_commit,
        (hp_transaction * transaction, const hp_commit_options* options),
        transaction, options)
FORWARD(hp_site_find, (const char* name, hp_site* site), name, site)
FORWARD(hp_site_each, (hp_site_visitor visit, void* data), visit, data)
}
