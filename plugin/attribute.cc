// The attributes that users write, and the one that carries a choice through
// the compiler.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/attribute.h"

#include "plugin/names.h"

namespace hotpatch {

namespace {

constexpr char facts_name[] = "hotpatch site";
constexpr char replacement_name[] = "hotpatch replacement";
constexpr char marked_import_name[] = "hotpatch weak";

// Both attributes are for functions only; elsewhere they would do nothing,
// and a user who wrote them believes that they do something.
tree check_is_function(tree* node, tree name, tree, int, bool* no_add)
{
  if (TREE_CODE(*node) == FUNCTION_DECL)
    return NULL_TREE;
  *no_add = true;
  const location_t place =
      DECL_P(*node) ? DECL_SOURCE_LOCATION(*node) : input_location;
  if (DECL_P(*node) && DECL_NAME(*node))
    error_at(place, "attribute %qE is for functions, and %qD is none", name,
             *node);
  else
    error_at(place, "attribute %qE is for functions, and this is a type", name);
  return NULL_TREE;
}

attribute_spec user_attribute(const char* name)
{
  attribute_spec spec = {};
  spec.name = name;
  spec.handler = check_is_function;
  return spec;
}

// GCC keeps pointers to these.
attribute_spec hotpatch_spec = user_attribute("hotpatch");
attribute_spec no_hotpatch_spec = user_attribute("no_hotpatch");

// A clone (complete and base constructor) has the attributes of its pattern.
bool user_wrote(tree decl, const char* name)
{
  if (has_attribute(decl, name))
    return true;
  const tree origin = DECL_ABSTRACT_ORIGIN(decl);
  return origin && TREE_CODE(origin) == FUNCTION_DECL &&
         has_attribute(origin, name);
}

tree string_node(const char* text)
{
  return build_string(static_cast<int>(strlen(text)) + 1, text);
}

void attach(tree decl, const char* attribute, const site_facts& facts)
{
  tree args = build_tree_list(
      NULL_TREE, build_int_cstu(long_unsigned_type_node, facts.layout));
  args = tree_cons(NULL_TREE, string_node(facts.mangled_type), args);
  args = tree_cons(NULL_TREE, string_node(facts.name), args);
  args = tree_cons(NULL_TREE, build_int_cst(unsigned_type_node, facts.flags),
                   args);
  DECL_ATTRIBUTES(decl) =
      tree_cons(get_identifier(attribute), args, DECL_ATTRIBUTES(decl));
}

std::optional<site_facts> find(tree decl, const char* attribute)
{
  const tree found = lookup_attribute(attribute, DECL_ATTRIBUTES(decl));
  if (!found)
    return std::nullopt;
  const tree flags = TREE_VALUE(found);
  const tree name = TREE_CHAIN(flags);
  const tree type = TREE_CHAIN(name);
  return site_facts{
      static_cast<std::uint32_t>(TREE_INT_CST_LOW(TREE_VALUE(flags))),
      TREE_STRING_POINTER(TREE_VALUE(name)),
      TREE_STRING_POINTER(TREE_VALUE(type)),
      TREE_INT_CST_LOW(TREE_VALUE(TREE_CHAIN(type)))};
}

}  // namespace

void register_attributes()
{
  register_attribute(&hotpatch_spec);
  register_attribute(&no_hotpatch_spec);
}

bool has_attribute(tree decl, const char* name)
{
  return lookup_attribute(name, DECL_ATTRIBUTES(decl)) != NULL_TREE;
}

bool asks_for_site(tree decl)
{
  return user_wrote(decl, "hotpatch");
}

bool forbids_site(tree decl)
{
  return user_wrote(decl, "no_hotpatch");
}

void attach_facts(tree decl, const site_facts& facts)
{
  attach(decl, facts_name, facts);
}

std::optional<site_facts> find_facts(tree decl)
{
  return find(decl, facts_name);
}

void attach_replacement_facts(tree decl, const site_facts& facts)
{
  attach(decl, replacement_name, facts);
}

std::optional<site_facts> find_replacement_facts(tree decl)
{
  const std::optional<site_facts> facts = find(decl, replacement_name);
  return facts && assembler_name(decl) == facts->name ? facts : std::nullopt;
}

void mark_as_import(tree decl)
{
  DECL_ATTRIBUTES(decl) = tree_cons(get_identifier(marked_import_name),
                                    NULL_TREE, DECL_ATTRIBUTES(decl));
}

bool is_import(tree decl)
{
  return has_attribute(decl, marked_import_name);
}

}  // namespace hotpatch
