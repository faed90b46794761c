// A function more than 2 GiB away from the program: machine code in a page of
// its own.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_FAR_FUNCTION_H
#define HOTPATCH_TESTSUITE_FAR_FUNCTION_H

#include <cstdint>
#include <cstring>

#include <sys/mman.h>

#include "testsuite/lib/far_code.h"

namespace hotpatch_test {

// int f(): returns `value`.
class far_function {
 public:
  explicit far_function(int value)
  {
    static std::uintptr_t where = FAR_AWAY;
    where += 0x10000;
    unsigned char code[] = {0xb8, 0, 0, 0, 0,  // mov $value,%eax
                            0xc3};             // ret
    std::memcpy(code + 1, &value, sizeof value);
    page_ = far_code_at(where, code, sizeof code);
  }
  far_function(const far_function&) = delete;
  far_function& operator=(const far_function&) = delete;
  ~far_function() { munmap(page_, far_page); }

  using type = int (*)();
  type get() const { return reinterpret_cast<type>(page_); }
  std::uint64_t address() const
  {
    return reinterpret_cast<std::uint64_t>(page_);
  }

 private:
  void* page_;
};

}  // namespace hotpatch_test

#endif
