// Prepare everything that can fail, then store.
// SPDX-License-Identifier: MIT
#include "runtime/commit.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/barrier.h"
#include "runtime/breakpoint.h"
#include "runtime/encode.h"
#include "runtime/near_memory.h"
#include "runtime/status.h"

namespace hotpatch {

namespace {

[[gnu::no_sanitize("thread", "address")]] far_pad load_pad(const site& site)
{
  far_pad pad;
  const auto* bytes =
      reinterpret_cast<const volatile std::uint8_t*>(far_pad_address(site));
  for (std::size_t i = 0; i < far_pad_size; ++i)
    pad.bytes[i] = bytes[i];
  return pad;
}

bool equal(const far_pad& a, const far_pad& b)
{
  return std::memcmp(a.bytes, b.bytes, far_pad_size) == 0;
}

// What happened inside the windows, where no words may be formatted.
enum class outcome {
  done,
  window_refused,  // error says why
  cell_refused,
  word_foreign,  // found says what is there
  pad_foreign,
  write_failed,  // everything was put back
  overwritten,   // somebody else stored right behind us
};

struct report {
  outcome what;
  int error = 0;
  std::uint64_t found = 0;
};

report store_cell(const change& change)
{
  cell_window cell(change.cell);
  if (!cell.is_open())
    return {outcome::cell_refused, errno};
  cell.store(change.cell_target);
  return {outcome::done};
}

report store_word(text_window& text, writer_kind kind, cell_window& cell,
                  const change& change)
{
  const std::uint64_t word = change.site.word;
  if (kind == writer_kind::rwx_window) {
    cell.store(change.cell_target);
    text.store_word(word, change.new_word);
    serialise_cores();
  } else if (!store_word_by_breakpoint(text, cell, change)) {
    return {outcome::write_failed};
  }
  const std::uint64_t found = load_word(word);
  if (found != change.new_word)
    return {outcome::overwritten, 0, found};
  return {outcome::done};
}

report change_text(writer_kind kind, const change& change)
{
  const site& site = change.site;
  far_pad pad{};
  far_pad present{};
  bool write_pad = false;
  if (change.cell != 0) {
    pad = encode_pad(site, change.cell);
    present = load_pad(site);
    write_pad = !equal(present, pad);
    if (write_pad && !pad_is_pristine(present))
      return {outcome::pad_foreign};
  }

  text_window text(kind, write_pad ? far_pad_address(site) : site.word,
                   site.word + format::word_size);
  if (text.error() != 0)
    return {outcome::window_refused, text.error()};
  const std::uint64_t found = load_word(site.word);
  if (found != change.old_word)
    return {outcome::word_foreign, 0, found};

  cell_window cell(change.cell);
  if (!cell.is_open())
    return {outcome::cell_refused, errno};
  if (!write_pad)
    return store_word(text, kind, cell, change);

  report result{outcome::write_failed};
  if (text.store_bytes(far_pad_address(site), pad.bytes, far_pad_size)) {
    serialise_cores();
    result = store_word(text, kind, cell, change);
  }
  // Dead bytes still: no core has seen a word that leads there.
  if (result.what == outcome::write_failed)
    text.store_bytes(far_pad_address(site), present.bytes, far_pad_size);
  return result;
}

report change_site(writer_kind kind, const change& change)
{
  const std::uint64_t found = load_word(change.site.word);
  if (found != change.old_word)
    return {outcome::word_foreign, 0, found};
  if (change.old_word == change.new_word)
    return store_cell(change);
  return change_text(kind, change);
}

struct hex_word {
  char text[3 * format::word_size];
  explicit hex_word(std::uint64_t word)
  {
    std::uint8_t bytes[format::word_size];
    std::memcpy(bytes, &word, sizeof bytes);
    for (std::size_t i = 0; i < sizeof bytes; ++i)
      std::snprintf(text + 3 * i, 4, i + 1 < sizeof bytes ? "%02x " : "%02x",
                    bytes[i]);
  }
};

hp_status foreign(const change& change, std::uint64_t found)
{
  const auto first = static_cast<std::uint8_t>(found);
  return fail(HP_FOREIGN,
              "%s: the patch word at %#lx holds %s where %s is expected: %s; "
              "nothing was changed",
              change.site.name, change.site.word, hex_word(found).text,
              hex_word(change.old_word).text,
              first == format::filler
                  ? "a debugger's or tracer's breakpoint is on it, remove that"
                  : "another tool, or a second copy of this library, has "
                    "changed it, undo that first");
}

hp_status refused(const change& change, const char* rule, int error)
{
  if (error == ENOMEM)
    return fail(HP_NO_MEMORY,
                "%s: the kernel has no memory to open program text at %#lx "
                "for writing (%s); vm.max_map_count may be reached",
                change.site.name, change.site.word, std::strerror(error));
  return fail(HP_DENIED,
              "%s: program text at %#lx cannot be written to: %s%s%s",
              change.site.name, change.site.word, rule, error != 0 ? ": " : "",
              error != 0 ? std::strerror(error) : "");
}

hp_status explain(const change& change, const report& result)
{
  switch (result.what) {
    case outcome::done:
      return HP_OK;
    case outcome::window_refused:
      return refused(change, "the system refuses", result.error);
    case outcome::cell_refused:
      return fail(HP_NO_MEMORY,
                  "%s: the jump cell at %#lx cannot be opened: %s",
                  change.site.name, change.cell, std::strerror(result.error));
    case outcome::word_foreign:
      return foreign(change, result.found);
    case outcome::pad_foreign:
      return fail(HP_FOREIGN,
                  "%s: the %zu bytes before the symbol at %#lx are not the "
                  "pad that the compiler left; nothing was changed",
                  change.site.name, far_pad_size, change.site.symbol);
    case outcome::write_failed:
      return refused(change, "the writer failed and everything was put back",
                     result.error);
    case outcome::overwritten:
      break;
  }
  return fail(HP_INTERNAL,
              "%s: the patch word at %#lx reads %s right after %s was stored: "
              "another writer is at work",
              change.site.name, change.site.word, hex_word(result.found).text,
              hex_word(change.new_word).text);
}

// A refusal that another writer may get around.
bool forbidden(const report& result)
{
  return result.what == outcome::window_refused &&
         (result.error == EACCES || result.error == EPERM);
}

}  // namespace

// A plain load would be a race to the thread sanitizer, and the compiler could
// assume that text never changes.
[[gnu::no_sanitize("thread", "address")]] std::uint64_t load_word(
    std::uint64_t address) noexcept
{
  return *reinterpret_cast<const volatile std::uint64_t*>(address);
}

hp_status commit(text_writer& writer, const change& change) noexcept
{
  if (writer.kind() == writer_kind::rwx_window) {
    const report result = change_site(writer_kind::rwx_window, change);
    if (!forbidden(result))
      return explain(change, result);
    writer.demote(result.error);
  }
  if (writer.kind() == writer_kind::none)
    return refused(change, writer.reason(), 0);
  breakpoint_permit permit(change.site.word);
  if (const char* rule = permit.refusal())
    return fail(HP_DENIED, "%s: %s; and %s", change.site.name, writer.reason(),
                rule);
  return explain(change, change_site(writer_kind::proc_mem, change));
}

}  // namespace hotpatch
