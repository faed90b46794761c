// Traces a thread that is not the first one of its process and executes another
// program: it gets the number of the first thread then.  Ends with 0 if the
// process is let go all the same, with 1 if it stands.
//
// SPDX-License-Identifier: MIT
#include <climits>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <sys/prctl.h>
#include <unistd.h>

#include "outside/tracee.h"
#include "outside/tracer.h"

namespace {

// The second thread says which it is, and executes sleep(1) as soon as it can
// read a byte.
[[noreturn]] void execute_later(int from, int to)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::thread([=] {
    const pid_t own = gettid();
    char byte = 0;
    if (write(to, &own, sizeof own) == sizeof own && read(from, &byte, 1) == 1)
      execl("/bin/sleep", "sleep", "1000", static_cast<char*>(nullptr));
    _exit(1);
  }).detach();
  for (;;)
    pause();
}

std::string own_program(pid_t process)
{
  char path[PATH_MAX];
  const ssize_t size = readlink(
      ("/proc/" + std::to_string(process) + "/exe").c_str(), path, sizeof path);
  return {path, size > 0 ? static_cast<std::size_t>(size) : 0};
}

bool is_traced(pid_t process)
{
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  std::string line;
  while (std::getline(status, line))
    if (line.starts_with("TracerPid:"))
      return line.find_first_not_of("\t 0", line.find(':') + 1) !=
             std::string::npos;
  return false;
}

}  // namespace

int main()
{
  using namespace hotpatch::outside;
  int there[2];
  int back[2];
  if (pipe(there) != 0 || pipe(back) != 0)
    return 2;
  const pid_t process = fork();
  if (process == 0)
    execute_later(there[0], back[1]);
  pid_t thread = 0;
  if (read(back[0], &thread, sizeof thread) != sizeof thread)
    return 2;
  {
    tracee traced(process, thread);
    const std::string before = own_program(process);
    if (write(there[1], "x", 1) != 1)
      return 2;
    while (own_program(process) == before)
      usleep(1000);
    try {
      traced.wait(hotpatch::deadline::in_milliseconds(10'000));
      std::puts("it has stopped");
    } catch (const thread_gone& why) {
      std::puts(why.what());
    }
  }
  tracer::let_go_of_late();
  const bool stands = is_traced(process);
  std::puts(stands ? "it is still traced" : "it goes on");
  kill(process, SIGKILL);
  return stands ? 1 : 0;
}
