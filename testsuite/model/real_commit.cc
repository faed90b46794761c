// A process for commit() in which everything is noted down.
// SPDX-License-Identifier: MIT
#include "testsuite/model/real_commit.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>
#include <stdexcept>
#include <sys/mman.h>
#include <ucontext.h>

#include "format/patch_word.h"
#include "runtime/base/status.h"
#include "runtime/commit/commit.h"
#include "runtime/commit/level.h"
#include "runtime/commit/signal_state.h"
#include "runtime/text/barrier.h"
#include "runtime/text/encode.h"
#include "runtime/text/near_memory.h"

namespace hotpatch::model {

namespace {

class recorder {
 public:
  recorder(writer_kind writer, hp_level level, const model::site& site,
           model::fault failing)
      : writer_(writer),
        traps_(writer == writer_kind::proc_mem || level == HP_STRICT),
        site_(site),
        failing_(failing)
  {
    current_ = this;
  }
  recorder(const recorder&) = delete;
  recorder& operator=(const recorder&) = delete;
  ~recorder() { current_ = nullptr; }

  static recorder& current() { return *current_; }

  writer_kind writer() const { return writer_; }
  const model::site& site() const { return site_; }
  const steps& plan() const { return plan_; }

  void note(step step)
  {
    note_detour();
    plan_.push_back(std::move(step));
  }

  void write(std::uint64_t address, std::span<const std::uint8_t> bytes,
             bool whole)
  {
    const std::size_t at = address - site_.address_of(std::size_t{0});
    note(whole ? store_of(at, bytes) : copy_of(at, bytes));
    std::memcpy(reinterpret_cast<void*>(address), bytes.data(), bytes.size());
  }

  bool copy(std::uint64_t address, std::span<const std::uint8_t> bytes)
  {
    const bool fails = kind_of(address, bytes) == failing_;
    const auto done = bytes.first(fails ? bytes.size() / 2 : bytes.size());
    if (!done.empty())
      write(address, done, done.size() == 1);
    if (fails) {
      failing_ = model::fault::none;
      errno = EIO;
    }
    return !fails;
  }

  // Before the first write there is nothing that a core could have missed.
  bool serialise()
  {
    if (!window_opened_)
      return true;
    ++barriers_;
    if ((failing_ == model::fault::barrier_behind_int3 && barriers_ == 1) ||
        (failing_ == model::fault::barrier_behind_tail && barriers_ == 2)) {
      failing_ = model::fault::none;
      return false;
    }
    note({step::kind::barrier});
    return true;
  }

  // Where the handler sends a thread that has met an int3 in the word.  The
  // handler knows the word from the moment at which the window is open.
  void note_detour()
  {
    if (!traps_ || !window_opened_)
      return;
    struct sigaction handler = {};
    sigaction(SIGTRAP, nullptr, &handler);
    const std::uint64_t word = site_.address_of(site_.word());
    siginfo_t info = {};
    info.si_code = SI_KERNEL;
    ucontext_t context = {};
    auto& registers = context.uc_mcontext.gregs;
    registers[REG_TRAPNO] = 3;  // #BP
    registers[REG_RIP] = static_cast<greg_t>(word + 1);
    handler.sa_sigaction(SIGTRAP, &info, &context);

    const auto resumed = static_cast<std::uint64_t>(registers[REG_RIP]);
    function sent_to = no_function;
    if (resumed == site_.address_of(site_.pad()))
      sent_to = through_the_pad;
    else if (resumed != word)
      sent_to = site_.function_at(resumed);
    if (sent_to == detour_)
      return;
    detour_ = sent_to;
    plan_.push_back({step::kind::detour, sent_to});
  }

  void window_opened() { window_opened_ = true; }

 private:
  model::fault kind_of(std::uint64_t address,
                       std::span<const std::uint8_t> bytes) const
  {
    const std::uint64_t word = site_.address_of(site_.word());
    if (address < word)
      return model::fault::pad;
    if (address > word)
      return model::fault::tail;
    return bytes[0] == format::filler ? model::fault::int3 : model::fault::head;
  }

  static inline recorder* current_ = nullptr;

  writer_kind writer_;
  bool traps_;  // the protocol sets breakpoints
  const model::site& site_;
  model::fault failing_;
  bool window_opened_ = false;
  int barriers_ = 0;
  function detour_ = no_function;
  steps plan_;
};

// The model's text as a page of this process.
class text_page {
 public:
  explicit text_page(std::uint64_t address)
      : page_(mmap(reinterpret_cast<void*>(address), size,
                   PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0))
  {
    if (page_ == MAP_FAILED)
      throw std::runtime_error("the model's text cannot be mapped");
  }
  text_page(const text_page&) = delete;
  text_page& operator=(const text_page&) = delete;
  ~text_page() { munmap(page_, size); }

  void put(std::size_t offset, std::span<const std::uint8_t> bytes)
  {
    std::memcpy(static_cast<std::uint8_t*>(page_) + offset, bytes.data(),
                bytes.size());
  }

  std::vector<std::uint8_t> get(std::size_t count) const
  {
    const auto* bytes = static_cast<const std::uint8_t*>(page_);
    return {bytes, bytes + count};
  }

 private:
  static constexpr std::size_t size = 4096;
  void* page_;
};

hotpatch::site real_site(const site& site)
{
  hotpatch::site result;
  result.name = "f";
  result.symbol = site.address_of(site.pad() + far_pad_size);
  result.word = site.address_of(site.word());
  result.end = result.word + 64;
  result.id = site.id();
  result.pad = far_pad_size;
  return result;
}

std::uint64_t real_word(const hotpatch::site& site, std::uint64_t target,
                        function which)
{
  if (which == function::original)
    return format::pristine_word(site.id);
  return is_far(which) ? encode_far(site) : encode_near(site, target);
}

}  // namespace

recording record_commit(writer_kind writer, const site& site,
                        const resting& from, function to, fault failing,
                        hp_level level)
{
  text_page page(site.address_of(std::size_t{0}));
  page.put(0, site.pristine_text());
  page.put(site.pad(), from.pad);
  page.put(site.word(), site.word_for(from.active));

  recorder recorder(writer, level, site, failing);
  const hotpatch::site real = real_site(site);
  const std::uint64_t target = site.address_of(to);
  change change{&real, real.word,
                real_word(real, site.address_of(from.active), from.active),
                real_word(real, target, to)};
  if (is_far(to)) {
    change.cell = site.cell_address();
    change.cell_target = target;
    if (from.cell != no_function)
      change.old_cell_target = site.address_of(from.cell);
  }
  text_writer chosen;
  commit_order order{level};
  const hp_status status = commit(chosen, {&change, 1}, {}, order);
  recorder.note_detour();

  // A commit that fails must never be noticed, so it is not announced.
  steps plan = recorder.plan();
  if (status == HP_OK)
    plan.insert(plan.begin(), {step::kind::announce, to});
  plan.push_back({step::kind::conclude, status == HP_OK ? to : from.active});
  return {plan, status, page.get(site.word() + word_size)};
}

protocol real_commit(writer_kind writer, fault failing, hp_level level)
{
  return [=](const site& site, const resting& from, function to) {
    const recording made =
        record_commit(writer, site, from, to, failing, level);
    if (failing == fault::none && made.status != HP_OK)
      throw std::runtime_error(last_message());
    return made.plan;
  };
}

}  // namespace hotpatch::model

// What commit.cc and breakpoint.cc stand on --------------------------------

namespace hotpatch {

using model::recorder;
using recorded = model::step::kind;

writer_kind text_writer::kind() noexcept
{
  return recorder::current().writer();
}

const char* text_writer::reason() noexcept
{
  return "as the test wants it";
}

void text_writer::demote(int) noexcept {}

bool text_window::add_pages(std::uint64_t, std::uint64_t) noexcept
{
  return true;
}

bool text_window::add_unwritable(std::uint64_t, std::uint64_t) noexcept
{
  return true;
}

bool text_window::open() noexcept
{
  recorder::current().window_opened();
  return true;
}

void text_window::close() noexcept {}

void text_window::store_word(std::uint64_t address, std::uint64_t word) noexcept
{
  model::quadword_bytes bytes;
  std::memcpy(bytes.data(), &word, sizeof word);
  recorder::current().write(address, bytes, true);
}

bool text_window::store_bytes(std::uint64_t address, const std::uint8_t* bytes,
                              std::size_t size) noexcept
{
  return recorder::current().copy(address, {bytes, size});
}

bool cell_window::add(std::uint64_t) noexcept
{
  return true;
}

bool cell_window::open() noexcept
{
  return true;
}

void cell_window::close() noexcept {}

void cell_window::store(std::uint64_t, std::uint64_t target) noexcept
{
  recorder& now = recorder::current();
  now.note({recorded::cell, now.site().function_at(target)});
}

bool serialise_cores(std::int64_t) noexcept
{
  return recorder::current().serialise();
}

const char* barrier_reason() noexcept
{
  return "";
}

const char* breakpoint_obstacle() noexcept
{
  return nullptr;
}

}  // namespace hotpatch
