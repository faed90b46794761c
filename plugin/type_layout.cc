// A fingerprint of the layout of all types that a prototype leads to, and
// their description for tools.
//
// A type with a name is described once, by a text in which other named types
// occur by name only, so that cycles do no harm.  The fingerprint of a type is
// the sum of the hashes of the texts of all types that can be reached from it:
// a sum, because then it does not matter in which order they are found.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/type_layout.h"

#include "plugin/cxx.h"
#include "plugin/names.h"
#include "plugin/prototype.h"
#include "plugin/records.h"

#include "format/record.h"

namespace hotpatch {

namespace {

struct description {
  std::string name;  // mangled
  std::string text;
  std::uint64_t text_hash = 0;
  std::vector<std::size_t> uses;  // named types in the text
  tree type = NULL_TREE;
};

std::vector<description> types;
std::map<tree, std::size_t> type_numbers;
std::map<std::string, std::uint64_t> layouts;  // by description
std::map<std::string, std::vector<std::size_t>> layout_uses;

// Structures, classes, unions and enumerations.
bool has_members(tree type)
{
  return RECORD_OR_UNION_TYPE_P(type) || TREE_CODE(type) == ENUMERAL_TYPE;
}

// --- Constants ---------------------------------------------------------------
//
// Enumerators of types without a name are used as numbers, which no prototype
// leads to.  Those of a class belong to the class, and those of a source file
// to all types that are declared in it.  They are described like a type that
// those lead to, and a comparison of such descriptions compares the values of
// what both have: a constant that one side has and the other has not does no
// harm.

using constants = std::map<std::string, std::string>;  // names, values

std::map<std::string, constants> constants_of_files;
std::map<std::string, std::size_t> constants_numbers;  // by what they are of

const char* last_part(const char* path)
{
  const char* slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

// The C++ front end gives unnamed types names that no source file can contain.
bool begins_like_a_name(const char* text)
{
  return ISALPHA(*text) || *text == '_' ||
         static_cast<unsigned char>(*text) >= 0x80;
}

bool has_name(tree type)
{
  if (type_numbers.count(type))
    return true;
  if (!is_cxx())
    return mangle_c_type(type) != "Ut_";
  const tree name = TYPE_IDENTIFIER(type);
  return name && begins_like_a_name(IDENTIFIER_POINTER(name));
}

std::string number(tree value)
{
  if (!value || TREE_CODE(value) != INTEGER_CST)
    return "?";  // of an array in a structure whose length varies
  const auto bits = TREE_INT_CST_LOW(value);
  return tree_int_cst_sgn(value) < 0
             ? std::to_string(static_cast<std::int64_t>(bits))
             : std::to_string(bits);
}

std::uint64_t scramble(std::uint64_t hash)
{
  return (hash ^ hash >> 31) * 0x9e3779b97f4a7c15u;
}

// An enumerator, or what its enumeration keeps of it.
std::string constant_value(tree value)
{
  if (value && TREE_CODE(value) == CONST_DECL)
    value = DECL_INITIAL(value);
  return number(value);
}

// Of its enumerations without a name, and static const members.
constants constants_of_class(tree type)
{
  constants found;
  if (!is_cxx() || !RECORD_OR_UNION_TYPE_P(type))
    return found;
  for (tree it = TYPE_FIELDS(type); it; it = DECL_CHAIN(it)) {
    const bool is_enumerator = TREE_CODE(it) == CONST_DECL &&
                               TREE_CODE(TREE_TYPE(it)) == ENUMERAL_TYPE &&
                               !has_name(TREE_TYPE(it));
    const bool is_member = VAR_P(it) && TREE_READONLY(it) && DECL_INITIAL(it) &&
                           TREE_CODE(DECL_INITIAL(it)) == INTEGER_CST;
    if ((is_enumerator || is_member) && DECL_NAME(it))
      found[IDENTIFIER_POINTER(DECL_NAME(it))] =
          constant_value(is_member ? DECL_INITIAL(it) : it);
  }
  return found;
}

std::size_t number_of(tree type);
void use_constants(tree type, std::vector<std::size_t>& uses);

// Writes types as text.  Named types it meets are collected in `uses`.
class speller {
 public:
  explicit speller(std::vector<std::size_t>& uses) : uses_(uses) {}

  std::string type(tree node)
  {
    if (has_members(node)) {
      const std::string quals = qualifiers(node);
      node = TYPE_MAIN_VARIANT(node);
      return quals + (has_name(node) ? by_name(node) : in_place(node));
    }
    if (TREE_CODE(node) == FUNCTION_TYPE || TREE_CODE(node) == METHOD_TYPE)
      return function(node);
    if (TREE_CODE(node) == ARRAY_TYPE)
      return "A" + bound(node) + "_" + type(TREE_TYPE(node));
    return qualifiers(node) + simple(node);
  }

  // All about a type with members; lines end with newlines.
  std::string members(tree node)
  {
    if (!COMPLETE_TYPE_P(node))
      return "incomplete\n";
    std::string text = kind(node) + " " + number(TYPE_SIZE_UNIT(node)) + " " +
                       std::to_string(TYPE_ALIGN_UNIT(node)) + "\n";
    if (TREE_CODE(node) == ENUMERAL_TYPE)
      return text + enumerators(node);
    return text + bases(node) + virtuals(node) + fields(node);
  }

 private:
  static std::string kind(tree node)
  {
    if (TREE_CODE(node) == ENUMERAL_TYPE)
      return "enum";
    return TREE_CODE(node) == UNION_TYPE ? "union" : "struct";
  }

  static std::string qualifiers(tree node)
  {
    const int set = TYPE_QUALS_NO_ADDR_SPACE(node);
    std::string text;
    if (set & TYPE_QUAL_ATOMIC)
      text += "U7_Atomic";
    if (set & TYPE_QUAL_VOLATILE)
      text += 'V';
    if (set & TYPE_QUAL_CONST)
      text += 'K';
    return text;
  }

  std::string by_name(tree node)
  {
    uses_.push_back(number_of(node));
    return types[uses_.back()].name;
  }

  // What a type without a name leads to leads back to it only through a name.
  std::string in_place(tree node)
  {
    std::string text = members(node);
    std::replace(text.begin(), text.end(), '\n', ';');
    return "{" + text + "}";
  }

  static std::string bound(tree array)
  {
    const tree domain = TYPE_DOMAIN(array);
    if (!domain || !TYPE_MAX_VALUE(domain))
      return {};
    if (TREE_CODE(TYPE_MAX_VALUE(domain)) != INTEGER_CST)
      return "?";
    return std::to_string(TREE_INT_CST_LOW(TYPE_MAX_VALUE(domain)) + 1);
  }

  std::string function(tree node)
  {
    std::string text = "F" + type(TREE_TYPE(node));
    for (tree it = TYPE_ARG_TYPES(node); it; it = TREE_CHAIN(it)) {
      if (VOID_TYPE_P(TREE_VALUE(it)))
        return text + "E";
      text += "," + type(TYPE_MAIN_VARIANT(TREE_VALUE(it)));
    }
    return text + ",zE";
  }

  // By kind and number of bits, not by name: long and long long are the same.
  std::string simple(tree node)
  {
    const std::string bits = std::to_string(TYPE_PRECISION(node));
    switch (TREE_CODE(node)) {
      case VOID_TYPE:
        return "v";
      case BOOLEAN_TYPE:
        return "b";
      case INTEGER_TYPE:
        return (TYPE_UNSIGNED(node) ? "u" : "i") + bits;
      case REAL_TYPE:
        return (DECIMAL_FLOAT_TYPE_P(node) ? "d" : "f") + bits;
      case COMPLEX_TYPE:
        return "C" + type(TREE_TYPE(node));
      case POINTER_TYPE:
        return "P" + type(TREE_TYPE(node));
      case REFERENCE_TYPE:
        return (TYPE_REF_IS_RVALUE(node) ? "O" : "R") + type(TREE_TYPE(node));
      case VECTOR_TYPE:
        return "D" + std::to_string(vector_elements(node)) + "_" +
               type(TREE_TYPE(node));
      case OFFSET_TYPE:  // pointer to member
        return "M" + type(TYPE_OFFSET_BASETYPE(node)) + type(TREE_TYPE(node));
      default:
        return (TYPE_UNSIGNED(node) ? "x" : "y") + number(TYPE_SIZE(node));
    }
  }

  // C keeps the values themselves, or constants that have them.
  static std::string enumerators(tree node)
  {
    std::string text;
    for (tree it = TYPE_VALUES(node); it; it = TREE_CHAIN(it))
      text += "value " + constant_value(TREE_VALUE(it)) + " " +
              IDENTIFIER_POINTER(TREE_PURPOSE(it)) + "\n";
    return text;
  }

  std::string bases(tree node)
  {
    const tree own = TYPE_BINFO(node);
    std::string text;
    tree base;
    if (own && is_cxx())
      for (int i = 0; BINFO_BASE_ITERATE(own, i, base); ++i)
        text += (BINFO_VIRTUAL_P(base)
                     ? "virtual-base "
                     : "base " + number(BINFO_OFFSET(base)) + " ") +
                type(BINFO_TYPE(base)) + "\n";
    return text;
  }

  // In the order of the virtual table that the class shares with its primary
  // base; the others are described with the bases they come from.
  static std::string virtuals(tree node)
  {
    const tree own = TYPE_BINFO(node);
    std::string text;
    if (own && is_cxx())
      for (tree it = BINFO_VIRTUALS(own); it; it = TREE_CHAIN(it))
        text += "virtual " + name_in_program(BV_FN(it)) + "\n";
    return text;
  }

  std::string fields(tree node)
  {
    std::string text;
    for (tree it = TYPE_FIELDS(node); it; it = DECL_CHAIN(it)) {
      // Bases and the pointer to the virtual table are fields, too.
      if (TREE_CODE(it) != FIELD_DECL || DECL_VIRTUAL_P(it) ||
          (is_cxx() && DECL_FIELD_IS_BASE(it)))
        continue;
      const bool own_name =
          DECL_NAME(it) &&
          begins_like_a_name(IDENTIFIER_POINTER(DECL_NAME(it)));
      const tree declared =
          DECL_BIT_FIELD_TYPE(it) ? DECL_BIT_FIELD_TYPE(it) : TREE_TYPE(it);
      text += "member " + number(bit_position(it)) + " " +
              (DECL_SIZE(it) ? number(DECL_SIZE(it)) : "-") + " " +
              (own_name ? IDENTIFIER_POINTER(DECL_NAME(it)) : "-") + " " +
              type(declared) + "\n";
    }
    return text;
  }

  std::vector<std::size_t>& uses_;
};

std::string name_of(tree type)
{
  return is_cxx() ? mangle_cxx_type(type) : mangle_c_type(type);
}

void sort_once(std::vector<std::size_t>& numbers)
{
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

// Describes the type when it is met for the first time.
std::size_t number_of(tree type)
{
  const auto [at, is_new] = type_numbers.try_emplace(type, types.size());
  const std::size_t index = at->second;
  if (!is_new)
    return index;
  types.emplace_back();
  types[index].name = name_of(type);
  types[index].type = type;
  std::vector<std::size_t> uses;
  std::string text = speller(uses).members(type);
  use_constants(type, uses);
  description& of = types[index];  // others may have been added since
  of.text_hash = scramble(format::type_hash((of.name + "\n" + text).c_str()));
  of.text = std::move(text);
  sort_once(uses);
  of.uses = std::move(uses);
  return index;
}

void add_constants(const std::string& whose, const constants& all,
                   std::vector<std::size_t>& uses)
{
  if (all.empty())
    return;
  const auto [at, is_new] = constants_numbers.try_emplace(whose, types.size());
  if (is_new) {
    description made;
    made.name = "constants of " + whose;
    made.text = "constants\n";
    for (const auto& [name, value] : all)
      made.text += "value " + value + " " + name + "\n";
    made.text_hash =
        scramble(format::type_hash((made.name + "\n" + made.text).c_str()));
    types.push_back(made);
  }
  uses.push_back(at->second);
}

// The C++ front end tells of no enumeration when it has been parsed.
void note_namespace_constants()
{
  static bool noted = false;
  if (std::exchange(noted, true))
    return;
  for (const auto& [decl, name] : namespace_enumerators())
    if (!has_name(TREE_TYPE(decl)) &&
        !in_system_header_at(DECL_SOURCE_LOCATION(decl)))
      constants_of_files[last_part(DECL_SOURCE_FILE(decl))][name] =
          constant_value(decl);
}

// By the file's name alone, so that a build in another directory is the same.
void use_constants(tree type, std::vector<std::size_t>& uses)
{
  if (!COMPLETE_TYPE_P(type))
    return;
  note_namespace_constants();
  add_constants(name_of(type), constants_of_class(type), uses);
  const tree declared = TYPE_STUB_DECL(type);
  const char* file =
      declared && !in_system_header_at(DECL_SOURCE_LOCATION(declared))
          ? DECL_SOURCE_FILE(declared)
          : nullptr;
  if (!file)
    return;
  const auto found = constants_of_files.find(last_part(file));
  if (found != constants_of_files.end())
    add_constants(found->first, found->second, uses);
}

std::vector<bool> reached_from(std::vector<std::size_t> open)
{
  std::vector<bool> seen(types.size());
  while (!open.empty()) {
    const std::size_t index = open.back();
    open.pop_back();
    if (seen[index])
      continue;
    seen[index] = true;
    open.insert(open.end(), types[index].uses.begin(), types[index].uses.end());
  }
  return seen;
}

// Several nodes can stand for one type; its text counts once.  `from` is
// sorted; many prototypes name the same types.
std::uint64_t sum_of_reachable(const std::vector<std::size_t>& from)
{
  static std::map<std::vector<std::size_t>, std::uint64_t> known;
  const auto [at, is_new] = known.try_emplace(from, 0);
  if (!is_new)
    return at->second;
  std::vector<std::uint64_t> texts;
  const std::vector<bool> reached = reached_from(from);
  for (std::size_t i = 0; i < reached.size(); ++i)
    if (reached[i])
      texts.push_back(types[i].text_hash);
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return at->second =
             std::accumulate(texts.begin(), texts.end(), std::uint64_t{0});
}

std::string hex(std::uint64_t value)
{
  std::string text(16, '0');
  for (auto digit = text.rbegin(); value; value >>= 4)
    *digit++ = "0123456789abcdef"[value & 15];
  return text;
}

std::string uses_text(const std::vector<std::size_t>& uses)
{
  std::set<std::string> lines;
  for (const std::size_t index : uses)
    lines.insert("uses " + hex(sum_of_reachable({index})) + " " +
                 types[index].name + "\n");
  std::string text;
  for (const std::string& line : lines)
    text += line;
  return text;
}

}  // namespace

// Types may be collected before the unit is complete: what matters is copied.
void note_enumeration(tree type)
{
  if (!is_c() || TREE_CODE(type) != ENUMERAL_TYPE || TYPE_NAME(type))
    return;
  for (tree it = TYPE_VALUES(type); it; it = TREE_CHAIN(it)) {
    const tree value = TREE_VALUE(it);
    const location_t place = TREE_CODE(value) == CONST_DECL
                                 ? DECL_SOURCE_LOCATION(value)
                                 : input_location;
    if (!in_system_header_at(place))
      constants_of_files[last_part(LOCATION_FILE(place))]
                        [IDENTIFIER_POINTER(TREE_PURPOSE(it))] =
                            constant_value(value);
  }
}

bool is_of_unnamed_type(tree type)
{
  while (TREE_CODE(type) == ARRAY_TYPE || TREE_CODE(type) == POINTER_TYPE)
    type = TREE_TYPE(type);
  return has_members(type) && !has_name(TYPE_MAIN_VARIANT(type));
}

std::uint64_t layout_hash_of(tree type)
{
  std::vector<std::size_t> uses;
  const std::string text = speller(uses).type(type);
  const auto [at, is_new] = layouts.try_emplace(text, 0);
  if (!is_new)
    return at->second;
  sort_once(uses);
  const std::uint64_t hash =
      scramble(format::type_hash(text.c_str())) + sum_of_reachable(uses);
  layout_uses[text] = std::move(uses);
  return at->second = hash ? hash : 1;
}

std::vector<named_layout> layouts_of(const std::vector<tree>& wanted)
{
  std::vector<std::size_t> open;
  for (const tree each : wanted)
    if (has_name(each))
      open.push_back(number_of(each));
    else
      speller(open).members(each);
  const std::vector<bool> reached = reached_from(open);
  std::vector<named_layout> result;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const tree type = types[i].type;
    if (!reached[i] || !type || !RECORD_OR_UNION_TYPE_P(type) ||
        !COMPLETE_TYPE_P(type))
      continue;
    const tree declared = TYPE_STUB_DECL(type);
    const location_t place =
        declared ? DECL_SOURCE_LOCATION(declared) : UNKNOWN_LOCATION;
    if (!in_system_header_at(place))
      result.push_back({types[i].name, types[i].text_hash, place});
  }
  return result;
}

// What is known only because bodies were compared is not printed.
void print_type_layouts()
{
  if (layouts.empty())
    return;
  std::set<std::string> strings;
  std::vector<std::size_t> open;
  for (const auto& [text, hash] : layouts) {
    strings.insert("layout " + hex(hash) + " " + text + "\n" +
                   uses_text(layout_uses[text]));
    open.insert(open.end(), layout_uses[text].begin(), layout_uses[text].end());
  }
  const std::vector<bool> printed = reached_from(open);
  for (std::size_t i = 0; i < types.size(); ++i)
    if (printed[i])
      strings.insert("type " + hex(sum_of_reachable({i})) + " " +
                     types[i].name + "\n" + types[i].text +
                     uses_text(types[i].uses));
  std::string assembly = std::string("\t.pushsection ") +
                         format::types_section_name + ",\"MS\",@progbits,1\n";
  for (const std::string& each : strings)
    assembly += "\t.string " + quoted(each) + "\n";
  assembly += "\t.popsection\n";
  print_at_top_level(assembly);
}

}  // namespace hotpatch
