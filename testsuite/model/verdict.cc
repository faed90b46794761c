// Explorations as test results.
// SPDX-License-Identifier: MIT
#include "testsuite/model/verdict.h"

#include <iostream>
#include <sstream>

#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>

namespace hotpatch::model {

namespace {

// As comments of the test protocol.
void log(const std::string& text)
{
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    std::cout << "# " << line << '\n';
}

std::string summary(const std::string& what, const scenario& scenario,
                    const exploration& seen)
{
  return what + ", " + name_of(scenario.fetch) + ", " +
         std::to_string(scenario.callers) +
         " callers: " + std::to_string(seen.states) + " states" +
         (seen.violation.empty() ? "" : ", then: " + seen.violation);
}

}  // namespace

std::string name_of(fetch_rule rule)
{
  switch (rule) {
    case fetch_rule::in_order:
      return "quadwords in order";
    case fetch_rule::any_order:
      return "quadwords in any order";
    case fetch_rule::any_bytes:
      return "any mix of bytes";
  }
  return "";
}

void check_holds(const std::string& what, const scenario& scenario)
{
  const exploration seen = explore(scenario);
  log(summary(what, scenario, seen));
  log(seen.counterexample);
  BOOST_TEST(seen.violation == "", what);
  for (const function which : scenario.functions)
    BOOST_TEST(seen.entered.contains(which),
               what << ": no call entered " << name_of(which));
}

void check_found(const std::string& what, const scenario& scenario,
                 const std::string& violation)
{
  const exploration seen = explore(scenario);
  log(summary(what, scenario, seen));
  log(seen.counterexample);
  BOOST_TEST(seen.violation.find(violation) != std::string::npos,
             what << ": found \"" << seen.violation << "\" instead of \""
                  << violation << '"');
}

}  // namespace hotpatch::model
