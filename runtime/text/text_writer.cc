// The two writers and the probe that chooses between them.
// SPDX-License-Identifier: MIT
#include "runtime/text/text_writer.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/page_size.h"
#include "runtime/base/valgrind_request.h"

namespace hotpatch {

namespace {

constexpr int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;

// Linux 5.14; the kernel faults the pages in as a store would, or says that
// none may be made.  Older headers do not have the name.
constexpr int populate_write = 23;  // MADV_POPULATE_WRITE

// The error number of a store to the page, which is not made: 0 for none.
int try_to_write(std::uint64_t page)
{
  void* const address = reinterpret_cast<void*>(page);
  return madvise(address, page_size, populate_write) == 0 ? 0 : errno;
}

// Older kernels refuse the advice itself, with the same error.
bool can_try_to_write()
{
  static constinit std::atomic<int> known{-1};
  int can = known.load(std::memory_order_relaxed);
  if (can < 0) {
    const auto stack = reinterpret_cast<std::uint64_t>(&can);
    can = try_to_write(stack & -page_size) == 0;
    known.store(can, std::memory_order_relaxed);
  }
  return can != 0;
}

// Opened for each window and closed with it: the descriptor is bound to the
// memory of the process that opened it, so one kept over fork would let the
// child write into its parent.
int open_memory()
{
  return open("/proc/thread-self/mem", O_RDWR | O_CLOEXEC);
}

bool write_memory(int memory, std::uint64_t address, const void* bytes,
                  std::size_t size)
{
  ssize_t written;
  do {
    written = pwrite(memory, bytes, size, static_cast<off_t>(address));
  } while (written < 0 && errno == EINTR);
  return written == static_cast<ssize_t>(size);
}

// A private page to try things on.
class scratch_page {
 public:
  explicit scratch_page(int protection)
      : page_(mmap(nullptr, page_size, protection, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0))
  {
  }
  scratch_page(const scratch_page&) = delete;
  scratch_page& operator=(const scratch_page&) = delete;
  ~scratch_page()
  {
    if (page_ != MAP_FAILED)
      munmap(page_, page_size);
  }

  // As error numbers, 0 for success.
  int try_rwx_window() const
  {
    return page_ == MAP_FAILED || mprotect(page_, page_size, rwx) != 0 ? errno
                                                                       : 0;
  }

  int try_proc_mem() const
  {
    if (page_ == MAP_FAILED)
      return errno;
    const file_descriptor memory(open_memory());
    const unsigned char byte = 0x5a;
    if (!memory ||
        !write_memory(memory.get(), reinterpret_cast<std::uint64_t>(page_),
                      &byte, 1))
      return errno;
    return *static_cast<volatile unsigned char*>(page_) == byte ? 0 : EIO;
  }

 private:
  void* page_;
};

// A rule that will hold tomorrow, not a shortage that will pass.
bool lasts(int error)
{
  return error != ENOMEM && error != EMFILE && error != ENFILE &&
         error != EINTR && error != EIO;
}

}  // namespace

writer_kind text_writer::kind() noexcept
{
  if (chosen_)
    return kind_;
  const int error = scratch_page(PROT_READ | PROT_EXEC).try_rwx_window();
  if (error != 0) {
    choose_second("the system refuses memory that is writable and executable",
                  error);
    return kind_;
  }
  reason_[0] = '\0';
  chosen_ = true;
  kind_ = writer_kind::rwx_window;
  return kind_;
}

void text_writer::choose_second(const char* why, int error) noexcept
{
  const int second = scratch_page(PROT_READ).try_proc_mem();
  chosen_ = lasts(error) && (second == 0 || lasts(second));
  kind_ = second == 0 ? writer_kind::proc_mem : writer_kind::none;
  if (second == 0)
    std::snprintf(reason_, sizeof reason_, "%s (mprotect: %s)", why,
                  std::strerror(error));
  else
    std::snprintf(
        reason_, sizeof reason_,
        "%s (mprotect: %s), and writing through /proc/thread-self/mem "
        "fails too (%s)",
        why, std::strerror(error), std::strerror(second));
}

void text_writer::demote(int error) noexcept
{
  choose_second("the system refuses to make program text writable", error);
}

const char* text_writer::name() noexcept
{
  switch (kind()) {
    case writer_kind::rwx_window:
      return "rwx-window";
    case writer_kind::proc_mem:
      return "proc-mem";
    case writer_kind::none:
      break;
  }
  return "none";
}

const char* text_writer::reason() noexcept
{
  kind();
  return reason_;
}

text_window::text_window(writer_kind kind, std::uint64_t begin,
                         std::uint64_t end) noexcept
    : text_window(kind)
{
  if (add(begin, end))
    (void)open();
  else if (error_ == 0)
    error_ = ENOMEM;
}

bool text_window::add_pages(std::uint64_t begin, std::uint64_t end) noexcept
{
  if (kind_ == writer_kind::proc_mem)
    return true;
  // Pages between two places that are near each other are opened with them:
  // each opening splits a mapping, and a process may not have many.
  constexpr std::uint64_t near_pages = 16;
  const std::uint64_t page_end = (end + page_size - 1) & -page_size;
  const bool same = begin >= mapping_.begin && end <= mapping_.end;
  if (same && !runs_.empty()) {
    run& last = runs_[runs_.size() - 1];
    if (last.begin >= mapping_.begin &&
        begin < last.end + near_pages * page_size) {
      last.end = std::max(last.end, page_end);
      return true;
    }
  }
  if (!same && (!find_mapping(begin, mapping_) || mapping_.end < end ||
                (mapping_.protection & PROT_EXEC) == 0)) {
    error_ = EFAULT;
    return false;
  }
  return runs_.append({begin & -page_size, page_end, mapping_.protection});
}

// False: its pages are writable, or cannot be told to be not.
bool text_window::add_unwritable(std::uint64_t begin,
                                 std::uint64_t end) noexcept
{
  if (kind_ == writer_kind::proc_mem || !can_try_to_write())
    return false;
  constexpr int protection = PROT_READ | PROT_EXEC;
  const std::uint64_t first = begin & -page_size;
  const std::uint64_t page_end = (end + page_size - 1) & -page_size;
  for (std::uint64_t page = first; page < page_end; page += page_size)
    if (try_to_write(page) != EINVAL)
      return false;
  if (!runs_.empty()) {
    run& last = runs_[runs_.size() - 1];
    if (first <= last.end && last.protection == protection) {
      last.end = page_end;
      return true;
    }
  }
  return runs_.append({first, page_end, protection});
}

bool text_window::open() noexcept
{
  error_ = 0;
  if (kind_ == writer_kind::proc_mem) {
    memory_.reset(open_memory());
    error_ = memory_ ? 0 : errno;
    return error_ == 0;
  }
  for (; opened_ < runs_.size(); ++opened_) {
    const run& each = runs_[opened_];
    if (mprotect(reinterpret_cast<void*>(each.begin), each.end - each.begin,
                 rwx) != 0) {
      error_ = errno;
      close();
      return false;
    }
  }
  return true;
}

void text_window::close() noexcept
{
  // Opening a run split the mapping if it had to; closing it lets the pieces
  // merge again, so this needs no memory and has no reason to fail twice.
  for (; opened_ > 0; --opened_) {
    const run& each = runs_[opened_ - 1];
    // Of all words in it at once; store_word() is for many.
    tell_valgrind_of_change(each.begin, each.end - each.begin);
    bool closed = false;
    const int attempts = HP_COUNTERMEASURE(close_twice) ? 2 : 1;
    for (int attempt = 0; attempt < attempts && !closed; ++attempt)
      closed = mprotect(reinterpret_cast<void*>(each.begin),
                        each.end - each.begin, each.protection) == 0;
    if (!closed)
      left_open_ = each.begin;
  }
  memory_.reset(-1);
}

// The thread sanitizer would see a race with every thread that calls the
// function; the race is the point of it.
[[gnu::no_sanitize("thread", "address")]] bool text_window::store_word(
    std::uint64_t address, std::uint64_t word) noexcept
{
  if (kind_ == writer_kind::proc_mem) {
    std::uint8_t bytes[sizeof word];
    std::memcpy(bytes, &word, sizeof bytes);
    return store_bytes(address, bytes, sizeof bytes);
  }
  // One mov, which the compiler can neither split nor move across the stores
  // around it.
  asm volatile("movq %1, %0"
               : "=m"(*reinterpret_cast<std::uint64_t*>(address))
               : "r"(word)
               : "memory");
  return true;
}

[[gnu::no_sanitize("thread", "address")]] bool text_window::store_bytes(
    std::uint64_t address, const std::uint8_t* bytes, std::size_t size) noexcept
{
  if (kind_ == writer_kind::proc_mem) {
    if (!write_memory(memory_.get(), address, bytes, size))
      return false;
  } else {
    for (std::size_t i = 0; i < size; ++i)
      reinterpret_cast<volatile std::uint8_t*>(address)[i] = bytes[i];
  }
  tell_valgrind_of_change(address, size);
  return true;
}

}  // namespace hotpatch
