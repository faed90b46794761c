// A process for commit() in which everything is noted down.
// SPDX-License-Identifier: MIT
#include "testsuite/model/real_commit.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>
#include <sys/mman.h>
#include <utility>

#include "format/patch_word.h"
#include "runtime/base/status.h"
#include "runtime/commit/commit.h"
#include "runtime/commit/commit_batch.h"
#include "runtime/text/barrier.h"
#include "runtime/text/encode.h"
#include "runtime/text/junction.h"
#include "runtime/text/near_memory.h"
#include "runtime/threads/quiescence.h"

namespace hotpatch::model {

namespace {

// Where the model's junction is for the library.
constexpr std::uint64_t junction_address = 0x561234567000;
constexpr std::size_t text_bytes = 4096;

class recorder {
 public:
  recorder(const commit_kind& kind, const model::site& site, function from,
           function to)
      : kind_(kind), failing_(kind.failing), site_(site), from_(from), to_(to)
  {
    current_ = this;
  }
  recorder(const recorder&) = delete;
  recorder& operator=(const recorder&) = delete;
  ~recorder() { current_ = nullptr; }

  static recorder& current() { return *current_; }

  writer_kind writer() const { return kind_.writer; }
  const steps& plan() const { return plan_; }

  void note(step step) { plan_.push_back(std::move(step)); }

  void write(std::uint64_t address, std::span<const std::uint8_t> bytes,
             bool whole)
  {
    const std::uint64_t at = address - site_.address_of(std::size_t{0});
    if (at < text_bytes)
      note(whole ? store_of(at, bytes) : copy_of(at, bytes));
    std::memcpy(reinterpret_cast<void*>(address), bytes.data(), bytes.size());
  }

  bool copy(std::uint64_t address, std::span<const std::uint8_t> bytes)
  {
    const bool fails = kind_of(address) == failing_;
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
    if ((failing_ == model::fault::barrier_behind_pad && barriers_ == 1) ||
        (failing_ == model::fault::barrier_behind_word && barriers_ == 2)) {
      failing_ = model::fault::none;
      return false;
    }
    note({step::kind::barrier});
    return true;
  }

  void window_opened() { window_opened_ = true; }

  void stop()
  {
    stopped_ = true;
    note({step::kind::stop});
  }
  void resume()
  {
    if (!std::exchange(stopped_, false))
      return;
    note({step::kind::barrier});  // each thread serialises as it goes on
    note({step::kind::resume});
  }

  // The site's own junction, and the other site's.
  junction take(std::uint64_t word)
  {
    const bool own = word == site_.address_of(site_.word());
    due_[own] = junctions::never;
    return {own ? junction_address : junction_address + 64, &due_[own]};
  }

  void store_cell(std::uint64_t address, std::uint64_t target)
  {
    if (address != site_.cell_address())
      return;
    if (target == junction_address) {
      if (due_[true] > last_change_ && due_[true] != junctions::never)
        note({step::kind::due, to_, from_});
      note({step::kind::lead, to_, from_});
    } else {
      note({step::kind::cell, site_.function_at(target)});
    }
  }

  void happen(std::uint64_t change)
  {
    last_change_ = change;
    if (due_[true] <= change)
      note({step::kind::happen, to_, from_});
  }

 private:
  model::fault kind_of(std::uint64_t address) const
  {
    return address < site_.address_of(site_.word()) ? model::fault::pad
                                                    : model::fault::word;
  }

  static inline recorder* current_ = nullptr;
  const commit_kind kind_;
  model::fault failing_;
  const model::site& site_;
  const function from_;
  const function to_;
  bool window_opened_ = false;
  bool stopped_ = false;
  std::uint64_t last_change_ = 0;
  int barriers_ = 0;
  std::atomic<std::uint64_t> due_[2] = {};
  steps plan_;
};

// --- What a commit changes, and stops
// ------------------------------------------

struct model_writer {
  static writer_kind kind() noexcept { return recorder::current().writer(); }
  static const char* name() noexcept { return "model"; }
  static const char* reason() noexcept { return "as the test wants it"; }
  static void demote(int) noexcept {}
};

class model_window {
 public:
  static constexpr std::uint64_t few = text_window::few;

  explicit model_window(writer_kind kind) noexcept : kind_(kind) {}

  static bool covers_word(std::uint64_t) noexcept { return false; }
  static bool add(std::uint64_t, std::uint64_t) noexcept { return true; }
  static bool add_of_few(std::uint64_t, std::uint64_t) noexcept { return true; }
  static bool open() noexcept
  {
    recorder::current().window_opened();
    return true;
  }
  static void close() noexcept {}
  static int error() noexcept { return 0; }
  static std::uint64_t left_open() noexcept { return 0; }

  bool store_word(std::uint64_t address, std::uint64_t word) const noexcept
  {
    quadword_bytes bytes;
    std::memcpy(bytes.data(), &word, sizeof word);
    if (kind_ == writer_kind::proc_mem)
      return recorder::current().copy(address, bytes);
    recorder::current().write(address, bytes, true);
    return true;
  }
  static bool store_bytes(std::uint64_t address, const std::uint8_t* bytes,
                          std::size_t size) noexcept
  {
    return recorder::current().copy(address, {bytes, size});
  }

 private:
  const writer_kind kind_;
};

struct model_cells {
  static bool add(std::uint64_t) noexcept { return true; }
  static bool open() noexcept { return true; }
  static void close() noexcept {}
  static void store(std::uint64_t cell, std::uint64_t target) noexcept
  {
    recorder::current().store_cell(cell, target);
  }
};

class model_junctions {
 public:
  static constexpr std::uint64_t never = junctions::never;

  static void expect(std::size_t) noexcept {}
  static junction take(std::uint64_t word, std::uint64_t,
                       std::uint64_t) noexcept
  {
    return recorder::current().take(word);
  }
  static void seal() noexcept {}
  std::uint64_t next_change() noexcept { return ++last_change_; }
  static void happen(std::uint64_t change) noexcept
  {
    recorder::current().happen(change);
  }

 private:
  std::uint64_t last_change_ = 0;
};

class model_standing_threads {
 public:
  model_standing_threads() noexcept = default;
  model_standing_threads(const model_standing_threads&) = delete;
  model_standing_threads& operator=(const model_standing_threads&) = delete;
  ~model_standing_threads() { release(stopped_threads::on_resume::nothing); }

  static hp_status reach(std::span<const code_range>, deadline,
                         const call_context&) noexcept
  {
    recorder::current().stop();
    return HP_OK;
  }
  static bool caller_was_inside() noexcept { return false; }
  static void release(stopped_threads::on_resume) noexcept
  {
    recorder::current().resume();
  }
};

struct model_system {
  struct note {};
  using writer = model_writer;
  using window = model_window;
  using cells = model_cells;
  using junction_table = model_junctions;
  using standing_threads = model_standing_threads;
  using safe_points = safe_point_stop;

  static bool serialise_cores(std::int64_t) noexcept
  {
    return recorder::current().serialise();
  }
  static const char* barrier_name() noexcept { return "model"; }
  static const char* barrier_reason() noexcept { return ""; }
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
  static constexpr std::size_t size = text_bytes;
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

// Calls may enter the new function from the first step on that leads there.
void announce_new(steps& plan, function to)
{
  const auto leads_there = [=](const step& step) {
    return step.what == step::kind::happen ||
           (step.what == step::kind::cell && step.to == to);
  };
  const auto moment = std::find_if(plan.begin(), plan.end(), leads_there);
  plan.insert(moment != plan.end() ? moment : plan.begin(),
              {step::kind::announce, to});
}

std::uint64_t real_word(const hotpatch::site& site, std::uint64_t target,
                        function which)
{
  if (which == function::original)
    return format::pristine_word(site.id);
  return is_far(which) ? encode_far(site) : encode_near(site, target);
}

}  // namespace

recording record_commit(const commit_kind& kind, const site& site,
                        const resting& from, function to)
{
  text_page page(site.address_of(std::size_t{0}));
  page.put(0, site.pristine_text());
  page.put(site.pad(), from.pad);
  page.put(site.word(), site.word_for(from.active));

  recorder recorder(kind, site, from.active, to);
  const hotpatch::site real = real_site(site);
  const std::uint64_t target = site.address_of(to);
  change changes[2] = {
      {&real, real.word,
       real_word(real, site.address_of(from.active), from.active),
       real_word(real, target, to)}};
  if (is_far(to) || kind.level == HP_STRICT) {
    changes[0].cell = site.cell_address();
    changes[0].cell_target = target;
    if (from.cell != no_function)
      changes[0].old_cell_target = site.address_of(from.cell);
  }

  // It goes from its original to a near function.
  constexpr std::uint64_t distance = 16 * text_bytes;
  text_page other_page(site.address_of(std::size_t{0}) + distance);
  other_page.put(0, site.pristine_text());
  hotpatch::site other = real;
  other.symbol += distance;
  other.word += distance;
  other.end += distance;
  changes[1] = {&other, other.word, format::pristine_word(other.id),
                encode_near(other, other.word + 0x1000)};
  if (kind.level == HP_STRICT) {
    changes[1].cell = site.cell_address() + sizeof(std::uint64_t);
    changes[1].cell_target = other.word + 0x1000;
  }

  model_writer chosen;
  model_junctions junctions;
  commit_order order{kind.level};
  const std::size_t count = kind.with == company::alone ? 1 : 2;
  const hp_status status =
      commit<model_system>(chosen, {changes, count}, {}, junctions, order)
          .status;

  // A commit that fails must never be noticed, so it is not announced.
  steps plan = recorder.plan();
  if (status == HP_OK)
    announce_new(plan, to);
  plan.push_back({step::kind::conclude, status == HP_OK ? to : from.active});
  return {plan, status, page.get(site.word() + word_size)};
}

protocol real_commit(const commit_kind& kind)
{
  return [=](const site& site, const resting& from, function to) {
    const recording made = record_commit(kind, site, from, to);
    if (kind.failing == fault::none && made.status != HP_OK)
      throw std::runtime_error(last_message());
    return made.plan;
  };
}

}  // namespace hotpatch::model
