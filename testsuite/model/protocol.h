// The commit protocols as the model sees them: what a writer does, step by
// step, to take a site from one function to the next.
//
// A plan is only a list of steps.  The correct ones are made here; the negative
// controls take a step out of them or put others in their place.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_MODEL_PROTOCOL_H
#define HOTPATCH_TESTSUITE_MODEL_PROTOCOL_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "testsuite/model/site.h"

namespace hotpatch::model {

struct step {
  enum class kind {
    announce,  // from here on calls may enter `to`
    store,     // one store instruction; only an aligned quadword is whole
    copy,      // byte by byte: upwards under in_order, otherwise in any order
    cell,      // the pad's cell holds `to`; data, so every core sees it
    due,       // the junction from `from` to `to` leads to `from`
    lead,      // the cell holds that junction
    happen,    // the junction leads to `to`, as those of all other sites do
    barrier,   // every core serialises
    stop,      // the callers stand still, each between two instructions
    resume,
    conclude,  // calls that begin from here on must enter `to`
  };

  kind what;
  function to = no_function;
  function from = no_function;
  std::uint8_t at = 0;
  std::vector<std::uint8_t> bytes = {};

  bool operator==(const step&) const = default;
};

using steps = std::vector<step>;

// A site at rest, as a writer finds it.
struct resting {
  function active;
  function cell;  // what the cell holds
  pad_bytes pad;  // what stands before the symbol
};

using protocol = std::function<steps(const site&, const resting&, function to)>;

// One aligned store, then a barrier; through the cell and the pad if far.
steps immediate(const site& site, const resting& from, function to);

// The word leads through the pad, then the cell changes: the moment at which
// the function changes, for every thread.
steps strict(const site& site, const resting& from, function to);

// The same as one of several sites: the cell holds a junction, and the store
// that all junctions look at is the moment.
steps strict_of_several(const site& site, const resting& from, function to);

// Everybody stands still while the bytes are copied.
steps stopped(const site& site, const resting& from, function to);

// Both, given up and put back when the word leads through the pad.  Nobody may
// ever notice, so the new function is not announced.
steps strict_given_up(const site& site, const resting& from, function to);
steps strict_of_several_given_up(const site& site, const resting& from,
                                 function to);

// The same plan without its count-th step of a kind, counted from one.  A plan
// that has fewer is left as it is.
protocol without(protocol whole, step::kind kind, std::size_t count);

// Building bricks.
step store_of(std::size_t at, std::span<const std::uint8_t> bytes);
step copy_of(std::size_t at, std::span<const std::uint8_t> bytes);

std::string describe(const step& step, const site& site);

}  // namespace hotpatch::model

#endif
