// Committing to the code of this process; and in words, why a commit failed and
// what the program should know of it.
//
// SPDX-License-Identifier: MIT
#include "runtime/commit/commit.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/base/status.h"
#include <atomic>

#include "format/changing.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/system_call.h"
#include "runtime/commit/commit_batch.h"

namespace hotpatch {

template commit_outcome commit<this_process>(
    text_writer& writer, std::span<change> changes,
    std::span<const code_range> vacated, junctions& junctions,
    const commit_order& order) noexcept;

namespace {

// Under the library's lock; read by tools that have stopped this process.
[[gnu::section(".hotpatch.changing"),
  gnu::used]] constinit std::atomic<format::changing_thread>
    changing = 0;

}  // namespace

change_note::change_note() noexcept
{
  if (HP_COUNTERMEASURE(note_changing))
    changing = static_cast<format::changing_thread>(system_call(SYS_gettid));
}

change_note::~change_note()
{
  changing = 0;
}

[[gnu::no_sanitize("thread", "address")]] far_pad load_pad(
    const site_code& site) noexcept
{
  far_pad pad = {};
  const auto* bytes =
      reinterpret_cast<const volatile std::uint8_t*>(far_pad_address(site));
  for (std::size_t i = 0; i < pad_bytes(site); ++i)
    pad.bytes[i] = bytes[i];
  return pad;
}

namespace {

struct hex_word {
  char text[3 * format::word_size];
  explicit hex_word(std::uint64_t word)
  {
    std::uint8_t bytes[format::word_size];
    std::memcpy(bytes, &word, sizeof bytes);
    for (std::size_t i = 0; i < sizeof bytes; ++i)
      std::snprintf(text + 3 * i, sizeof text - 3 * i,
                    i + 1 < sizeof bytes ? "%02x " : "%02x", bytes[i]);
  }
};

// What was told last, under the library's lock.
constinit const char* told_writer = nullptr;
constinit const char* told_barrier = nullptr;

// A second choice is worth knowing, with its reason; the best one is a detail.
void add_choice(commit_warnings& warnings, const char* what, const char* chosen,
                const char* reason)
{
  if (*reason != '\0')
    warnings.add(HP_LOG_INFO, "%s: %s, because %s", what, chosen, reason);
  else
    warnings.add(HP_LOG_DEBUG, "%s: %s", what, chosen);
}

}  // namespace

void commit_warnings::add(hp_log_level level, const char* format, ...) noexcept
{
  const std::size_t room = sizeof texts_ - used_;
  if (size_ == most || room == 0)
    return;
  levels_[size_] = level;
  begins_[size_++] = used_;
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(texts_ + used_, room, format, arguments);
  va_end(arguments);
  const auto whole = static_cast<std::size_t>(std::max(length, 0)) + 1;
  used_ = static_cast<std::uint16_t>(used_ + std::min(whole, room));
}

void add_means(commit_warnings& warnings, const commit_means& used) noexcept
{
  if (told_writer != used.writer)
    add_choice(warnings, "writer", told_writer = used.writer,
               used.writer_reason);
  if (told_barrier != used.barrier)
    add_choice(warnings, "barrier", told_barrier = used.barrier,
               used.barrier_reason);
}

hp_status writing_refused(const site_code& site, const char* rule,
                          int error) noexcept
{
  if (error == ENOMEM)
    return fail(HP_NO_MEMORY,
                "%s: the kernel has no memory to open program text at %#lx "
                "for writing (%s); vm.max_map_count may be reached",
                site.name, site.word, std::strerror(error));
  return fail(HP_DENIED,
              "%s: program text at %#lx cannot be written to: %s%s%s",
              site.name, site.word, rule, error != 0 ? ": " : "",
              error != 0 ? std::strerror(error) : "");
}

hp_status foreign_word(const change& change, std::uint64_t found) noexcept
{
  const auto first = static_cast<std::uint8_t>(found);
  return fail(HP_FOREIGN,
              "%s: the patch word at %#lx holds %s where %s is expected: %s; "
              "nothing was changed",
              change.site->name, change.site->word, hex_word(found).text,
              hex_word(change.old_word).text,
              first == format::filler
                  ? "a debugger's or tracer's breakpoint is on it, remove that"
                  : "another tool, or a second copy of this library, has "
                    "changed it, undo that first");
}

hp_status overwritten_word(const site_code& site, std::uint64_t found,
                           std::uint64_t stored) noexcept
{
  return fail(HP_INTERNAL,
              "%s: the patch word at %#lx reads %s right after %s was "
              "stored: another writer is at work; all others were put back",
              site.name, site.word, hex_word(found).text,
              hex_word(stored).text);
}

}  // namespace hotpatch
