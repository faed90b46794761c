// The protocols on hand-written sites: every way from one state to another.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

#include "runtime/base/memory_map.h"
#include "runtime/base/status.h"
#include "runtime/commit/commit.h"
#include "runtime/text/encode.h"
#include "runtime/text/near_memory.h"
#include "testsuite/lib/asm_site.h"
#include "testsuite/lib/far_function.h"

ASM_SITE_PLAIN(plain_one, 1);
ASM_SITE_ENDBR(endbr_two, 2);
ASM_SITE_PLAIN(plain_three, 3);
ASM_SITE_PLAIN(plain_four, 4);
ASM_SITE_ENDBR(endbr_five, 5);

namespace {

int near_forty()
{
  return 40;
}
int near_fifty()
{
  return 50;
}

std::uint64_t load(std::uint64_t address)
{
  return *reinterpret_cast<volatile std::uint64_t*>(address);
}

// A writer that has been refused RWX windows, as under PR_SET_MDWE.
hotpatch::text_writer& proc_mem_writer()
{
  static hotpatch::text_writer writer;
  writer.kind();
  writer.demote(EACCES);
  return writer;
}

hp_status commit_one(hotpatch::text_writer& writer, hotpatch::change change,
                     hp_level level = HP_IMMEDIATE)
{
  static hotpatch::junctions junctions;
  hotpatch::commit_order order{level};
  order.call.frame = __builtin_frame_address(0);
  return hotpatch::commit(writer, {&change, 1}, {}, junctions, order).status;
}

// One site, taken from state to state.
class subject {
 public:
  subject(const hotpatch::site& site, hotpatch::text_writer& writer,
          hp_level level = HP_IMMEDIATE)
      : site_(site), writer_(writer), level_(level), word_(load(site.word))
  {
  }

  hp_status to_near(std::uint64_t target)
  {
    return change(hotpatch::encode_near(site_, target), target);
  }

  hp_status to_far(std::uint64_t target)
  {
    return change(hotpatch::encode_far(site_), target);
  }

  hp_status to_pristine()
  {
    return change(hotpatch::format::pristine_word(site_.id),
                  site_.word + hotpatch::format::word_size);
  }

 private:
  hp_status change(std::uint64_t word, std::uint64_t target)
  {
    const bool uses_cell =
        level_ == HP_STRICT || word == hotpatch::encode_far(site_);
    hotpatch::change change{&site_, site_.word, word_, word};
    if (uses_cell) {
      change.cell = cell();
      change.cell_target = target;
      change.old_cell_target = cell_target_;
    }
    const hp_status status = commit_one(writer_, change, level_);
    if (status != HP_OK) {
      BOOST_TEST_MESSAGE(hotpatch::last_message());
      return status;
    }
    word_ = word;
    if (uses_cell)
      cell_target_ = target;
    return status;
  }

  // A site keeps its cell: the pad, once written, is never written again.
  std::uint64_t cell() const
  {
    static hotpatch::near_memory memory;
    static std::map<std::uint64_t, std::uint64_t> cells;
    std::uint64_t& own = cells[site_.word];
    if (own == 0)
      own = memory.take_cell(site_);
    return own;
  }

  const hotpatch::site site_;
  hotpatch::text_writer& writer_;
  const hp_level level_;
  std::uint64_t word_;
  std::uint64_t cell_target_ = 0;
};

void every_transition(const hotpatch::site& site, hotpatch_test::function code,
                      int original, hotpatch::text_writer& writer,
                      hp_level level = HP_IMMEDIATE)
{
  const hotpatch_test::far_function far_sixty(60);
  const hotpatch_test::far_function far_seventy(70);
  subject it(site, writer, level);
  BOOST_TEST(code() == original);
  BOOST_TEST(it.to_near(hotpatch_test::address_of(near_forty)) == HP_OK);
  BOOST_TEST(code() == 40);
  BOOST_TEST(it.to_near(hotpatch_test::address_of(near_fifty)) == HP_OK);
  BOOST_TEST(code() == 50);
  BOOST_TEST(it.to_far(far_sixty.address()) == HP_OK);
  BOOST_TEST(code() == 60);
  BOOST_TEST(it.to_far(far_seventy.address()) == HP_OK);
  BOOST_TEST(code() == 70);
  BOOST_TEST(it.to_near(hotpatch_test::address_of(near_forty)) == HP_OK);
  BOOST_TEST(code() == 40);
  BOOST_TEST(it.to_far(far_sixty.address()) == HP_OK);
  BOOST_TEST(code() == 60);
  BOOST_TEST(it.to_pristine() == HP_OK);
  BOOST_TEST(code() == original);
  BOOST_TEST(load(site.word) == hotpatch::format::pristine_word(site.id));
  hotpatch::memory_mapping text;
  BOOST_TEST(hotpatch::find_mapping(site.word, text));
  BOOST_TEST(text.protection == (PROT_READ | PROT_EXEC));
}

const auto site_one = hotpatch_test::plain_site("one", plain_one, 1);
const auto site_two = hotpatch_test::endbr_site("two", endbr_two, 2);
const auto site_three = hotpatch_test::plain_site("three", plain_three, 3);

}  // namespace

BOOST_AUTO_TEST_CASE(immediate_makes_every_transition)
{
  hotpatch::text_writer writer;
  every_transition(site_one, plain_one, 1, writer);
  every_transition(site_two, endbr_two, 2, writer);
}

BOOST_AUTO_TEST_CASE(without_a_window_every_transition_is_made)
{
  every_transition(hotpatch_test::plain_site("four", plain_four, 4), plain_four,
                   4, proc_mem_writer());
  every_transition(hotpatch_test::endbr_site("five", endbr_five, 5), endbr_five,
                   5, proc_mem_writer());
}

BOOST_AUTO_TEST_CASE(every_level_makes_every_transition)
{
  hotpatch::text_writer writer;
  for (hotpatch::text_writer* each : {&writer, &proc_mem_writer()})
    for (const hp_level level : {HP_STRICT, HP_QUIESCENT, HP_SAFEPOINT}) {
      every_transition(site_one, plain_one, 1, *each, level);
      every_transition(site_two, endbr_two, 2, *each, level);
    }
}

BOOST_AUTO_TEST_CASE(foreign_bytes_stay)
{
  const std::uint64_t pristine = load(site_three.word);
  for (hotpatch::text_writer* writer :
       {new hotpatch::text_writer, &proc_mem_writer()}) {
    const std::uint8_t int3 = 0xcc;
    hotpatch::text_window(hotpatch::writer_kind::proc_mem, site_three.word,
                          site_three.word + 8)
        .store_bytes(site_three.word, &int3, 1);
    const std::uint64_t with_breakpoint = load(site_three.word);
    const hp_status status = commit_one(
        *writer, {&site_three, site_three.word, pristine,
                  hotpatch::encode_near(
                      site_three, hotpatch_test::address_of(near_forty))});
    BOOST_TEST(status == HP_FOREIGN);
    BOOST_TEST(load(site_three.word) == with_breakpoint);
    const std::string message = hotpatch::last_message();
    BOOST_TEST(message.find("cc 1f 84 00 03 1d 0d 60") != message.npos);
    BOOST_TEST(message.find("0f 1f 84 00 03 1d 0d 60") != message.npos);
    BOOST_TEST(message.find("breakpoint") != message.npos);
    hotpatch::text_window(hotpatch::writer_kind::proc_mem, site_three.word,
                          site_three.word + 8)
        .store_bytes(site_three.word,
                     reinterpret_cast<const std::uint8_t*>(&pristine), 1);
  }
  BOOST_TEST(plain_three() == 3);
}

BOOST_AUTO_TEST_CASE(a_used_pad_is_foreign)
{
  hotpatch::site site = site_three;
  hotpatch::text_writer writer;
  hotpatch::near_memory cells;
  const std::uint8_t push = 0x55;
  hotpatch::text_window(hotpatch::writer_kind::proc_mem, site.symbol - 8,
                        site.symbol)
      .store_bytes(site.symbol - 3, &push, 1);
  BOOST_TEST(commit_one(writer, {&site, site.word, load(site.word),
                                 hotpatch::encode_far(site),
                                 cells.take_cell(site), 0x1000}) == HP_FOREIGN);
  BOOST_TEST(plain_three() == 3);
  const std::uint8_t nop = 0x90;
  hotpatch::text_window(hotpatch::writer_kind::proc_mem, site.symbol - 8,
                        site.symbol)
      .store_bytes(site.symbol - 3, &nop, 1);
}

namespace {

// Calls the function all the time, and may keep all signals away meanwhile.
class caller {
 public:
  explicit caller(bool blocks_all)
      : thread_([=, this] {
          sigset_t all;
          sigfillset(&all);
          if (blocks_all)
            pthread_sigmask(SIG_BLOCK, &all, nullptr);
          pthread_setname_np(pthread_self(), "caller");
          while (!stop_) {
            const int got = plain_three();
            wrong_ += got != 3 && got != 40 && got != 60;
            ++calls_;
          }
        })
  {
    while (calls_ == 0)
      std::this_thread::yield();
  }
  caller(const caller&) = delete;
  caller& operator=(const caller&) = delete;
  ~caller()
  {
    stop_ = true;
    thread_.join();
    BOOST_TEST(wrong_ == 0);
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<long> wrong_{0};
  std::atomic<long> calls_{0};
  std::thread thread_;
};

// `far_sixty` outlives the caller: at the level immediate a thread finishes
// what it is in, so the caller may be in it when it is replaced again.
void change_meanwhile(hotpatch::text_writer& writer, hp_level level, int rounds,
                      const hotpatch_test::far_function& far_sixty)
{
  subject it(site_three, writer, level);
  for (int i = 0; i < rounds; ++i) {
    BOOST_REQUIRE(it.to_near(hotpatch_test::address_of(near_forty)) == HP_OK);
    BOOST_REQUIRE(it.to_far(far_sixty.address()) == HP_OK);
    BOOST_REQUIRE(it.to_pristine() == HP_OK);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(without_a_window_callers_stand_still_meanwhile)
{
  const hotpatch_test::far_function far_sixty(60);
  const caller other(false);
  change_meanwhile(proc_mem_writer(), HP_IMMEDIATE, 100, far_sixty);
  change_meanwhile(proc_mem_writer(), HP_STRICT, 100, far_sixty);
}

BOOST_AUTO_TEST_CASE(strict_needs_no_signal_of_its_callers)
{
  const hotpatch_test::far_function far_sixty(60);
  const caller other(true);
  hotpatch::text_writer writer;
  change_meanwhile(writer, HP_STRICT, 500, far_sixty);
}

BOOST_AUTO_TEST_CASE(without_a_window_a_thread_that_cannot_be_stopped_is_named)
{
  const caller other(true);
  for (const hp_level level : {HP_IMMEDIATE, HP_STRICT, HP_SAFEPOINT}) {
    subject it(site_three, proc_mem_writer(), level);
    BOOST_TEST(it.to_near(hotpatch_test::address_of(near_forty)) == HP_BUSY);
    BOOST_TEST(std::strstr(hotpatch::last_message(), "(caller)") != nullptr);
    BOOST_TEST(plain_three() == 3);
  }
}

namespace {

std::atomic<int> own_traps{0};
void count_trap(int)
{
  ++own_traps;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_handler_of_traps_stays_the_programs_own)
{
  struct sigaction mine = {};
  mine.sa_handler = count_trap;
  sigaction(SIGTRAP, &mine, nullptr);
  const hotpatch_test::far_function far_sixty(60);
  hotpatch::text_writer writer;
  for (hotpatch::text_writer* each : {&writer, &proc_mem_writer()})
    change_meanwhile(*each, HP_STRICT, 1, far_sixty);
  BOOST_TEST(own_traps == 0);
  struct sigaction now = {};
  sigaction(SIGTRAP, nullptr, &now);
  BOOST_TEST(now.sa_handler == count_trap);
}
