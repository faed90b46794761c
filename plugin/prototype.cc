// Mangled types, by the C++ front end or by our own mangler for C.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/prototype.h"

#include "plugin/cxx.h"

namespace hotpatch {

// --- Prototype --------------------------------------------------------------
// The type of a function in Itanium mangling, the same for C and C++.

namespace {

// Of a definition in the old style, or with empty parentheses, the type says
// nothing; callers pass the promoted types.
tree with_prototype(tree decl)
{
  const tree type = TREE_TYPE(decl);
  if (prototype_p(type))
    return type;
  std::vector<tree> parameters;
  for (tree it = DECL_ARGUMENTS(decl); it; it = DECL_CHAIN(it))
    parameters.push_back(DECL_ARG_TYPE(it));
  return build_function_type_array(
      TREE_TYPE(type), static_cast<int>(parameters.size()), parameters.data());
}

}  // namespace

tree plain_type_of(tree decl)
{
  if (is_c())
    return with_prototype(decl);
  // A fresh function type: METHOD_TYPE becomes a plain function with `this`
  // in front, and exception specification and attributes are gone.
  const tree type = TREE_TYPE(decl);
  return build_function_type(TREE_TYPE(type), TYPE_ARG_TYPES(type));
}

std::string mangled_type_of(tree decl)
{
  const tree type = plain_type_of(decl);
  return is_c() ? mangle_c_type(type) : mangle_cxx_type(type);
}

// --- Mangle c ---------------------------------------------------------------
// The Itanium C++ ABI mangling of C types, for the compiler that has none.
//
// Section numbers are those of the chapter "External Names (a.k.a. Mangling)"
// of the Itanium C++ ABI.

namespace {

struct builtin {
  tree type;
  const char* code;
};

// 5.1.5.2, by identity of the compiler's own nodes.
const char* find_builtin(tree type)
{
  const builtin builtins[] = {
      {void_type_node, "v"},
      {boolean_type_node, "b"},
      {char_type_node, "c"},
      {signed_char_type_node, "a"},
      {unsigned_char_type_node, "h"},
      {short_integer_type_node, "s"},
      {short_unsigned_type_node, "t"},
      {integer_type_node, "i"},
      {unsigned_type_node, "j"},
      {long_integer_type_node, "l"},
      {long_unsigned_type_node, "m"},
      {long_long_integer_type_node, "x"},
      {long_long_unsigned_type_node, "y"},
      {float_type_node, "f"},
      {double_type_node, "d"},
      {long_double_type_node, "e"},
      {dfloat32_type_node, "Df"},
      {dfloat64_type_node, "Dd"},
      {dfloat128_type_node, "De"},
      // In C, __float128 is another word for _Float128.
      {float128_type_node, "g"},
      {float16_type_node, "DF16_"},
      {float32_type_node, "DF32_"},
      {float64_type_node, "DF64_"},
      {float32x_type_node, "DF32x"},
      {float64x_type_node, "DF64x"},
  };
  for (const builtin& known : builtins)
    if (known.type == type)
      return known.code;
  return nullptr;
}

// Integers that only an attribute or an extension can name.
std::string integer_by_size(tree type)
{
  const bool is_unsigned = TYPE_UNSIGNED(type);
  switch (TYPE_PRECISION(type)) {
    case 8:
      return is_unsigned ? "h" : "a";
    case 16:
      return is_unsigned ? "t" : "s";
    case 32:
      return is_unsigned ? "j" : "i";
    case 64:
      return is_unsigned ? "m" : "l";
    case 128:
      return is_unsigned ? "o" : "n";
    default:
      return (is_unsigned ? "DU" : "DB") +
             std::to_string(TYPE_PRECISION(type)) + "_";
  }
}

std::string with_length(const std::string& name)
{
  return std::to_string(name.size()) + name;
}

tree name_of(tree type)
{
  const tree name = TYPE_NAME(type);
  return name && TREE_CODE(name) == TYPE_DECL ? DECL_NAME(name) : name;
}

// A type without a tag has the name of the typedef that was declared first.
// GCC moves the variants of a type around while it compiles, so their order
// says nothing; numbers of declarations only grow.  As in C++, a typedef of a
// qualified type ("typedef const struct {...} fixed;") names it only where no
// other one does.
tree first_typedef_of(tree type)
{
  tree first = NULL_TREE;
  const auto comes_before = [](tree a, tree b) {
    const bool a_is_plain = TYPE_QUALS(TREE_TYPE(a)) == 0;
    const bool b_is_plain = TYPE_QUALS(TREE_TYPE(b)) == 0;
    return a_is_plain != b_is_plain ? a_is_plain : DECL_UID(a) < DECL_UID(b);
  };
  for (tree it = TYPE_MAIN_VARIANT(type); it; it = TYPE_NEXT_VARIANT(it)) {
    const tree name = TYPE_NAME(it);
    if (name && TREE_CODE(name) == TYPE_DECL && DECL_NAME(name) &&
        (!first || comes_before(name, first)))
      first = name;
  }
  return first;
}

std::string tag_of(tree type)
{
  tree name = name_of(TYPE_MAIN_VARIANT(type));
  if (!name)
    if (const tree declared = first_typedef_of(type))
      name = DECL_NAME(declared);
  return name ? with_length(IDENTIFIER_POINTER(name)) : "Ut_";
}

bool has_constant_bound(tree array)
{
  const tree domain = TYPE_DOMAIN(array);
  return domain && TYPE_MAX_VALUE(domain) &&
         TREE_CODE(TYPE_MAX_VALUE(domain)) == INTEGER_CST;
}

std::string bound_of(tree array)
{
  if (!has_constant_bound(array))
    return {};
  const HOST_WIDE_INT last =
      TREE_INT_CST_LOW(TYPE_MAX_VALUE(TYPE_DOMAIN(array)));
  return std::to_string(last + 1);
}

// 5.1.5.1: restrict, volatile, const; vendor qualifiers in front of them.
std::string qualifiers_of(tree type)
{
  // The volatile that GCC puts on the type of a noreturn function is none.
  if (TREE_CODE(type) == ARRAY_TYPE || TREE_CODE(type) == FUNCTION_TYPE)
    return {};
  const int set = TYPE_QUALS_NO_ADDR_SPACE(type);
  std::string text;
  if (set & TYPE_QUAL_ATOMIC)
    text += "U7_Atomic";
  if (set & TYPE_QUAL_RESTRICT)
    text += 'r';
  if (set & TYPE_QUAL_VOLATILE)
    text += 'V';
  if (set & TYPE_QUAL_CONST)
    text += 'K';
  return text;
}

// Two types are the same when their text without substitutions is, which is
// how a component that occurred before is recognised.
class mangler {
 public:
  explicit mangler(bool substitute) : substitute_(substitute) {}

  std::string type(tree node)
  {
    if (!substitute_ || is_builtin(node))  // never an S_
      return spell(node);
    const std::string key = mangler(false).type(node);
    for (std::size_t i = 0; i < seen_.size(); ++i)
      if (seen_[i] == key)
        return reference(i);
    const std::string text = spell(node);
    seen_.push_back(key);
    return text;
  }

 private:
  // 5.1.8: S_, S0_, ... S9_, SA_, ... SZ_, S10_
  static std::string reference(std::size_t index)
  {
    if (index == 0)
      return "S_";
    std::string digits;
    for (--index;; index /= 36) {
      digits.insert(digits.begin(),
                    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index % 36]);
      if (index < 36)
        return "S" + digits + "_";
    }
  }

  static bool is_builtin(tree node)
  {
    if (!qualifiers_of(node).empty())
      return false;
    switch (TREE_CODE(node)) {
      case VOID_TYPE:
      case BOOLEAN_TYPE:
      case INTEGER_TYPE:
      case REAL_TYPE:
        return true;
      default:
        return is_newer_builtin(node);
    }
  }

  std::string spell(tree node)
  {
    const std::string qualifiers = qualifiers_of(node);
    if (!qualifiers.empty())
      return qualifiers + type(TYPE_MAIN_VARIANT(node));
    if (TREE_CODE(node) == ARRAY_TYPE)
      return "A" + bound_of(node) + "_" + type(TREE_TYPE(node));
    return spell_unqualified(TYPE_MAIN_VARIANT(node));
  }

  std::string spell_unqualified(tree node)
  {
    switch (TREE_CODE(node)) {
      case VOID_TYPE:
      case BOOLEAN_TYPE:
      case INTEGER_TYPE:
      case REAL_TYPE:
        if (const char* code = find_builtin(node))
          return code;
        if (TREE_CODE(node) != REAL_TYPE)
          return integer_by_size(node);
        return "DF" + std::to_string(TYPE_PRECISION(node)) + "_";
      case COMPLEX_TYPE:
        return "C" + type(TREE_TYPE(node));
      case POINTER_TYPE:
        return "P" + type(TREE_TYPE(node));
      case FUNCTION_TYPE:
        return function(node);
      case RECORD_TYPE:
      case UNION_TYPE:
      case ENUMERAL_TYPE:
        return tag_of(node);
      case VECTOR_TYPE:
        return "Dv" + std::to_string(vector_elements(node)) + "_" +
               type(TREE_TYPE(node));
      default:
        return newer_builtin(node);
    }
  }

  // 5.1.5.3.  A type without prototype accepts anything, like one that is
  // variadic from the start.
  std::string function(tree node)
  {
    std::string text = "F" + type(TREE_TYPE(node));
    bool variadic = true;
    bool empty = true;
    for (tree it = TYPE_ARG_TYPES(node); it; it = TREE_CHAIN(it)) {
      if (VOID_TYPE_P(TREE_VALUE(it))) {
        variadic = false;
        break;
      }
      text += type(TYPE_MAIN_VARIANT(TREE_VALUE(it)));
      empty = false;
    }
    if (variadic)
      text += 'z';
    else if (empty)
      text += 'v';
    return text + 'E';
  }

  bool substitute_;
  std::vector<std::string> seen_;
};

}  // namespace

std::string mangle_c_type(tree type)
{
  return mangler(true).type(type);
}

}  // namespace hotpatch
