// Demangling into a buffer, and comparing without one.
// SPDX-License-Identifier: MIT
#include "runtime/sites/name_demangle.h"

#include <cstring>
#include <initializer_list>

extern "C" {
// libiberty's <demangle.h> wants the rest of libiberty's headers to have been
// seen; these are the only things needed of it.
typedef void (*demangle_callbackref)(const char*, std::size_t, void*);
int cplus_demangle_v3_callback(const char* mangled, int options,
                               demangle_callbackref callback, void* opaque);
// enum gnu_v3_ctor_kinds and gnu_v3_dtor_kinds; 0: it is no such.  Neither
// allocates.
int is_gnu_v3_mangled_ctor(const char* name);
int is_gnu_v3_mangled_dtor(const char* name);
}

namespace hotpatch {

namespace {

// libiberty's DMGL_ option bits.
constexpr int with_parameters = 1 << 0;
constexpr int with_qualifiers = 1 << 1;
constexpr int as_type = 1 << 4;
constexpr int without_return_type = 1 << 6;

int options(name_form form) noexcept
{
  switch (form) {
    case name_form::full:
      return with_parameters | with_qualifiers;
    case name_form::signature:
      return with_parameters | with_qualifiers | without_return_type;
    case name_form::type:
      return with_parameters | as_type;
    case name_form::bare:
      break;
  }
  return with_qualifiers;
}

struct output {
  char* text;
  std::size_t size;
  std::size_t used;
};

void append(const char* piece, std::size_t length, void* data) noexcept
{
  auto* out = static_cast<output*>(data);
  const std::size_t room = out->size - 1 - out->used;
  const std::size_t taken = length < room ? length : room;
  std::memcpy(out->text + out->used, piece, taken);
  out->used += taken;
}

// Holds the pieces of a demangled name against a text.
class comparison {
 public:
  comparison(const char* text, std::size_t length) noexcept
      : rest_(text), end_(text + length)
  {
  }

  void add(char c) noexcept
  {
    switch (state_) {
      case state::name:
        return add_to_name(c);
      case state::bracket:
        return add_to_bracket(c);
      case state::tag:
        if (c == ']')
          state_ = state::name;
        return;
      case state::module:
        return add_to_module(c);
      case state::module_colon:
        // "@shop::f" goes on with the name, "@shop:part" with the module.
        state_ = c == ':' ? state::name : state::module;
        if (c == ':')
          match("::", 2);
        return;
    }
  }

  [[nodiscard]] bool differs() const noexcept { return !equal_; }

  [[nodiscard]] bool ends_equal() noexcept
  {
    if (state_ == state::bracket)
      match(tag_mark, held_);
    skip_blanks();
    return equal_ && rest_ == end_;
  }

 private:
  enum class state : std::uint8_t { name, bracket, tag, module, module_colon };
  static constexpr char tag_mark[] = "[abi:";
  static constexpr std::size_t tag_length = sizeof tag_mark - 1;

  void skip_blanks() noexcept
  {
    while (rest_ != end_ && *rest_ == ' ')
      ++rest_;
  }

  void match(char c) noexcept
  {
    skip_blanks();
    equal_ = equal_ && rest_ != end_ && *rest_++ == c;
  }

  void match(const char* text, std::size_t length) noexcept
  {
    for (std::size_t i = 0; i < length; ++i)
      match(text[i]);
  }

  // Whether the text says this, too.
  bool text_has(const char* mark, std::size_t length) noexcept
  {
    skip_blanks();
    return static_cast<std::size_t>(end_ - rest_) >= length &&
           std::memcmp(rest_, mark, length) == 0;
  }

  void add_to_name(char c) noexcept
  {
    if (c == '[') {
      state_ = state::bracket;
      held_ = 1;
    } else if (c == '@' && !text_has("@", 1)) {
      state_ = state::module;
    } else if (c != ' ') {
      match(c);
    }
  }

  // What has been held is the beginning of tag_mark.
  void add_to_bracket(char c) noexcept
  {
    if (c != tag_mark[held_]) {
      match(tag_mark, held_);
      state_ = state::name;
      add_to_name(c);
    } else if (++held_ == tag_length) {
      const bool is_wanted = text_has(tag_mark, tag_length);
      state_ = is_wanted ? state::name : state::tag;
      if (is_wanted)
        match(tag_mark, tag_length);
    }
  }

  void add_to_module(char c) noexcept
  {
    const bool is_inside = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (c == ':') {
      state_ = state::module_colon;
    } else if (!is_inside) {
      state_ = state::name;
      add_to_name(c);
    }
  }

  const char* rest_;
  const char* end_;
  std::size_t held_ = 0;
  state state_ = state::name;
  bool equal_ = true;
};

void compare(const char* piece, std::size_t length, void* data) noexcept
{
  auto* with = static_cast<comparison*>(data);
  for (std::size_t i = 0; i < length && !with->differs(); ++i)
    with->add(piece[i]);
}

}  // namespace

char* demangle(const char* name, name_form form, char* into,
               std::size_t size) noexcept
{
  output out = {into, size, 0};
  if ((form != name_form::type && !is_mangled(name)) ||
      !cplus_demangle_v3_callback(name, options(form), append, &out)) {
    out.used = 0;
    append(name, std::strlen(name), &out);
  }
  into[out.used] = '\0';
  return into;
}

bool demangles_to(const char* name, const char* text,
                  std::size_t length) noexcept
{
  if (!is_mangled(name))
    return false;
  for (const name_form form :
       {name_form::signature, name_form::bare, name_form::full}) {
    comparison with(text, length);
    if (!cplus_demangle_v3_callback(name, options(form), compare, &with))
      return false;
    if (with.ends_equal())
      return true;
  }
  return false;
}

structor structor_of(const char* name) noexcept
{
  if (!is_mangled(name))
    return structor::none;
  switch (is_gnu_v3_mangled_ctor(name)) {
    case 0:
      break;
    case 1:
      return structor::complete_constructor;
    case 2:
      return structor::base_constructor;
    default:
      return structor::other;
  }
  switch (is_gnu_v3_mangled_dtor(name)) {
    case 0:
      return structor::none;
    case 1:
      return structor::deleting_destructor;
    case 2:
      return structor::complete_destructor;
    case 3:
      return structor::base_destructor;
    default:
      return structor::other;
  }
}

}  // namespace hotpatch
