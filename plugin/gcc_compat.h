// GCC's own headers in the order that works, and everything that differs
// between GCC releases.
//
// Every file of the plugin includes GCC through this header only.  A block for
// a release says which one changed what, and gives the new name to the old
// release.  The standard headers that the plugin uses stand here too, in front
// of GCC's: system.h turns names that they use into macros.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_GCC_COMPAT_H
#define HOTPATCH_PLUGIN_GCC_COMPAT_H

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

// Each of GCC's headers needs some of those before it.
// clang-format off
#include <gcc-plugin.h>
#include <plugin-version.h>
#include <tree.h>
#include <backend.h>
#include <gimple.h>
#include <gimple-iterator.h>
#include <gimple-walk.h>
#include <gimple-predict.h>
#include <internal-fn.h>
#include <real.h>
#include <ssa.h>
#include <tree-pass.h>
#include <context.h>
#include <pass_manager.h>
#include <stringpool.h>
#include <attribs.h>
#include <function.h>
#include <rtl.h>
#include <memmodel.h>  // before emit-rtl.h, which uses its enum
#include <tm_p.h>
#include <emit-rtl.h>
#include <insn-constants.h>
#include <output.h>
#include <varasm.h>
#include <target.h>
#include <cgraph.h>
#include <cpplib.h>
#include <cp/cp-tree.h>  // before diagnostic-core.h
#include <diagnostic-core.h>
#include <langhooks.h>
#include <calls.h>
#include <toplev.h>
#include <opts.h>
#include <version.h>
#include <file-prefix-map.h>
#include <debug.h>
#include <libiberty/demangle.h>
// clang-format on

#if GCCPLUGIN_VERSION < 11000
#error "hotpatch needs GCC 11 or later"
#endif

namespace hotpatch {

// Gives `decl` an attribute and runs its handler, as if the user had written
// it.
inline void add_attribute(tree decl, const char* name)
{
  if (!lookup_attribute(name, DECL_ATTRIBUTES(decl)))
    decl_attributes(&decl,
                    tree_cons(get_identifier(name), NULL_TREE, NULL_TREE), 0);
}

// Whether -mfentry has queued the endbr64 in front of its call instead of
// emitting it as the first instruction.
inline bool endbr_precedes_profiler(const ::function* fn)
{
  return fn->machine->insn_queued_at_entrance == TYPE_ENDBR;
}

// The flag of a section that --gc-sections keeps though nothing refers to it,
// where the assembler has one (binutils 2.36).
inline const char* retain_flag()
{
#if HAVE_GAS_SHF_GNU_RETAIN
  return "R";
#else
  return "";
#endif
}

// Debug information is DWARF, whose lines the assembler gets.
inline bool prints_dwarf()
{
#if GCCPLUGIN_VERSION >= 12000  // may be one of several kinds
  return dwarf_debuginfo_p();
#else
  return write_symbols == DWARF2_DEBUG;
#endif
}

// The code being compiled is for the 64-bit instruction set with 64-bit
// pointers: not -m32, -mx32 or -m16.
inline bool target_is_x86_64()
{
  return TARGET_64BIT && !TARGET_X32;
}

inline unsigned HOST_WIDE_INT vector_elements(tree type)
{
  return TYPE_VECTOR_SUBPARTS(type).to_constant();
}

// C types that newer releases added.
inline bool is_newer_builtin([[maybe_unused]] tree type)
{
#if GCCPLUGIN_VERSION >= 14000  // _BitInt(N) of C23
  if (TREE_CODE(type) == BITINT_TYPE)
    return true;
#endif
#if GCCPLUGIN_VERSION >= 13000  // nullptr_t of C23
  if (TREE_CODE(type) == NULLPTR_TYPE)
    return true;
#endif
  return false;
}

// Their codes in the Itanium C++ ABI.
inline std::string newer_builtin([[maybe_unused]] tree type)
{
#if GCCPLUGIN_VERSION >= 14000
  if (TREE_CODE(type) == BITINT_TYPE)
    return (TYPE_UNSIGNED(type) ? "DU" : "DB") +
           std::to_string(TYPE_PRECISION(type)) + "_";
#endif
  return "Dn";
}

}  // namespace hotpatch

#endif
