// The names and meanings of the statuses.
// SPDX-License-Identifier: MIT
#include <cstddef>
#include <iterator>

#include "runtime/include/hotpatch.h"

namespace {

struct status_words {
  const char* name;
  const char* text;
};

// By number: the order of hp_status in hotpatch.h.
constexpr status_words words[] = {
    {"HP_OK", "success"},
    {"HP_INVALID", "an argument is null, empty or out of range"},
    {"HP_NOT_FOUND", "no loaded image has a site of that name"},
    {"HP_AMBIGUOUS", "several sites have that name"},
    {"HP_PROTOTYPE", "the replacement has another prototype"},
    {"HP_NOT_EXECUTABLE", "the replacement's address is not code"},
    {"HP_FOREIGN", "another tool has modified the patch word"},
    {"HP_MALFORMED", "an image's .hotpatch section is damaged"},
    {"HP_UNREADABLE", "an image's file is gone, replaced or unreadable"},
    {"HP_NO_MEMORY", "out of memory"},
    {"HP_DENIED", "the system forbids writing to program text"},
    {"HP_NOT_APPLIED", "there is nothing to revert"},
    {"HP_BUSY", "a thread did not leave the old code in time"},
    {"HP_UNSUPPORTED", "not available in this build or on this kernel"},
    {"HP_INTERNAL", "internal error, or the system failed during rollback"},
    {"HP_APPLIED", "the patch is applied already, in this version"},
    {"HP_OLDER", "a newer version of the patch is applied"},
    {"HP_MISSING", "a patch that this one needs is not applied"},
    {"HP_NEEDED", "an applied patch needs it"},
    {"HP_VETOED", "a hook of a patch vetoed the change"},
    {"HP_LAYOUT", "a type has other members in the program and the patch"},
    {"HP_OTHER_BUILD", "the patch is for another build of the program"},
    {"HP_INLINED", "copies of the function are inlined into other functions"},
};
static_assert(std::size(words) == HP_INLINED + 1);

const status_words& words_of(hp_status status)
{
  static constexpr status_words unknown = {"HP_?", "unknown status number"};
  const auto number = static_cast<std::size_t>(status);
  return number < std::size(words) ? words[number] : unknown;
}

}  // namespace

extern "C" const char* hp_status_name(hp_status status)
{
  return words_of(status).name;
}

extern "C" const char* hp_strerror(hp_status status)
{
  return words_of(status).text;
}
