// Named countermeasures: what keeps a promise, so that a test can take it out
// and see that the promise breaks.
//
//     if (HP_COUNTERMEASURE(put_back))
//       restore_words();
//
// In every build that is installed, the macro is the constant true.  `make
// controls` compiles the library and the tools once more with
// HP_TEST_COUNTERMEASURES (testsuite/lib/controls.sh); there a countermeasure
// is left out if the environment variable HP_WITHOUT names it, alone or in a
// list with commas: HP_WITHOUT=put_back,verify.
//
// A name belongs to one place in the code and says what is done there.  From
// any thread, at any moment: the variable is read without locks or memory.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_BASE_COUNTERMEASURE_H
#define HOTPATCH_BASE_COUNTERMEASURE_H

#ifndef HP_TEST_COUNTERMEASURES

#define HP_COUNTERMEASURE(name) true

#else

#include <unistd.h>

namespace hotpatch {

// Whether `list`, a list with commas, holds `name`.
inline bool list_names(const char* list, const char* name)
{
  for (;;) {
    const char* left = name;
    while (*left != '\0' && *list == *left)
      ++list, ++left;
    if (*left == '\0' && (*list == ',' || *list == '\0'))
      return true;
    while (*list != ',')
      if (*list++ == '\0')
        return false;
    ++list;
  }
}

// getenv(3) may take a lock; the test that sets HP_WITHOUT does so before the
// program starts.
inline bool is_without(const char* name)
{
  static constexpr char variable[] = "HP_WITHOUT=";
  constexpr unsigned length = sizeof variable - 1;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    unsigned same = 0;
    while (same < length && (*entry)[same] == variable[same])
      ++same;
    if (same == length)
      return list_names(*entry + length, name);
  }
  return false;
}

}  // namespace hotpatch

#define HP_COUNTERMEASURE(name) (!::hotpatch::is_without(#name))

#endif

#endif
