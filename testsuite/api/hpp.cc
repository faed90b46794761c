// hotpatch.hpp: statuses, patches with a scope, originals, exceptions.
// SPDX-License-Identifier: MIT
#include <hotpatch.hpp>

#include <cstring>
#include <string>
#include <unistd.h>

#include "testsuite/lib/tap.h"

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}
HP_PATCHABLE std::string greet(const std::string& name)
{
  return "hello, " + name;
}

static int times_ten(int x)
{
  return x * 10;
}
static int times_twenty(int x)
{
  return x * 20;
}
static double wrong(double x)
{
  return x;
}
static std::string shout(const std::string& name)
{
  static const hotpatch::original<std::string(const std::string&)> greet_before(
      "greet");
  return greet_before(name) + "!";
}

static void statuses()
{
  const hotpatch::status good = hotpatch::apply("answer", times_ten);
  OK(good && good.ok() && good.message().empty(), "a good status");
  OK(answer(1) == 10, "apply applies");
  OK(hotpatch::revert("answer").ok() && answer(1) == 2, "revert reverts");
  const hotpatch::status bad = hotpatch::apply("answer", wrong);
  OK(!bad && bad.code() == HP_PROTOTYPE, "a bad status");
  OK(std::string(bad.name()) == "HP_PROTOTYPE", "has a name");
  (void)hotpatch::revert("nobody");
  OK(bad.message().find("double (double)") != std::string::npos,
     "and keeps its own words");
}

static void transactions()
{
  hotpatch::transaction both;
  both.apply("answer", times_ten).apply("greet", shout);
  OK(answer(1) == 2, "nothing happens before the commit");
  OK(both.commit().ok() && answer(1) == 10 && greet("x") == "hello, x!",
     "a transaction");
  OK(both.commit().code() == HP_INVALID, "is over then");
  hotpatch::transaction back;
  back.revert("answer").remove("greet", wrong);
  const hotpatch::status refused = back.commit(HP_STRICT);
  OK(refused.code() == HP_NOT_APPLIED && answer(1) == 10,
     "one that fails changes nothing");
  hotpatch::transaction moved(std::move(back));
  OK(moved.commit(HP_QUIESCENT, std::chrono::seconds(1)).code() ==
         HP_NOT_APPLIED,
     "and can be committed again, also moved");
  hotpatch::transaction all;
  OK(all.revert_all().commit(HP_QUIESCENT, std::chrono::seconds(1)).ok() &&
         answer(1) == 2,
     "all back");
  {
    hotpatch::transaction forgotten;
    forgotten.apply("answer", times_ten);
  }
  OK(answer(1) == 2, "given up at the end of its scope");
  OK(hotpatch::revert_all().ok(), "nothing to revert is no failure");
}

static void scopes()
{
  {
    const hotpatch::patch one("answer", times_ten);
    OK(one && answer(1) == 10, "a patch applies");
    {
      const hotpatch::patch two("answer", times_twenty);
      OK(answer(1) == 20, "patches stack");
    }
    OK(answer(1) == 10, "the end of a scope takes its own away");
  }
  OK(answer(1) == 2, "down to the original");
  {
    hotpatch::patch outer;
    OK(!outer, "an empty patch holds nothing");
    {
      hotpatch::patch inner("answer", times_ten);
      outer = std::move(inner);
      OK(!inner && outer, "patches move");  // NOLINT: looks at a moved one
    }
    OK(answer(1) == 10, "and live as long as their owner");
    OK(outer.revert().ok() && !outer && answer(1) == 2, "or until revert");
    OK(outer.revert().ok(), "which may be called again");
  }
  {
    hotpatch::patch kept("answer", times_ten);
    kept.release();
  }
  OK(answer(1) == 10, "a released patch stays");
  OK(hotpatch::remove("answer", times_ten).ok(), "until it is removed");
  {
    const hotpatch::patch failed("answer", wrong);
    OK(!failed && failed.result().code() == HP_PROTOTYPE,
       "a patch that failed says so");
  }
  {
    hotpatch::patch lower("answer", times_ten);
    const hotpatch::patch upper("answer", times_twenty);
    OK(lower.revert().ok() && answer(1) == 20,
       "taken from under another one, that stays");
  }
  OK(answer(1) == 2, "nothing is left");
}

static void originals()
{
  const hotpatch::patch louder("greet", shout);
  OK(greet("you") == "hello, you!", "a replacement calls the typed original");
  const hotpatch::original<int(double)> mistyped("answer");
  OK(!mistyped, "an original of another type is none");
  SAYS("int (int)", "and the message has the right one");
  const hotpatch::original<int(int)> unknown("nobody");
  OK(!unknown && unknown.get() == nullptr, "nor is an unknown function");
}

static void listing()
{
  bool found = false;
  for (const hp_site& site : hotpatch::sites())
    found = found || std::strstr(site.name, "answer") != nullptr;
  OK(found, "sites() lists them");
  OK(hotpatch::sites().size() == hp_site_count(), "all of them");
}

static void exceptions()
{
  hotpatch::apply_or_throw("answer", times_ten);
  hotpatch::revert_or_throw("answer");
  hp_status code = HP_OK;
  std::string words;
  try {
    hotpatch::revert_or_throw("answer");
  } catch (const hotpatch::error& failed) {
    code = failed.code();
    words = failed.what();
  }
  OK(code == HP_NOT_APPLIED, "a failure is thrown");
  OK(words.find("answer") != std::string::npos, "with its words");
  bool thrown = false;
  try {
    const hotpatch::patch none = hotpatch::patch_or_throw("nobody", times_ten);
  } catch (const hotpatch::error&) {
    thrown = true;
  }
  OK(thrown, "so is a patch that fails");
}

static void named_patches()
{
  hp_patch found;
  {
    hotpatch::named_patch fix("fix", 3);
    fix.apply("answer", times_ten).apply("greet", shout);
    OK(!fix, "a named patch is not there before its commit");
    OK(fix.commit().ok() && fix, "but after it");
    OK(answer(1) == 10 && greet("all") == "hello, all!", "with all its parts");
    OK(hp_patch_find("fix", &found) == HP_OK && found.version == 3,
       "under its name");
    hotpatch::named_patch again("fix", 3);
    OK(again.commit().code() == HP_APPLIED && !again, "it comes once");
    hotpatch::named_patch moved(std::move(fix));
    OK(moved && !fix, "it can be moved");
    hotpatch::named_patch other("other");
    other = std::move(moved);
    OK(other && answer(1) == 10, "and assigned");
  }
  OK(answer(1) == 2 && greet("all") == "hello, all", "its end takes it away");
  OK(hp_patch_find("fix", &found) == HP_NOT_APPLIED, "with its name");
  {
    hotpatch::named_patch fix("fix", 3);
    OK(fix.apply("answer", times_ten).commit().ok(), "one is applied");
    hotpatch::transaction newer;
    hp_patch_info info = {};
    info.name = "fix";
    info.version = 4;
    newer.add_patch(info).apply("answer", times_twenty);
    OK(newer.commit().ok(), "a newer version comes elsewhere");
  }
  OK(answer(1) == 20, "and outlives the older one's scope");
  OK(hotpatch::remove_patch("fix").ok() && answer(1) == 2, "until it goes");
  {
    hotpatch::named_patch fix("fix");
    OK(fix.apply("answer", times_ten).commit(HP_STRICT).ok(), "one more");
    OK(fix.remove(HP_QUIESCENT, std::chrono::seconds(1)).ok() && !fix,
       "is taken away before its end");
    OK(answer(1) == 2 && fix.remove().ok(), "once");
  }
  {
    hotpatch::named_patch fix("fix");
    OK(fix.apply("answer", times_ten).commit().ok(), "one more");
    fix.release();
  }
  OK(answer(1) == 10, "is left in place");
  OK(hotpatch::transaction().remove_patch("fix").commit().ok(), "and goes");
}

static void control_sockets()
{
  std::string path;
  {
    hotpatch::control_socket offered;
    path = offered.path();
    OK(offered && access(path.c_str(), F_OK) == 0, "a control socket is there");
    const hotpatch::control_socket second;
    OK(!second && second.result().code() == HP_INVALID && second.path().empty(),
       "there is one at a time");
  }
  OK(!path.empty() && access(path.c_str(), F_OK) != 0,
     "its end takes the path away");
  OK(hp_control_close() == HP_INVALID, "and the socket");
}

int main()
{
  statuses();
  transactions();
  named_patches();
  scopes();
  originals();
  listing();
  exceptions();
  control_sockets();
  return done_testing();
}
