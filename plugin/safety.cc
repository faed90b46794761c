// Keeps GCC from optimising callers by what it sees in a body that will be
// replaced.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/safety.h"

#include "plugin/attribute.h"
#include "plugin/cxx.h"
#include "plugin/options.h"

namespace hotpatch {

bool promised_nothrow(tree decl)
{
  return has_noexcept(TREE_TYPE(decl)) || has_attribute(decl, "nothrow");
}

// The C++ front end sets TREE_NOTHROW when a body contains nothing that
// throws, long before any pass that noipa could switch off, and callers'
// handlers are then deleted.  A replacement's exception would fly past them.
void assume_it_throws(tree decl)
{
  if (current_options().with.nothrow && !promised_nothrow(decl))
    TREE_NOTHROW(decl) = 0;
}

// noipa stops inlining, cloning, merging of identical bodies, pure/const and
// noreturn discovery, knowledge of clobbered registers and of stack alignment
// (GCC manual, Common Function Attributes).  noinline and noclone are what a
// cautious programmer would use by hand, and are not enough.
void hide_body(tree decl)
{
  const countermeasures& with = current_options().with;
  if (with.noipa) {
    add_attribute(decl, "noipa");
    return;
  }
  if (with.noinline)
    add_attribute(decl, "noinline");
  if (with.noclone)
    add_attribute(decl, "noclone");
}

}  // namespace hotpatch
