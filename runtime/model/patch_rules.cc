// Verdicts on names, versions and dependencies of patches, with their words.
// SPDX-License-Identifier: MIT
#include "runtime/model/patch_rules.h"

#include <cstring>

#include "runtime/base/countermeasure.h"
#include "runtime/base/number.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

bool is_name(const char* name, std::size_t size)
{
  if (size == 0 || size > longest_patch_name)
    return false;
  for (const char* c = name; c != name + size; ++c)
    if (static_cast<unsigned char>(*c) <= ' ' || *c == 0x7f ||
        std::strchr("<>=,;!\"", *c) != nullptr)
      return false;
  return true;
}

}  // namespace

bool is_patch_name(const char* name) noexcept
{
  return is_name(name, strnlen(name, longest_patch_name + 1));
}

hp_status check_version(const char* name, std::uint32_t offered,
                        const present_version& present) noexcept
{
  if (!HP_COUNTERMEASURE(patch_versions))
    return HP_OK;
  if (present.version == offered && present.in_effect)
    return fail(HP_APPLIED, "patch \"%s\" is applied already, in version %u",
                name, offered);
  if (present.version > offered)
    return fail(HP_OLDER,
                "patch \"%s\" is applied in version %u, which is newer than "
                "%u; to go back, take that one away first",
                name, present.version, offered);
  return HP_OK;
}

bool patch_dependency::parse(const char* text) noexcept
{
  constexpr char or_newer[] = ">=";
  const char* const operation = std::strstr(text, or_newer);
  name = text;
  length = operation != nullptr ? static_cast<std::size_t>(operation - text)
                                : strnlen(text, longest_patch_name + 1);
  version = 0;
  return is_name(name, length) &&
         (operation == nullptr ||
          parse_number(operation + sizeof or_newer - 1, version));
}

bool patch_dependency::is_named(const char* other) const noexcept
{
  return std::strncmp(other, name, length) == 0 && other[length] == '\0';
}

hp_status check_dependency(const char* name, bool is_applied,
                           const patch_dependency& wanted,
                           const std::uint32_t* present) noexcept
{
  const auto length = static_cast<int>(wanted.length);
  if ((present != nullptr && *present >= wanted.version) ||
      !HP_COUNTERMEASURE(patch_dependencies))
    return HP_OK;
  if (present != nullptr)
    return fail(is_applied ? HP_NEEDED : HP_MISSING,
                "patch \"%s\" needs version %u of patch \"%.*s\", or a newer "
                "one, and only version %u %s applied",
                name, wanted.version, length, wanted.name, *present,
                is_applied ? "would be" : "is");
  if (is_applied)
    return fail(HP_NEEDED,
                "patch \"%.*s\" cannot be taken away: patch \"%s\" needs it; "
                "take that one away before, or in the same transaction",
                length, wanted.name, name);
  return fail(HP_MISSING,
              "patch \"%s\" needs patch \"%.*s\", which is not applied", name,
              length, wanted.name);
}

}  // namespace hotpatch
