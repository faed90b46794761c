// The processes of this system and their threads, as far as /proc shows them,
// and what messages call them.
//
// A snapshot: a process or a thread may have ended, and its number may belong
// to another, as soon as it was read.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_PROCESS_LIST_H
#define HOTPATCH_PROCESSES_PROCESS_LIST_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace hotpatch {

// A decimal number above zero, or nothing.
std::optional<pid_t> parse_process_id(std::string_view text);

// By ascending number.
std::vector<pid_t> all_processes();

// Those that execute that file, and those that were started from it before an
// upgrade put another one in its place: the old file may be deleted or renamed
// since.  A process in a container that executes another file of that name is
// none of them.  By ascending number.
std::vector<pid_t> processes_of(const std::string& program);

// None if there is no such process.
std::vector<pid_t> threads_of(pid_t process);

// Whose entries in /proc show the process's memory and files: the first
// thread's number, which is the process's, or another one's after the first has
// ended (pthread_exit(3) in main()).
pid_t memory_thread(pid_t process);

// "/proc/1234/maps", by such a thread.
std::string memory_path(pid_t process, const std::string& entry);

// Whether two threads have the same memory, by kcmp(2): where the kernel has
// none, nothing is known to be shared.
bool share_memory(pid_t a, pid_t b);

// The other processes that share the memory of this one, as a child of vfork(2)
// does (clone(2), CLONE_VM without CLONE_THREAD).
std::vector<pid_t> memory_sharers(pid_t process);

// The same among the numbers that the kernel gave from `first` to `last`.
std::vector<pid_t> memory_sharers(pid_t process, pid_t first, pid_t last);

// The number that the kernel gave last, to a process or a thread, proc(5).
pid_t newest_process();

// "process 1234"
std::string process_text(pid_t process);

// The text with the process named in each of its lines: "process 1234: " before
// those that do not begin with "process 1234" themselves.  So no line of what a
// process says can be taken for anything else.
std::string process_lines(pid_t process, std::string_view text);

// "thread 1234 (worker)"
std::string thread_text(pid_t process, pid_t thread);

// The contents of one of a thread's files in /proc; empty if there is none.
std::string thread_file(pid_t process, pid_t thread, const char* name);

// The value after "Name:" in the text of a status file.
std::string status_field(const std::string& status, const char* name);

}  // namespace hotpatch

#endif
