// The macro by which a source file learns that the plugin is loaded.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/predefine.h"

#include "plugin/cxx.h"

// Of cc1 and cc1plus; the link-time compiler has no preprocessor in use.
extern cpp_reader* parse_in __attribute__((weak));

namespace hotpatch {

namespace {

// With -g3 GCC writes down each definition with its place in a file, and fails
// because it has not opened one yet.
class unnoticed_definition {
 public:
  unnoticed_definition() : define_(cpp_get_callbacks(parse_in)->define)
  {
    cpp_get_callbacks(parse_in)->define = nullptr;
  }
  ~unnoticed_definition() { cpp_get_callbacks(parse_in)->define = define_; }
  unnoticed_definition(const unnoticed_definition&) = delete;
  unnoticed_definition& operator=(const unnoticed_definition&) = delete;

 private:
  decltype(cpp_callbacks::define) define_;
};

}  // namespace

void predefine_macro()
{
  if (!is_c() && !is_cxx())
    return;
  // A file that was preprocessed before (-save-temps, ccache) has the macro
  // expanded, and a definition here would be taken for its first line.
  if (cpp_get_options(parse_in)->preprocessed)
    return;
  const unnoticed_definition guard;
  cpp_define(parse_in, "__HOTPATCH__=1");
}

}  // namespace hotpatch
