// The environment of builds, and running them.
//
// SPDX-License-Identifier: MIT
#include "patching/build_run.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

#include <unistd.h>

#include "format/baseline.h"
#include "processes/errors.h"

namespace hotpatch::patching {

namespace {

// Where the programs in place of GCC's are: HOTPATCH_INTERCEPT, or as they are
// installed relative to this program, or as they are built.
std::string intercept_directory()
{
  std::error_code error;
  const std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const char* const stated = std::getenv("HOTPATCH_INTERCEPT");
  const std::string places[] = {
      stated != nullptr ? stated : "",
      (self.parent_path() / "patching" / "intercept").string(),
      (self.parent_path() / HP_LIBEXEC_FROM_BIN / "hotpatch" / "intercept")
          .string(),
      HP_LIBEXECDIR "/hotpatch/intercept"};
  for (const std::string& each : places)
    if (!each.empty() && access((each + "/as").c_str(), X_OK) == 0 &&
        access((each + "/collect2").c_str(), X_OK) == 0)
      return each;
  throw tool_error(
      "the programs \"as\" and \"collect2\" of hp-patch are not in " +
      places[3] +
      "; install hotpatch whole, or name their directory in "
      "HOTPATCH_INTERCEPT");
}

// Strings that last, for the environment.
const char* kept_text(std::string text)
{
  static std::vector<std::unique_ptr<std::string>> texts;
  texts.push_back(std::make_unique<std::string>(std::move(text)));
  return texts.back()->c_str();
}

}  // namespace

// Caches of compilers would give out objects without asking the compiler, or
// keep what was not made for others; and other machines have no plugin to ask.
std::vector<std::pair<std::string, const char*>> against_environment(
    const against_directory& against)
{
  std::string path = intercept_directory();
  if (const char* const before = std::getenv("COMPILER_PATH"))
    path += std::string(":") + before;
  return {{format::against_variable, kept_text(against.path())},
          {format::against_new_variable, nullptr},
          {"COMPILER_PATH", kept_text(path)},
          {"CCACHE_DISABLE", "1"},
          {"SCCACHE_DIR", kept_text(against.file("sccache"))},
          {"SCCACHE_SERVER_UDS", kept_text(against.file("sccache.socket"))},
          {"SCCACHE_IDLE_TIMEOUT", "10"},
          {"DISTCC_HOSTS", "localhost"},
          {"ICECC", "disable"}};
}

int run_build(const against_directory& against,
              const std::vector<std::string>& command,
              const std::string& directory, const build_options& options)
{
  child_command child{command, directory, against_environment(against),
                      options.shows_output ? "" : against.file("log")};
  progress_line line(against, options.shows_progress && !options.shows_output);
  return run_commands({&child, 1}, 1, [&] { line.show(); })[0];
}

void progress_line::show()
{
  if (!is_shown_)
    return;
  std::size_t count = 0;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(against_.path(), ignored))
    count += entry.path().filename().string().starts_with("result-") &&
             entry.path().extension() == ".txt";
  if (count == last_)
    return;
  last_ = count;
  std::fprintf(stderr, "\rcompared %zu %s", count,
               count == 1 ? "unit" : "units");
  std::fflush(stderr);
}

progress_line::~progress_line()
{
  if (last_ != 0)
    std::fputs("\r\033[K", stderr);
}

}  // namespace hotpatch::patching
