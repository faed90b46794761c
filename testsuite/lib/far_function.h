// A function more than 2 GiB away from the program: machine code in a page of
// its own.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_FAR_FUNCTION_H
#define HOTPATCH_TESTSUITE_FAR_FUNCTION_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <sys/mman.h>

namespace hotpatch_test {

// int f(): returns `value`.
class far_function {
 public:
  explicit far_function(int value)
  {
    // Sixteen terabytes up: far from executables and from shared objects.
    static std::uint64_t hint = 0x100000000000;
    hint += 0x10000;
    page_ = mmap(reinterpret_cast<void*>(hint), size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page_ == MAP_FAILED)
      return;
    unsigned char code[] = {0xb8, 0, 0, 0, 0,  // mov $value,%eax
                            0xc3};             // ret
    std::memcpy(code + 1, &value, sizeof value);
    std::memcpy(page_, code, sizeof code);
    mprotect(page_, size, PROT_READ | PROT_EXEC);
  }
  far_function(const far_function&) = delete;
  far_function& operator=(const far_function&) = delete;
  ~far_function() { munmap(page_, size); }

  using type = int (*)();
  type get() const { return reinterpret_cast<type>(page_); }
  std::uint64_t address() const
  {
    return reinterpret_cast<std::uint64_t>(page_);
  }

 private:
  static constexpr std::size_t size = 4096;
  void* page_;
};

}  // namespace hotpatch_test

#endif
