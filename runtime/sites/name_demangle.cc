// Demangling into a buffer, and comparing without one.
// SPDX-License-Identifier: MIT
#include "runtime/sites/name_demangle.h"

#include <cstring>
#include <initializer_list>

extern "C" {
// libiberty's <demangle.h> wants the rest of libiberty's headers to have been
// seen; these are the only two things needed of it.
typedef void (*demangle_callbackref)(const char*, std::size_t, void*);
int cplus_demangle_v3_callback(const char* mangled, int options,
                               demangle_callbackref callback, void* opaque);
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

bool is_mangled(const char* name) noexcept
{
  return name[0] == '_' && name[1] == 'Z';
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

struct comparison {
  const char* rest;
  const char* end;
  bool equal;

  void skip_blanks() noexcept
  {
    while (rest != end && *rest == ' ')
      ++rest;
  }
};

void compare(const char* piece, std::size_t length, void* data) noexcept
{
  auto* with = static_cast<comparison*>(data);
  for (std::size_t i = 0; i < length && with->equal; ++i) {
    if (piece[i] == ' ')
      continue;
    with->skip_blanks();
    with->equal = with->rest != with->end && *with->rest++ == piece[i];
  }
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
    comparison with = {text, text + length, true};
    if (!cplus_demangle_v3_callback(name, options(form), compare, &with))
      return false;
    with.skip_blanks();
    if (with.equal && with.rest == with.end)
      return true;
  }
  return false;
}

}  // namespace hotpatch
