// What the source of a patch object says about the patch.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/patch_attribute.h"

#include "plugin/against.h"
#include "plugin/attribute.h"
#include "plugin/options.h"

namespace hotpatch {

namespace {

constexpr char replaces_name[] = "hotpatch_replaces";
constexpr char import_name[] = "hotpatch_import";
constexpr char original_name[] = "hotpatch_original";
constexpr char hook_name[] = "hotpatch_hook";

patch_statement statement;
bool seen = false;

// Replacements and hooks, by name, and where they were declared.  Not by
// declaration: GCC frees those that repeat another one.
std::map<std::string, location_t> declared_parts;

void note_part(tree decl)
{
  if (DECL_NAME(decl))
    declared_parts.emplace(IDENTIFIER_POINTER(DECL_NAME(decl)),
                           DECL_SOURCE_LOCATION(decl));
}

location_t place_of(tree node)
{
  return DECL_P(node) ? DECL_SOURCE_LOCATION(node) : input_location;
}

tree without_wrapper(tree argument)
{
  return tree_strip_any_location_wrapper(argument);
}

// Narrow and without a NUL in the middle; null after an error.
const char* read_any_text(tree node, tree attribute, tree argument)
{
  const tree text = without_wrapper(argument);
  const bool good =
      TREE_CODE(text) == STRING_CST && TREE_TYPE(text) &&
      TYPE_PRECISION(TREE_TYPE(TREE_TYPE(text))) == BITS_PER_UNIT &&
      strlen(TREE_STRING_POINTER(text)) + 1 ==
          static_cast<std::size_t>(TREE_STRING_LENGTH(text));
  if (good)
    return TREE_STRING_POINTER(text);
  error_at(place_of(node), "attribute %qE wants a string", attribute);
  return nullptr;
}

const char* read_text(tree node, tree attribute, tree argument)
{
  const char* text = read_any_text(node, attribute, argument);
  if (!text || *text)
    return text;
  error_at(place_of(node), "attribute %qE wants a string that is not empty",
           attribute);
  return nullptr;
}

std::optional<std::uint32_t> read_version(tree node, tree attribute,
                                          tree argument)
{
  const tree number = without_wrapper(argument);
  if (TREE_CODE(number) == INTEGER_CST && tree_fits_uhwi_p(number) &&
      tree_to_uhwi(number) <= 0xffffffffu)
    return static_cast<std::uint32_t>(tree_to_uhwi(number));
  error_at(place_of(node),
           "attribute %qE wants a version from 0 to 4294967295, a whole number",
           attribute);
  return std::nullopt;
}

// Where nothing would come of it, its author believes that
// something does.
bool is_for(bool fits, tree node, tree attribute, const char* what)
{
  seen = true;
  if (!fits)
    error_at(place_of(node), "attribute %qE is for %s", attribute, what);
  return fits;
}

constexpr char unchecked_word[] = "unchecked";
constexpr char unprepared_word[] = "unprepared";  // of hotpatch_replaces only

// "unchecked" and "unprepared" are the only second arguments that there are.
bool read_program_name(tree node, tree attribute, tree arguments)
{
  if (!read_text(node, attribute, TREE_VALUE(arguments)))
    return false;
  if (!TREE_CHAIN(arguments))
    return true;
  const char* word =
      read_text(node, attribute, TREE_VALUE(TREE_CHAIN(arguments)));
  if (!word)
    return false;
  const bool may_be_unprepared =
      !strcmp(IDENTIFIER_POINTER(attribute), replaces_name);
  if (!strcmp(word, unchecked_word) ||
      (may_be_unprepared && !strcmp(word, unprepared_word)))
    return true;
  error_at(place_of(node),
           "attribute %qE knows %<\"unchecked\"%> and no %<\"%s\"%>", attribute,
           word);
  return false;
}

tree handle_replaces(tree* node, tree name, tree arguments, int, bool* no_add)
{
  *no_add =
      !is_for(TREE_CODE(*node) == FUNCTION_DECL, *node, name, "functions") ||
      !read_program_name(*node, name, arguments);
  if (!*no_add)
    note_part(*node);
  return NULL_TREE;
}

tree handle_original(tree* node, tree name, tree arguments, int, bool* no_add)
{
  *no_add = !is_for(TREE_CODE(*node) == FUNCTION_DECL, *node, name,
                    "declarations of functions") ||
            !read_program_name(*node, name, arguments);
  return NULL_TREE;
}

tree handle_import(tree* node, tree name, tree arguments, int, bool* no_add)
{
  const bool fits =
      TREE_CODE(*node) == FUNCTION_DECL || (VAR_P(*node) && TREE_PUBLIC(*node));
  *no_add = !is_for(fits, *node, name,
                    "extern declarations of functions and variables") ||
            !read_program_name(*node, name, arguments);
  return NULL_TREE;
}

struct named_time {
  const char* name;
  format::hook_time time;
};

constexpr named_time times[] = {
    {"before_apply", format::hook_time::before_apply},
    {"after_apply", format::hook_time::after_apply},
    {"before_revert", format::hook_time::before_revert},
    {"after_revert", format::hook_time::after_revert},
};

const named_time* find_time(const char* name)
{
  for (const named_time& each : times)
    if (!strcmp(each.name, name))
      return &each;
  return nullptr;
}

// What comes before can be refused, with the reason as the result.
bool has_hook_type(tree type, bool is_before)
{
  const tree result = TREE_TYPE(type);
  const bool fits =
      is_before ? TREE_CODE(result) == POINTER_TYPE &&
                      TYPE_MAIN_VARIANT(TREE_TYPE(result)) == char_type_node &&
                      TYPE_READONLY(TREE_TYPE(result))
                : VOID_TYPE_P(result);
  const tree parameters = TYPE_ARG_TYPES(type);
  return fits && (!parameters || parameters == void_list_node);
}

tree handle_hook(tree* node, tree name, tree arguments, int, bool* no_add)
{
  *no_add = true;
  if (!is_for(TREE_CODE(*node) == FUNCTION_DECL, *node, name, "functions"))
    return NULL_TREE;
  const char* text = read_text(*node, name, TREE_VALUE(arguments));
  if (!text)
    return NULL_TREE;
  const named_time* const found = find_time(text);
  if (!found) {
    error_at(place_of(*node),
             "attribute %qE knows %<before_apply%>, %<after_apply%>, "
             "%<before_revert%> and %<after_revert%>, and no %qs",
             name, text);
    return NULL_TREE;
  }
  const bool is_before = !strncmp(text, "before", 6);
  if (!has_hook_type(TREE_TYPE(*node), is_before)) {
    error_at(place_of(*node), "%qD cannot be a hook %qs: it must be %s", *node,
             text,
             is_before ? "const char* (void), and return null or the reason "
                         "why not"
                       : "void (void)");
    return NULL_TREE;
  }
  *no_add = false;
  note_part(*node);
  return NULL_TREE;
}

// The attributes below stand on a declaration that hotpatch.h makes for them.
void state(std::string& into, const char* text, tree node, tree attribute)
{
  if (!into.empty() && into != text)
    error_at(place_of(node), "attribute %qE says %qs, but %qs was said before",
             attribute, text, into.c_str());
  into = text;
}

tree handle_patch(tree* node, tree name, tree arguments, int, bool*)
{
  seen = true;
  const char* text = read_text(*node, name, TREE_VALUE(arguments));
  arguments = TREE_CHAIN(arguments);
  if (const auto version = read_version(*node, name, TREE_VALUE(arguments)))
    statement.version = *version;
  arguments = TREE_CHAIN(arguments);
  if (text)
    state(statement.name, text, *node, name);
  if (arguments)
    if (const char* more = read_any_text(*node, name, TREE_VALUE(arguments)))
      state(statement.description, more, *node, name);
  return NULL_TREE;
}

tree handle_needs(tree* node, tree name, tree arguments, int, bool*)
{
  seen = true;
  const char* text = read_text(*node, name, TREE_VALUE(arguments));
  const auto version =
      read_version(*node, name, TREE_VALUE(TREE_CHAIN(arguments)));
  if (text && version)
    statement.needs.push_back({text, *version});
  return NULL_TREE;
}

bool is_build_id(const std::string& text)
{
  return text.size() >= 2 && text.size() <= 128 && text.size() % 2 == 0 &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}

tree handle_build(tree* node, tree name, tree arguments, int, bool*)
{
  seen = true;
  const char* text = read_text(*node, name, TREE_VALUE(arguments));
  if (text && !is_build_id(text))
    error_at(place_of(*node),
             "attribute %qE wants a build-id as %<readelf -n%> prints it, in "
             "lower-case hexadecimal digits, and %qs is none",
             name, text);
  else if (text)
    statement.builds.push_back(text);
  return NULL_TREE;
}

tree handle_level(tree* node, tree name, tree arguments, int, bool*)
{
  seen = true;
  const char* text = read_text(*node, name, TREE_VALUE(arguments));
  if (text && !format::parse_level(text, statement.level))
    error_at(place_of(*node),
             "attribute %qE knows %<immediate%>, %<strict%>, %<quiescent%> and "
             "%<safepoint%>, and no %qs",
             name, text);
  return NULL_TREE;
}

attribute_spec spec_of(const char* name, int fewest, int most,
                       decltype(attribute_spec::handler) handler)
{
  attribute_spec spec = {};
  spec.name = name;
  spec.min_length = fewest;
  spec.max_length = most;
  spec.handler = handler;
  return spec;
}

// GCC keeps pointers to these.
attribute_spec specs[] = {
    spec_of(replaces_name, 1, 2, handle_replaces),
    spec_of(import_name, 1, 2, handle_import),
    spec_of(original_name, 1, 2, handle_original),
    spec_of(hook_name, 1, 1, handle_hook),
    spec_of("hotpatch_patch", 2, 3, handle_patch),
    spec_of("hotpatch_needs", 2, 2, handle_needs),
    spec_of("hotpatch_build", 1, 1, handle_build),
    spec_of("hotpatch_level", 1, 1, handle_level),
};

tree find(tree decl, const char* name)
{
  const tree found = lookup_attribute(name, DECL_ATTRIBUTES(decl));
  return found ? TREE_VALUE(found) : NULL_TREE;
}

const char* text_of(tree argument)
{
  return TREE_STRING_POINTER(without_wrapper(TREE_VALUE(argument)));
}

std::optional<program_name> named_in(tree decl, const char* attribute)
{
  const tree arguments = find(decl, attribute);
  if (!arguments)
    return std::nullopt;
  const tree second = TREE_CHAIN(arguments);
  const char* const word = second ? text_of(second) : "";
  return program_name{text_of(arguments), !strcmp(word, unchecked_word),
                      !strcmp(word, unprepared_word)};
}

}  // namespace

void register_patch_attributes()
{
  for (const attribute_spec& each : specs)
    register_attribute(&each);
}

std::optional<program_name> replaced_by(tree decl)
{
  return named_in(decl, replaces_name);
}

std::optional<program_name> imported_as(tree decl)
{
  return named_in(decl, import_name);
}

std::optional<program_name> original_of(tree decl)
{
  return named_in(decl, original_name);
}

std::optional<format::hook_time> hook_time_of(tree decl)
{
  const tree arguments = find(decl, hook_name);
  if (!arguments)
    return std::nullopt;
  return find_time(text_of(arguments))->time;
}

void warn_of_undefined_parts(const std::set<std::string>& defined)
{
  for (const auto& [name, place] : declared_parts)
    if (!defined.count(name))
      warning_at(place, 0,
                 "%qs is declared to be a part of a patch, but not defined in "
                 "this file, so nothing comes of it here",
                 name.c_str());
}

const patch_statement& stated_patch()
{
  return statement;
}

bool is_part_of_patch()
{
  return seen || current_options().patch || is_against();
}

}  // namespace hotpatch
