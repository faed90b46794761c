// Seizes a thread of a process that executes another program, while another
// thread of it, which is traced, has just ended.  Ends with 0; hangs if the two
// wait for each other.
//
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include <csignal>
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outside/tracer.h"

namespace {

// The first thread executes true(1) as soon as it can read a byte.
[[noreturn]] void execute_later(int from)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::thread([] {
    for (;;)
      pause();
  }).detach();
  char byte = 0;
  if (read(from, &byte, 1) == 1)
    execl("/bin/true", "true", static_cast<char*>(nullptr));
  _exit(1);
}

// 0: there is none yet.
pid_t second_thread(pid_t process)
{
  pid_t found = 0;
  DIR* list = opendir(("/proc/" + std::to_string(process) + "/task").c_str());
  while (const dirent* each = list != nullptr ? readdir(list) : nullptr) {
    const int number = std::atoi(each->d_name);
    if (number != 0 && number != process)
      found = number;
  }
  if (list != nullptr)
    closedir(list);
  return found;
}

bool has_ended(pid_t process, pid_t thread)
{
  std::ifstream file("/proc/" + std::to_string(process) + "/task/" +
                     std::to_string(thread) + "/stat");
  std::string line;
  std::getline(file, line);
  return line.find(") Z") != std::string::npos;
}

}  // namespace

int main()
{
  int ends[2];
  if (pipe(ends) != 0)
    return 2;
  const pid_t process = fork();
  if (process == 0)
    execute_later(ends[0]);
  pid_t second = 0;
  while ((second = second_thread(process)) == 0)
    usleep(1000);
  if (!hotpatch::outside::seize(second, 0) || write(ends[1], "x", 1) != 1)
    return 2;
  while (!has_ended(process, second))
    usleep(1000);
  (void)hotpatch::outside::seize(process, 0);
  std::puts("both are done");
  return 0;
}
