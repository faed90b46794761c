// A commit in words: why it failed, and what the program should know of it.
// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "format/patch_word.h"
#include "runtime/base/status.h"
#include "runtime/commit/commit_batch.h"
#include "runtime/text/barrier.h"

namespace hotpatch {

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

hp_status foreign(const change& change, std::uint64_t found)
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

}  // namespace

void commit_warnings::add(hp_log_level level, const char* format, ...) noexcept
{
  if (size_ == std::size(list_))
    return;
  warning& next = list_[size_++];
  next.level = level;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(next.text, sizeof next.text, format, arguments);
  va_end(arguments);
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

void commit_batch::add_warnings(commit_warnings& warnings) const noexcept
{
  if (text_.left_open() != 0)
    warnings.add(HP_LOG_ERROR,
                 "the system does not let program text at %#lx be protected "
                 "again, so it stays writable; mprotect(2) may do it later",
                 text_.left_open());
  if (barrier_missed_ && result_.what == outcome::done)
    warnings.add(HP_LOG_ERROR,
                 "threads may enter an old function for a moment after this "
                 "change: %s",
                 barrier_reason());
}

hp_status commit_batch::explain() const noexcept
{
  if (result_.what == outcome::done)
    return HP_OK;
  const change& change = *result_.where;
  const site_code& site = *change.site;
  switch (result_.what) {
    case outcome::done:
      break;
    case outcome::window_refused:
      return writing_refused(site, "the system refuses", result_.error);
    case outcome::cell_refused:
      return fail(HP_NO_MEMORY,
                  "%s: the jump cells cannot be opened for writing: %s",
                  site.name, std::strerror(result_.error));
    case outcome::junction_refused:
      return result_.error == ENOMEM
                 ? fail(HP_NO_MEMORY,
                        "%s: no memory for the code through which the calls "
                        "of several functions change at one moment",
                        site.name)
                 : writing_refused(
                       site, "the system refuses to make memory executable",
                       result_.error);
    case outcome::word_foreign:
      return foreign(change, result_.found);
    case outcome::pad_foreign:
      return fail(HP_FOREIGN,
                  "%s: the %zu bytes before the symbol at %#lx are not the "
                  "pad that the compiler left; nothing was changed",
                  site.name, far_pad_size, site.symbol);
    case outcome::write_failed:
      return writing_refused(
          site, "the writer failed and everything was put back", result_.error);
    case outcome::unreached_before:
      return fail(HP_DENIED,
                  "%s: the level strict needs every thread to be reached: %s",
                  site.name, barrier_reason());
    case outcome::unreached:
      return fail(HP_BUSY,
                  "%s: the change was put back, because a thread could not be "
                  "reached in the middle of it: %s",
                  site.name, barrier_reason());
    case outcome::stuck:
      return fail(
          HP_INTERNAL,
          "%s: the change failed at %#lx (%s) and failed again when "
          "everything was to be put back; calls still enter the old "
          "function",
          site.name, site.word,
          barrier_missed_ ? barrier_reason() : std::strerror(result_.error));
    case outcome::overwritten:
      return fail(HP_INTERNAL,
                  "%s: the patch word at %#lx reads %s right after %s was "
                  "stored: another writer is at work; all others were put back",
                  site.name, site.word, hex_word(result_.found).text,
                  hex_word(result_.stored).text);
  }
  return HP_INTERNAL;
}

}  // namespace hotpatch
