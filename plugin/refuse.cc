// Says, at the declaration, why a chosen function cannot have a site, and what
// a site cannot do for a function that gets one.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/refuse.h"

#include "plugin/attribute.h"
#include "plugin/cxx.h"
#include "plugin/options.h"

namespace hotpatch {

namespace {

struct refusal {
  bool (*applies)(tree decl);
  bool has_code;  // of its own: else only its name can mean it
  const char* reason;
  const char* way_out;
};

bool is_always_inline(tree decl)
{
  return has_attribute(decl, "always_inline");
}

bool is_naked(tree decl)
{
  return has_attribute(decl, "naked");
}

bool has_other_prologue(tree decl)
{
  return has_attribute(decl, "ms_hook_prologue");
}

// The attribute on a function overrides the option, also to turn it off.
bool has_patchable_entry(tree decl)
{
  const tree attribute =
      lookup_attribute("patchable_function_entry", DECL_ATTRIBUTES(decl));
  if (attribute)
    return !integer_zerop(TREE_VALUE(TREE_VALUE(attribute)));
  return flag_patchable_function_entry &&
         strtol(flag_patchable_function_entry, nullptr, 10) > 0;
}

bool has_target_clones(tree decl)
{
  return has_attribute(decl, "target_clones");
}

// "omp declare simd" is also what GCC makes of the attribute simd.
bool has_simd_variants(tree decl)
{
  return has_attribute(decl, "omp declare simd");
}

bool has_split_stack(tree decl)
{
  return flag_split_stack && !has_attribute(decl, "no_split_stack");
}

bool has_no_code_here(tree decl)
{
  return DECL_EXTERNAL(decl) && has_attribute(decl, "gnu_inline");
}

bool is_ifunc(cgraph_node* node, void*)
{
  return node->ifunc_resolver;
}

// To GCC an ifunc is an alias of its resolver.
bool resolves_an_ifunc(tree decl)
{
  cgraph_node* const node = cgraph_node::get(decl);
  return node && node->call_for_symbol_and_aliases(is_ifunc, nullptr, true);
}

const refusal refusals[] = {
    {is_always_inline, false,
     "it is always_inline, so its callers contain copies of its body",
     "remove always_inline"},
    {is_consteval, false,
     "it is consteval, so it is gone when the program runs",
     "make it constexpr"},
    {has_no_code_here, false,
     "it is extern gnu_inline, so no code is made of this definition",
     "choose the definition that is compiled out of line"},
    {is_naked, true,
     "it is naked, so nothing may be put in front of its instructions",
     "remove naked, or choose the function that calls it"},
    {has_other_prologue, true,
     "its ms_hook_prologue takes the place of the patch word",
     "remove ms_hook_prologue"},
    {has_patchable_entry, true,
     "patchable_function_entry takes the place of the patch word",
     "compile without -fpatchable-function-entry and without the attribute"},
    {has_split_stack, true,
     "with -fsplit-stack the linker wants the stack check to come first",
     "compile without -fsplit-stack"},
    {has_target_clones, true, "target_clones makes several functions of it",
     "remove target_clones"},
    {has_simd_variants, true,
     "callers use its vector variants, which are functions of their own",
     "remove declare simd or the attribute simd"},
    {resolves_an_ifunc, true,
     "it is the resolver of an ifunc and runs only while the program is loaded",
     "choose the functions that it returns"},
};

const refusal* find_refusal(tree decl)
{
  for (const refusal& each : refusals)
    if (each.applies(decl))
      return &each;
  return nullptr;
}

const char* way_to_leave_out(choice reason)
{
  return reason == choice::attribute ? "remove the attribute hotpatch"
                                     : "give it the attribute no_hotpatch";
}

void tell(tree decl, choice reason, const char* why, const char* way_out)
{
  const location_t place = DECL_SOURCE_LOCATION(decl);
  constexpr char text[] = "%qD gets no patch site: %s; %s, or %s";
  constexpr char switchable[] = "%qD gets no patch site: %s; %s, or %s [%s]";
  const char* leave_out = way_to_leave_out(reason);
  if (reason == choice::attribute)
    error_at(place, text, decl, why, way_out, leave_out);
  else if (reason != choice::everything && current_options().warn_refused)
    warning_at(place, 0, switchable, decl, why, way_out, leave_out,
               "-fplugin-arg-hotpatch-warn-refused");
  else if (current_options().verbose)
    inform(place, text, decl, why, way_out, leave_out);
}

// Definitions are looked at when parsed and again when all of them are known.
bool first_time(tree decl, std::set<unsigned>& seen)
{
  return seen.insert(DECL_UID(decl)).second;
}

std::set<unsigned> refused;
std::set<unsigned> warned_of;

void warn(tree decl, choice reason, const char* why)
{
  const location_t place = DECL_SOURCE_LOCATION(decl);
  constexpr char text[] = "a replacement of %qD may not reach all calls: %s";
  constexpr char switchable[] =
      "a replacement of %qD may not reach all calls: %s [%s]";
  if (reason != choice::everything && current_options().warn_limits)
    warning_at(place, 0, switchable, decl, why,
               "-fplugin-arg-hotpatch-warn-limits");
  else if (current_options().verbose)
    inform(place, text, decl, why);
}

}  // namespace

const char* reason_against(tree decl)
{
  const refusal* const found = find_refusal(decl);
  return found ? found->reason : nullptr;
}

bool can_have_site(tree decl, choice reason)
{
  if (!current_options().with.refusal)
    return true;
  const refusal* const found = find_refusal(decl);
  if (found && first_time(decl, refused))
    tell(decl,
         reason == choice::pattern && !found->has_code ? choice::everything
                                                       : reason,
         found->reason, found->way_out);
  return !found;
}

void refuse_ifunc(tree decl, choice reason)
{
  if (first_time(decl, refused))
    tell(decl, reason,
         "it is an ifunc, for which the loader chooses another function",
         "choose the functions that its resolver returns");
}

void refuse_alias(tree decl, choice reason)
{
  if (first_time(decl, refused))
    tell(decl, reason,
         "it is an alias of a function that is not chosen, and has no code of "
         "its own",
         "choose that function");
}

void warn_of_limits(tree decl, choice reason)
{
  if (!first_time(decl, warned_of))
    return;
  if (is_constexpr(decl))
    warn(decl, is_implicit(decl) ? choice::everything : reason,
         "it is constexpr, and calls computed by the compiler are gone");
  if (has_attribute(decl, "const") || has_attribute(decl, "pure"))
    warn(decl, reason,
         "it has the attribute const or pure, so callers merge or drop calls");
}

void refuse_bodiless(tree decl)
{
  if (!asks_for_site(decl) || forbids_site(decl))
    return;
  const char* why = nullptr;
  const char* way_out = "define it";
  switch (why_bodiless(decl)) {
    case bodiless::no:
      return;
    case bodiless::pure_virtual:
      why = "it is pure virtual, so calls of it enter what overrides it";
      way_out = "choose the functions that override it, or its own definition";
      break;
    case bodiless::deleted:
      why = "it is deleted";
      break;
    case bodiless::trivial:
      why = "it is defaulted and trivial, so nothing is called";
      break;
    case bodiless::trivial_in_some:
      if (first_time(decl, warned_of))
        warn(decl, choice::attribute,
             "it is defaulted, and where that is trivial nothing is called");
      return;
  }
  if (first_time(decl, refused))
    tell(decl, choice::attribute, why, way_out);
}

bool refuse_target()
{
  if (target_is_x86_64())
    return false;
  static bool told = false;
  if (!told)
    error(
        "hotpatch: patch sites exist in 64-bit code for x86-64 only; compile "
        "without %<-m32%>, %<-mx32%> and %<-m16%>, or without choosing "
        "functions");
  told = true;
  return true;
}

}  // namespace hotpatch
