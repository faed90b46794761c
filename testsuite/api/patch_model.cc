// Random transactions over functions and named patches, compared with a model
// that knows nothing of jumps: after each one, every call, every stack, the
// list of patches and the status are what the model says.
// SPDX-License-Identifier: MIT
#include <hotpatch.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "testsuite/lib/tap.h"

namespace {

constexpr int functions = 5;
constexpr int targets = 6;
constexpr int names = 5;

// --- The program -------------------------------------------------------------

template <int Number>
HP_PATCHABLE int function(int x)
{
  return x + Number;
}

template <int Number>
int target(int x)
{
  return x * 100 + Number;
}

using pointer = int (*)(int);

template <template <int> class Table, int... Numbers>
constexpr auto table(std::integer_sequence<int, Numbers...>)
{
  return std::array{Table<Numbers>::value...};
}
template <int Number>
struct function_at {
  static constexpr pointer value = function<Number>;
};
template <int Number>
struct target_at {
  static constexpr pointer value = target<Number>;
};
const auto originals =
    table<function_at>(std::make_integer_sequence<int, functions>());
const auto replacements =
    table<target_at>(std::make_integer_sequence<int, targets>());

std::string function_name(int number)
{
  return "int (anonymous namespace)::function<" + std::to_string(number) +
         ">(int)";
}
std::string patch_name(int number)
{
  return std::string("patch-") + static_cast<char>('a' + number);
}

// Who needs whom: b needs a, c needs b, d needs a and e.
const std::vector<int> needs[names] = {{}, {0}, {1}, {0, 4}, {}};

// --- The model ---------------------------------------------------------------

struct entry {
  int target;
  int patch;  // -1: none
  bool operator==(const entry& other) const
  {
    return target == other.target && patch == other.patch;
  }
};

struct applied_patch {
  int number;
  unsigned version;
  int serial;  // of the step that added it
};

struct model {
  std::vector<entry> stacks[functions];
  std::vector<applied_patch> patches;

  auto find(int patch)
  {
    return std::find_if(patches.begin(), patches.end(),
                        [=](const auto& each) { return each.number == patch; });
  }
  void forget(int patch)
  {
    for (auto& stack : stacks)
      stack.erase(std::remove_if(
                      stack.begin(), stack.end(),
                      [=](const entry& each) { return each.patch == patch; }),
                  stack.end());
    patches.erase(find(patch));
  }

  hp_status apply(int number, entry added)
  {
    auto& stack = stacks[number];
    for (const entry& each : stack)
      if (added.patch >= 0 && each.patch == added.patch &&
          each.target != added.target)
        return HP_INVALID;
    stack.erase(std::remove(stack.begin(), stack.end(), added), stack.end());
    stack.push_back(added);
    return HP_OK;
  }
  hp_status revert(int number)
  {
    auto& stack = stacks[number];
    if (stack.empty())
      return HP_NOT_APPLIED;
    if (stack.back().patch >= 0)
      return HP_NEEDED;
    stack.pop_back();
    return HP_OK;
  }
  hp_status remove(int number, int target)
  {
    auto& stack = stacks[number];
    const auto at = std::find(stack.begin(), stack.end(), entry{target, -1});
    if (at != stack.end()) {
      stack.erase(at);
      return HP_OK;
    }
    return std::any_of(stack.begin(), stack.end(),
                       [=](const entry& each) { return each.target == target; })
               ? HP_NEEDED
               : HP_NOT_APPLIED;
  }
  hp_status add_patch(int patch, unsigned version)
  {
    if (const auto present = find(patch); present != patches.end()) {
      if (present->version >= version)
        return present->version == version ? HP_APPLIED : HP_OLDER;
      forget(patch);
    }
    static int serial = 0;
    patches.push_back({patch, version, ++serial});
    return HP_OK;
  }
  hp_status remove_patch(int patch)
  {
    if (find(patch) == patches.end())
      return HP_NOT_APPLIED;
    forget(patch);
    return HP_OK;
  }
  bool has(int serial) const
  {
    return std::any_of(patches.begin(), patches.end(),
                       [=](const auto& each) { return each.serial == serial; });
  }
  // `before`: when the transaction began.
  hp_status check(const model& before)
  {
    for (const auto& each : patches)
      for (const int on : needs[each.number])
        if (find(on) == patches.end())
          return before.has(each.serial) ? HP_NEEDED : HP_MISSING;
    return HP_OK;
  }
};

// --- One random transaction
// ----------------------------------------------------

std::mt19937 random_numbers;
int below(int limit)
{
  return static_cast<int>(random_numbers() % static_cast<unsigned>(limit));
}

class both {
 public:
  explicit both(const model& from) : was_(from), is_(from) {}

  void step()
  {
    const int number = below(functions);
    const int to = below(targets);
    const std::string name = function_name(number);
    switch (below(12)) {
      case 0:
        note(is_.revert(number));
        real_.revert(name.c_str());
        break;
      case 1:
        note(is_.remove(number, to));
        real_.remove(name.c_str(), at(replacements, to));
        break;
      case 2:
        remove_patch(below(names));
        break;
      case 3:
      case 4:
      case 5:
        add_patch(below(names), static_cast<unsigned>(below(4)));
        break;
      default:
        // A patch that was taken away again takes no more parts.
        if (current_ >= 0 && gone_)
          note(HP_INVALID);
        else
          note(is_.apply(number, {to, current_}));
        real_.apply(name.c_str(), at(replacements, to));
    }
  }

  void revert_all()
  {
    note(HP_OK);
    for (auto& stack : is_.stacks)
      stack.clear();
    is_.patches.clear();
    gone_ = true;
    real_.revert_all();
  }

  // The status that both come to; what is left is in `after`.
  bool agree(hp_level level, model& after)
  {
    if (expected_ == HP_OK)
      expected_ = is_.check(was_);
    const auto result = real_.commit(level, std::chrono::seconds(10));
    after = expected_ == HP_OK ? is_ : was_;
    if (result.code() == expected_)
      return true;
    printf("# %s instead of %s: %s\n", result.name(), hp_status_name(expected_),
           result.message().c_str());
    return false;
  }

 private:
  template <typename Table>
  static pointer at(const Table& table, int number)
  {
    return table[static_cast<std::size_t>(number)];
  }

  // The first step that fails decides.
  void note(hp_status status)
  {
    if (expected_ == HP_OK)
      expected_ = status;
  }

  void add_patch(int patch, unsigned version)
  {
    std::vector<std::string> texts;
    std::vector<const char*> depends;
    for (const int on : needs[patch])
      texts.push_back(patch_name(on));
    for (const std::string& text : texts)
      depends.push_back(text.c_str());
    depends.push_back(nullptr);
    const std::string name = patch_name(patch);
    hp_patch_info info = {};
    info.name = name.c_str();
    info.version = version;
    info.depends = depends.data();
    real_.add_patch(info);
    note(is_.add_patch(patch, version));
    current_ = patch;
    gone_ = false;
  }

  void remove_patch(int patch)
  {
    real_.remove_patch(patch_name(patch).c_str());
    note(is_.remove_patch(patch));
    gone_ = gone_ || patch == current_;
  }

  const model was_;
  model is_;
  hotpatch::transaction real_;
  hp_status expected_ = HP_OK;
  int current_ = -1;
  bool gone_ = false;
};

// --- Comparing
// -----------------------------------------------------------------

std::string text_of(model& of)
{
  std::string text;
  for (const auto& each : of.patches) {
    int sites = 0;
    int active = 0;
    for (const auto& stack : of.stacks) {
      sites += static_cast<int>(std::count_if(
          stack.begin(), stack.end(),
          [&](const entry& part) { return part.patch == each.number; }));
      active += !stack.empty() && stack.back().patch == each.number;
    }
    text += patch_name(each.number) + " " + std::to_string(each.version) + " " +
            std::to_string(sites) + "/" + std::to_string(active) + "; ";
  }
  for (int i = 0; i < functions; ++i) {
    const auto& stack = of.stacks[i];
    for (auto each = stack.rbegin(); each != stack.rend(); ++each)
      text += std::to_string(each->target) + ":" +
              (each->patch >= 0 ? patch_name(each->patch) : "") + " ";
    const int result = stack.empty() ? 7 + i : 700 + stack.back().target;
    text += "= " + std::to_string(result) + "; ";
  }
  return text;
}

std::string text_of_process()
{
  std::string text;
  hp_patch_each(
      [](const hp_patch* patch, void* data) {
        *static_cast<std::string*>(data) +=
            std::string(patch->name) + " " + std::to_string(patch->version) +
            " " + std::to_string(patch->sites) + "/" +
            std::to_string(patch->active) + "; ";
        return 0;
      },
      &text);
  for (int i = 0; i < functions; ++i) {
    hp_replacement_each(
        function_name(i).c_str(),
        [](const hp_replacement* each, void* data) {
          const auto found = std::find_if(
              replacements.begin(), replacements.end(), [=](pointer code) {
                return reinterpret_cast<const void*>(code) == each->target;
              });
          *static_cast<std::string*>(data) +=
              std::to_string(found - replacements.begin()) + ":" + each->patch +
              " ";
          return 0;
        },
        &text);
    text +=
        "= " + std::to_string(originals[static_cast<std::size_t>(i)](7)) + "; ";
  }
  return text;
}

bool random_walk(unsigned seed, int transactions)
{
  model now;
  int done = 0;
  random_numbers.seed(seed);
  for (int i = 0; i < transactions; ++i) {
    both way(now);
    const bool all = below(40) == 0;
    if (all)
      way.revert_all();
    for (int steps = below(all ? 3 : 7); steps >= 0; --steps)
      way.step();
    const std::string before = text_of(now);
    const bool same = way.agree(static_cast<hp_level>(below(4)), now);
    const std::string expected = text_of(now);
    const std::string actual = text_of_process();
    done += before != expected;
    if (same && actual == expected)
      continue;
    printf("# seed %u, transaction %d\n# expected %s\n# actual   %s\n", seed, i,
           expected.c_str(), actual.c_str());
    hp_revert_all();
    return false;
  }
  printf("# seed %u: %d of %d transactions changed something\n", seed, done,
         transactions);
  return hotpatch::revert_all().ok() && done > transactions / 10;
}

}  // namespace

// patch_model [SEED]
int main(int argc, char** argv)
{
  const unsigned seed =
      argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1;
  for (unsigned i = 0; i < 5; ++i)
    OK(random_walk(seed + i, 400),
       "random transactions do what the model does");
  return done_testing();
}
