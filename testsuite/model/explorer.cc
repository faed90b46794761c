// Breadth first, so that a counterexample is as short as can be.
// SPDX-License-Identifier: MIT
#include "testsuite/model/explorer.h"

#include <cstdint>
#include <deque>
#include <stdexcept>
#include <unordered_set>
#include <vector>

namespace hotpatch::model {

namespace {

// How a state was reached first: its predecessor, and which of the
// predecessor's transitions.
struct origin {
  std::uint32_t predecessor;
  std::uint32_t transition;
};

// Walks the way again, this time with words.
std::string narrate(const scenario& scenario, machine& machine,
                    const std::vector<origin>& origins, std::uint32_t last,
                    std::uint32_t fatal)
{
  std::vector<std::uint32_t> way{fatal};
  for (; last != 0; last = origins[last].predecessor)
    way.push_back(origins[last].transition);

  std::string told;
  state now = machine.initial();
  std::vector<transition> found;
  for (auto choice = way.rbegin(); choice != way.rend(); ++choice) {
    machine.transitions(now, true, found);
    const transition& taken = found[*choice];
    const std::string before = scenario.site.describe_text(now.text);
    const std::string after = scenario.site.describe_text(taken.next.text);
    told += "  " + taken.text + '\n';
    if (after != before)
      told += "            memory: " + after + '\n';
    if (!taken.violation.empty())
      told += "  VIOLATION: " + taken.violation + '\n';
    now = state(taken.next);
  }
  return told;
}

}  // namespace

exploration explore(const scenario& scenario, std::size_t most_states)
{
  machine machine(scenario);
  std::unordered_set<std::string> visited;
  std::vector<origin> origins;
  std::deque<state> frontier;
  const auto visit = [&](const state& state, origin origin) {
    if (!visited.insert(state.key(scenario.callers)).second)
      return;
    if (visited.size() > most_states)
      throw std::length_error("the model has more states than expected");
    origins.push_back(origin);
    frontier.push_back(state);
  };

  exploration result;
  visit(machine.initial(), {0, 0});
  std::vector<transition> found;
  for (std::uint32_t number = 0; !frontier.empty(); ++number) {
    const state now = frontier.front();
    frontier.pop_front();
    machine.transitions(now, false, found);
    for (std::uint32_t i = 0; i < found.size(); ++i) {
      if (!found[i].violation.empty()) {
        result.states = visited.size();
        result.violation = found[i].violation;
        result.counterexample = narrate(scenario, machine, origins, number, i);
        return result;
      }
      if (found[i].entered != no_function)
        result.entered.insert(found[i].entered);
      visit(found[i].next, {number, i});
    }
  }
  result.states = visited.size();
  return result;
}

}  // namespace hotpatch::model
