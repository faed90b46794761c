// What a Boost.Test program includes first.  lib/libboost_tap.a has main() and
// makes it print TAP.
//
// This header is compiled once for all of them (Makefile.am): GCC takes a
// precompiled header only as the first one of a file, with the same options and
// macros.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_BOOST_TAP_H
#define HOTPATCH_TESTSUITE_BOOST_TAP_H

#include <sstream>
#include <string>
#include <vector>

#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>

#endif
