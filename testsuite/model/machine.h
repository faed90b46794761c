// Everything that can happen next: one writer that changes a site again and
// again, and threads, each on a core of its own, that call it all the time.
//
// Owns what counts as a violation.  A call may enter a function that was the
// site's own at some moment since the call began, and nothing else; a thread
// may execute only whole instructions of the site; and it meets no int3, which
// would kill a thread that blocks SIGTRAP.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_MODEL_MACHINE_H
#define HOTPATCH_TESTSUITE_MODEL_MACHINE_H

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "testsuite/model/protocol.h"
#include "testsuite/model/site.h"
#include "testsuite/model/text.h"

namespace hotpatch::model {

// What a thread finds that has stood in a junction for long.
enum class junction_rule {
  of_one_change,    // what the junction was made for
  rewritten,        // what it is used for now
  never_due_again,  // the same, and that it has happened once
};

struct scenario {
  std::vector<protocol> commits;    // the writer takes any of them,
  std::vector<function> functions;  // and goes from any of these to any other
  fetch_rule fetch = fetch_rule::in_order;
  model::site site{plain};
  std::size_t callers = 2;
  junction_rule junctions = junction_rule::of_one_change;

  // Demand more: as soon as one call has entered the new function, no call
  // that begins later enters the old one, on any core.
  bool at_one_moment = false;
};

enum class place : std::uint8_t {
  outside,
  at_word,
  at_pad,
  in_junction,  // before it looks
  decided,      // behind that
};

struct caller {
  place at = place::outside;
  std::uint8_t allowed = 0;       // set of functions that this call may enter
  std::uint8_t earlier = 0;       // of those: the site's own before this change
  std::uint8_t seen = 0;          // in_order: pending stores this core has seen
  function before = no_function;  // in_junction: where it leads
  function after = no_function;
  bool takes_after = false;  // decided

  auto operator<=>(const caller&) const = default;
};

struct state {
  static constexpr std::size_t most_callers = 3;
  static constexpr std::uint8_t no_plan = 0xff;

  model::text text;
  std::array<caller, most_callers> callers{};
  function active = function::original;
  function coming = no_function;
  function cell = no_function;
  function before = no_function;  // the newest junction's
  function after = no_function;
  std::uint32_t happened = 0;  // junctions that lead to what is after, a set
  std::uint8_t plan = no_plan;
  std::uint8_t step = 0;
  std::uint8_t issued = 0;  // which pieces of this step, a set
  bool stopped = false;
  bool entered_new = false;

  std::string key(std::size_t caller_count) const;
};

// A junction as a member of a set.
constexpr std::uint32_t junction_bit(function before, function after)
{
  constexpr unsigned functions = 5;
  return std::uint32_t{1} << (functions * static_cast<unsigned>(before) +
                              static_cast<unsigned>(after));
}

// A function as a member of a set.
constexpr std::uint8_t bit(function which)
{
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(which));
}

struct transition {
  state next;
  std::string violation;           // empty: none
  std::string text;                // only if asked for
  function entered = no_function;  // a call that ends in this transition
};

class machine {
 public:
  explicit machine(const scenario& scenario);

  state initial() const;

  // Every transition that is possible from here, always in the same order.
  void transitions(const state& from, bool with_text,
                   std::vector<transition>& found);

 private:
  using situation =
      std::tuple<std::size_t, function, function, pad_bytes, function>;

  void begin_plans(const state& from);
  void perform_step(const state& from);
  void issue_pieces(const state& from, const step& step);
  void next_step(state& next) const;
  void run_caller(const state& from, std::size_t index);
  void begin_call(const state& from, std::size_t index);
  void fetch_word(const state& from, std::size_t index);
  void fetch_pad(const state& from, std::size_t index);
  void look_in_junction(const state& from, std::size_t index);
  void leave_junction(const state& from, std::size_t index);
  void arrive(state next, std::size_t index, const execution& execution,
              const std::string& text);
  void forget_seen(state& state) const;
  void forget_junctions(state& state) const;
  transition& add(const state& next, std::string text,
                  std::string violation = {});
  std::uint8_t plan_for(const state& from, std::size_t commit, function to);
  std::string core(std::size_t index, const char* what) const;

  scenario scenario_;
  std::vector<steps> plans_;
  std::map<situation, std::uint8_t> known_plans_;
  std::vector<transition>* found_ = nullptr;
  bool with_text_ = false;
};

}  // namespace hotpatch::model

#endif
