// Applies and takes back a patch at every entry of every site, one by one.
//
// Loaded before a program (LD_PRELOAD) whose functions were compiled with
// -fplugin=hotpatch.so -pg -mfentry.  GCC puts a call of __fentry__ before each
// patch word: there the site is given a replacement, the thread runs into it,
// and the replacement takes itself away and goes on where the call would have
// gone.  So every call of every site goes through one apply and one revert, and
// the program must not notice.
//
//   UPDATE_POINTS_LEVEL    immediate (default), strict, quiescent
//   UPDATE_POINTS_EVERY    one of so many entries, 1
//   UPDATE_POINTS_REPORT   a file for what was done; the standard error
//   UPDATE_POINTS_WRONG    any value: the replacement returns at once, to see
//                          that the program's tests notice
//
// The program may use hotpatch itself: its changes wait until a point is over.
// Sites of objects that are loaded later are left alone.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_UPDATE_POINTS_H
#define HOTPATCH_TESTSUITE_UPDATE_POINTS_H

#include <hotpatch.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace update_points {

// One site with the replacement that leads back to it.
struct point {
  std::string name;
  std::uintptr_t word = 0;
  hp_function stub = nullptr;
  std::atomic<std::uintptr_t> onward{0};  // where calls go without the stub
  std::atomic<long> entries{0};
  std::atomic<long> updates{0};
  std::atomic<long> busy{0};
};

// By address; made once, before the program begins.
std::vector<point>& all_points();

// The library's own calls, not those that stand before them (forward.cc).
hp_status real_commit(hp_transaction* transaction,
                      const hp_commit_options* options);
hp_status real_find(const char* name, hp_site* site);
hp_status real_each(hp_site_visitor visit, void* data);

// Held during a point, and during each call of the program to the library.
// False: this thread holds it already, and must not begin another point.
class turn {
 public:
  turn();
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;
  ~turn();
  bool taken() const { return taken_; }

 private:
  const bool taken_;
};

}  // namespace update_points

#endif
