// Makes a Boost.Test program print TAP: one line for each test case, failures
// as comments above it, and the plan last, so that a crash leaves it out.
//
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <ostream>

#include <boost/test/execution_monitor.hpp>
#include <boost/test/results_collector.hpp>
#include <boost/test/results_reporter.hpp>
#include <boost/test/unit_test_log_formatter.hpp>

namespace {

class tap_formatter : public boost::unit_test::unit_test_log_formatter {
  using ostream = std::ostream;
  using unit = boost::unit_test::test_unit;
  using cref = boost::unit_test::const_string;

 public:
  void log_start(ostream&, boost::unit_test::counter_t) override {}
  void log_finish(ostream& out) override { out << "1.." << count_ << '\n'; }
  void log_build_info(ostream&, bool) override {}
  void test_unit_start(ostream&, const unit&) override {}

  void test_unit_finish(ostream& out, const unit& test, unsigned long) override
  {
    if (test.p_type != boost::unit_test::TUT_CASE)
      return;
    const auto& result = boost::unit_test::results_collector.results(test.p_id);
    out << (result.passed() ? "ok " : "not ok ") << ++count_ << " - "
        << test.full_name() << '\n';
  }

  void test_unit_skipped(ostream& out, const unit& test, cref reason) override
  {
    if (test.p_type != boost::unit_test::TUT_CASE)
      return;
    out << "ok " << ++count_ << " - " << test.full_name() << " # SKIP "
        << reason << '\n';
  }

  void log_exception_start(ostream& out,
                           const boost::unit_test::log_checkpoint_data& where,
                           const boost::execution_exception& what) override
  {
    out << "# " << where.m_file_name << ':' << where.m_line_num << ": "
        << what.what() << '\n';
  }
  void log_exception_finish(ostream&) override {}

  void log_entry_start(ostream& out,
                       const boost::unit_test::log_entry_data& entry,
                       log_entry_types) override
  {
    out << "# " << entry.m_file_name << ':' << entry.m_line_num << ": ";
  }
  void log_entry_value(ostream& out, cref value) override
  {
    for (char c : value)
      out << c << (c == '\n' ? "# " : "");
  }
  void log_entry_finish(ostream& out) override { out << '\n'; }
  void entry_context_start(ostream& out, boost::unit_test::log_level) override
  {
    out << " [";
  }
  void log_entry_context(ostream& out, boost::unit_test::log_level,
                         cref value) override
  {
    out << value << ' ';
  }
  void entry_context_finish(ostream& out, boost::unit_test::log_level) override
  {
    out << ']';
  }

 private:
  unsigned count_ = 0;
};

struct use_tap {
  use_tap()
  {
    auto& log = boost::unit_test::unit_test_log;
    log.set_formatter(new tap_formatter);
    log.set_threshold_level(boost::unit_test::log_test_units);
    boost::unit_test::results_reporter::set_level(boost::unit_test::NO_REPORT);
  }
};

// The test cases register themselves, so there is nothing to do.
bool init()
{
  return true;
}

}  // namespace

BOOST_TEST_GLOBAL_CONFIGURATION(use_tap);

int main(int argc, char** argv)
{
  return boost::unit_test::unit_test_main(&init, argc, argv);
}
