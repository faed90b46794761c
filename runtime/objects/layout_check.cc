// Comparing descriptions of types, and saying how they differ.
// SPDX-License-Identifier: MIT
#include "runtime/objects/layout_check.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "runtime/base/countermeasure.h"
#include "runtime/base/number.h"
#include "runtime/base/status.h"
#include "runtime/sites/name_demangle.h"
#include "runtime/sites/name_text.h"

namespace hotpatch {

namespace {

// A view for "%.*s".
int length(std::string_view text)
{
  return static_cast<int>(std::min<std::size_t>(text.size(), 200));
}

// "member 64 32 timeout i32": place and size in bits, name, type.
struct member {
  std::string_view kind;
  std::string_view place;
  std::string_view size;
  std::string_view name;
  std::string_view type;
};

member parse_member(std::string_view line)
{
  member made;
  made.kind = take_word(line);
  made.place = take_word(line);
  made.size = take_word(line);
  made.name = take_word(line);
  made.type = line;
  return made;
}

bool is_member(std::string_view line)
{
  return begins_with(line, "member ");
}

bool is_incomplete(const type_text& type)
{
  return begins_with(type.own, "incomplete");
}

bool find_member(std::string_view lines, std::string_view name, member& into)
{
  std::string_view line;
  while (take_line(lines, line))
    if (is_member(line)) {
      into = parse_member(line);
      if (equal(into.name, name))
        return true;
    }
  return false;
}

// Where a member is, for people: in bytes, or in bits if it is a bit-field.
struct place_text {
  explicit place_text(std::string_view bits)
  {
    const std::size_t value = parse_number<std::size_t>(bits).value_or(0);
    std::snprintf(text, sizeof text, value % 8 == 0 ? "%zu" : "bit %zu",
                  value % 8 == 0 ? value / 8 : value);
  }
  char text[32];
};

class comparison {
 public:
  comparison(layout_subject subject, const type_text& program,
             const type_text& patch) noexcept
      : subject_(subject), program_(program), patch_(patch)
  {
    std::string_view lines = patch.own;
    std::string_view first;
    if (take_line(lines, first))
      kind_ = take_word(first);
    char mangled[512];
    std::snprintf(mangled, sizeof mangled, "%.*s", length(patch.name),
                  patch.name.data());
    demangle(mangled, name_form::type, name_, sizeof name_);
  }

  // The most telling difference: what has moved, then what has changed its
  // type, then what is new or gone, then all else.
  hp_status run() noexcept
  {
    hp_status status = for_each_pair([this](const member& ours,
                                            const member& theirs) {
      return equal(ours.place, theirs.place)
                 ? HP_OK
                 : say("member %.*s is at %s in the program, %s in the patch",
                       length(ours.name), ours.name.data(),
                       place_text(theirs.place).text,
                       place_text(ours.place).text);
    });
    if (status == HP_OK)
      status = for_each_pair([this](const member& ours, const member& theirs) {
        return equal(ours.size, theirs.size) && equal(ours.type, theirs.type)
                   ? HP_OK
                   : say("member %.*s is %.*s in the program, %.*s in the "
                         "patch",
                         length(ours.name), ours.name.data(),
                         length(theirs.type), theirs.type.data(),
                         length(ours.type), ours.type.data());
      });
    if (status == HP_OK)
      status = find_lone(patch_.own, program_.own, "program");
    if (status == HP_OK)
      status = find_lone(program_.own, patch_.own, "patch");
    return status == HP_OK ? first_other_line() : status;
  }

 private:
  // Of the members that both have, until `visit` fails.
  template <typename Visit>
  hp_status for_each_pair(Visit visit) noexcept
  {
    std::string_view lines = patch_.own;
    std::string_view line;
    member theirs;
    while (take_line(lines, line)) {
      const member ours = parse_member(line);
      if (!is_member(line) || equal(ours.name, "-") ||
          !find_member(program_.own, ours.name, theirs))
        continue;
      if (const hp_status status = visit(ours, theirs); status != HP_OK)
        return status;
    }
    return HP_OK;
  }

  // A member that the other one, called `whose`, has not.
  hp_status find_lone(std::string_view lines, std::string_view others,
                      const char* whose) noexcept
  {
    std::string_view line;
    member ignored;
    while (take_line(lines, line)) {
      const member one = parse_member(line);
      if (is_member(line) && !find_member(others, one.name, ignored))
        return say("the %s has no member %.*s", whose, length(one.name),
                   one.name.data());
    }
    return HP_OK;
  }

  hp_status first_other_line() noexcept
  {
    std::string_view ours = patch_.own;
    std::string_view theirs = program_.own;
    std::string_view our_line;
    std::string_view their_line;
    for (;;) {
      const bool more = take_line(ours, our_line);
      const bool theirs_too = take_line(theirs, their_line);
      if (!more || !theirs_too)
        return say("the %s has more of \"%.*s\"", more ? "patch" : "program",
                   length(more ? our_line : their_line),
                   (more ? our_line : their_line).data());
      if (!equal(our_line, their_line))
        return say("\"%.*s\" in the program, \"%.*s\" in the patch",
                   length(their_line), their_line.data(), length(our_line),
                   our_line.data());
    }
  }

  [[gnu::format(printf, 2, 3)]] hp_status say(const char* format, ...) noexcept
  {
    char message[700];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail(HP_LAYOUT, "%s: %s: %.*s %s: %s", subject_.label, subject_.name,
                length(kind_), kind_.data(), name_, message);
  }

  layout_subject subject_;
  const type_text& program_;
  const type_text& patch_;
  std::string_view kind_ = "type";
  char name_[300] = "";
};

// Enumerators of enumerations without a name, or constants of a class.
bool is_constants(const type_text& type)
{
  return begins_with(type.own, "constants\n");
}

// Finds a constant that both have, with different values.
bool find_changed_constant(const type_text& program, const type_text& patch,
                           std::string_view& name, std::string_view& theirs,
                           std::string_view& ours)
{
  std::string_view our_lines = patch.own;
  std::string_view line;
  while (take_line(our_lines, line)) {
    if (!equal(take_word(line), "value"))
      continue;
    ours = take_word(line);
    name = line;
    std::string_view their_lines = program.own;
    std::string_view other;
    while (take_line(their_lines, other)) {
      if (!equal(take_word(other), "value"))
        continue;
      theirs = take_word(other);
      if (equal(other, name) && !equal(theirs, ours))
        return true;
    }
  }
  return false;
}

hp_status report_constant(layout_subject subject, const type_text& program,
                          const type_text& patch)
{
  std::string_view name;
  std::string_view theirs;
  std::string_view ours;
  if (!find_changed_constant(program, patch, name, theirs, ours))
    return HP_OK;
  return fail(HP_LAYOUT,
              "%s: %s: %.*s is %.*s in the program, %.*s in the patch (%.*s)",
              subject.label, subject.name, length(name), name.data(),
              length(theirs), theirs.data(), length(ours), ours.data(),
              length(patch.name), patch.name.data());
}

bool has_line(std::string_view lines, std::string_view wanted)
{
  std::string_view line;
  while (take_line(lines, line))
    if (equal(line, wanted))
      return true;
  return false;
}

// Whether an enumeration has all that another has: with the same size, and the
// same values for the same names.  One that got more enumerators at its end is
// the same type for all code that does not know them.
bool is_enumeration_within(const type_text& smaller, const type_text& larger)
{
  if (!begins_with(smaller.own, "enum ") || !begins_with(larger.own, "enum "))
    return false;
  std::string_view lines = smaller.own;
  std::string_view line;
  while (take_line(lines, line))
    if (!has_line(larger.own, line))
      return false;
  return true;
}

bool agree(const type_text& program, const type_text& patch)
{
  if (is_constants(program) && is_constants(patch)) {
    std::string_view name;
    std::string_view theirs;
    std::string_view ours;
    return !HP_COUNTERMEASURE(compare_constants) ||
           !find_changed_constant(program, patch, name, theirs, ours);
  }
  return program.hash == patch.hash || is_incomplete(program) ||
         is_incomplete(patch) || equal(program.own, patch.own) ||
         is_enumeration_within(program, patch) ||
         is_enumeration_within(patch, program);
}

hp_status report_difference(layout_subject subject, const type_text& program,
                            const type_text& patch)
{
  return is_constants(patch) ? report_constant(subject, program, patch)
                             : comparison(subject, program, patch).run();
}

// What has no name is written out in the type itself.
hp_status check_unnamed(layout_subject subject, const type_text& program,
                        const type_text& patch)
{
  const bool written_out =
      contains(program.name, "{") || contains(patch.name, "{");
  if (!written_out || equal(program.name, patch.name))
    return HP_OK;
  return fail(HP_LAYOUT,
              "%s: %s: a type without a name has changed: in the program it is "
              "%.*s, in the patch %.*s",
              subject.label, subject.name, length(program.name),
              program.name.data(), length(patch.name), patch.name.data());
}

hp_status no_memory(layout_subject subject)
{
  return fail(HP_NO_MEMORY, "%s: out of memory", subject.label);
}

}  // namespace

hp_status check_function_layout(layout_subject subject,
                                const type_catalogue& program,
                                std::uint64_t program_hash,
                                const type_catalogue& patch,
                                std::uint64_t patch_hash) noexcept
{
  if (program_hash == patch_hash || program_hash == 0 || patch_hash == 0)
    return HP_OK;
  const type_text* theirs = program.find_layout(program_hash);
  const type_text* ours = patch.find_layout(patch_hash);
  if (theirs == nullptr || ours == nullptr)
    return fail(HP_LAYOUT,
                "%s: %s: its types have another layout in the program than in "
                "the patch; what differs cannot be told, because the %s has "
                "lost its section .hotpatch.types",
                subject.label, subject.name,
                theirs == nullptr ? "program" : "patch");
  array<const type_text*> in_program;
  array<const type_text*> in_patch;
  if (!program.reach(*theirs, in_program) || !patch.reach(*ours, in_patch))
    return no_memory(subject);
  for (const type_text* each : in_patch)
    for (const type_text* other : in_program)
      if (equal(each->name, other->name) && !agree(*other, *each))
        return report_difference(subject, *other, *each);
  return check_unnamed(subject, *theirs, *ours);
}

hp_status check_variable_layout(layout_subject subject,
                                const type_catalogue& program,
                                std::uint64_t program_hash,
                                const type_catalogue& patch,
                                std::uint64_t patch_hash) noexcept
{
  const type_text* ours =
      patch_hash != 0 ? patch.find_layout(patch_hash) : nullptr;
  if (ours == nullptr)
    return HP_OK;
  if (const type_text* theirs =
          program_hash != 0 ? program.find_layout(program_hash) : nullptr;
      theirs != nullptr)
    if (const hp_status status = check_unnamed(subject, *theirs, *ours);
        status != HP_OK)
      return status;
  array<const type_text*> in_patch;
  if (!patch.reach(*ours, in_patch))
    return no_memory(subject);
  for (const type_text* each : in_patch) {
    std::size_t count = 0;
    const type_text* others = program.find_type(each->name, count);
    bool any = count == 0;
    for (std::size_t i = 0; i < count && !any; ++i)
      any = agree(others[i], *each);
    if (!any)
      return report_difference(subject, others[0], *each);
  }
  return HP_OK;
}

}  // namespace hotpatch
