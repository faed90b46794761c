// What the tests say about an exploration, with the number of states and the
// counterexample in the log.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_MODEL_VERDICT_H
#define HOTPATCH_TESTSUITE_MODEL_VERDICT_H

#include <string>

#include "testsuite/model/explorer.h"

namespace hotpatch::model {

inline constexpr layout layouts[] = {plain, endbr, endbr_aligned};

// The four replacements and the original.
inline constexpr function everything[] = {function::original, function::near_a,
                                          function::near_b, function::far_c,
                                          function::far_d};

std::string name_of(fetch_rule rule);

// No violation is reachable, and calls do end in every function of the
// scenario; a proof about a model in which nothing happens is worth nothing.
void check_holds(const std::string& what, const scenario& scenario);

// A violation is reachable whose text contains `violation`.
void check_found(const std::string& what, const scenario& scenario,
                 const std::string& violation);

inline constexpr char a_mix[] = "a mix of bytes";
inline constexpr char wrong_function[] = "which is not the site's function";

}  // namespace hotpatch::model

#endif
