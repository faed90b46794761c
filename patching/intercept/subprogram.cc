// Finding and running real programs, and speaking with hp-patch.
//
// SPDX-License-Identifier: MIT
#include "patching/intercept/subprogram.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/baseline.h"
#include "patching/source_tree.h"
#include "patching/stub_file.h"
#include "runtime/base/file_descriptor.h"

namespace hotpatch::patching {

namespace {

std::string own_directory()
{
  const std::string path = real_path("/proc/self/exe");
  return path.substr(0, path.rfind('/'));
}

// COMPILER_PATH without this directory: what the real programs look for in it
// is not here.
void leave_compiler_path()
{
  const char* const list = std::getenv("COMPILER_PATH");
  if (list == nullptr)
    return;
  const std::string own = own_directory();
  std::string others;
  const std::string text = std::string(list) + ":";
  std::size_t at = 0;
  for (std::size_t end; (end = text.find(':', at)) != std::string::npos;
       at = end + 1) {
    const std::string each = text.substr(at, end - at);
    if (!each.empty() && real_path(each) != own)
      others += (others.empty() ? "" : ":") + each;
  }
  others.empty() ? unsetenv("COMPILER_PATH")
                 : setenv("COMPILER_PATH", others.c_str(), 1);
}

// What the driver would have run.
std::string find_real(const std::string& name)
{
  const char* const driver = std::getenv("COLLECT_GCC");
  int ends[2];
  if (driver == nullptr || pipe2(ends, O_CLOEXEC) != 0)
    return name;
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    const std::string option = "-print-prog-name=" + name;
    execlp(driver, driver, option.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string found;
  char part[PATH_MAX];
  for (ssize_t size; (size = read(ends[0], part, sizeof part)) > 0;)
    found.append(part, static_cast<std::size_t>(size));
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  found.erase(std::min(found.find('\n'), found.size()));
  return status == 0 && !found.empty() ? found : name;
}

}  // namespace

std::string against_path()
{
  const char* const path = std::getenv(format::against_variable);
  return path != nullptr ? path : "";
}

void give_up(const std::string& text)
{
  std::fprintf(stderr, "%s: hp-patch: %s\n", program_invocation_short_name,
               text.c_str());
  std::exit(1);
}

void become_real(const std::string& name,
                 const std::vector<std::string>& arguments)
{
  leave_compiler_path();
  const std::string program = find_real(name);
  std::vector<char*> all{const_cast<char*>(program.c_str())};
  for (const std::string& each : arguments)
    all.push_back(const_cast<char*>(each.c_str()));
  all.push_back(nullptr);
  execvp(program.c_str(), all.data());
  give_up("cannot run the real " + program + ": " + std::strerror(errno));
}

int run_real(const std::string& name, const std::vector<std::string>& arguments)
{
  const pid_t pid = fork();
  if (pid < 0)
    give_up(std::string("no process can be started: ") + std::strerror(errno));
  if (pid == 0)
    become_real(name, arguments);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// One call of write(2): others append at the same time.
void add_line(const std::string& file, const std::string& line)
{
  const std::string path = against_path() + "/" + file;
  const file_descriptor opened(
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string text = line + "\n";
  if (!opened || write(opened.get(), text.data(), text.size()) !=
                     static_cast<ssize_t>(text.size()))
    give_up("cannot write to " + path + ": " + std::strerror(errno));
}

std::set<std::string> lines_of(const std::string& file)
{
  std::set<std::string> found;
  const std::string text =
      read_whole_file(against_path() + "/" + file).value_or("");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    found.insert(text.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

std::string real_path(const std::string& path)
{
  char* const found = realpath(path.c_str(), nullptr);
  const std::string real = found != nullptr ? found : path;
  std::free(found);
  return real;
}

// An empty file is one that the driver has made for a name of its own.
void keep_output(const std::string& path, unsigned mode)
{
  struct stat about;
  const bool is_there = stat(path.c_str(), &about) == 0 && about.st_size != 0;
  if (!is_there && !write_stub(path, mode))
    give_up("cannot write " + path + ": " + std::strerror(errno));
  add_line(is_there && !is_stub(path) ? "kept" : "stubs", real_path(path));
}

}  // namespace hotpatch::patching
