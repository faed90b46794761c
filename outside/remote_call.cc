// Calls in another process: what of its code they need, the calls, and the
// threads that have not come back from one.
//
// SPDX-License-Identifier: MIT
#include "outside/remote_call.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <string>

#include <sys/mman.h>
#include <sys/syscall.h>

#include "outside/interrupted_call.h"
#include "outside/stopped_process.h"
#include "outside/thread_state.h"
#include "processes/errors.h"
#include "processes/process_list.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/number.h"
#include "runtime/base/page_size.h"

namespace hotpatch::outside {

namespace {

// One page of code, one of arguments, then the stack.
constexpr std::uint64_t arguments_at = page_size;
constexpr std::uint64_t texts_at = arguments_at + 256;
constexpr std::uint64_t texts_end = 4 * page_size;

// What the borrowed thread executes, with rbx at a call_block and r12 at the
// stack pointer for the return.  The thread's errno and its cancellation state
// are kept, also if no tracer is there any more.  What comes at the end is
// there to be seen by the tracer, who takes over; without one it is followed by
// the return: a signal of the thread to itself, which the program ignores, or,
// if there is none, getpid(2).
constexpr std::uint8_t call_code[] = {
    0xff, 0x53, 0x28,              //    call *40(%rbx)        &errno
    0x49, 0x89, 0xc6,              //    mov  %rax,%r14
    0x44, 0x8b, 0x28,              //    mov  (%rax),%r13d
    0x48, 0x8b, 0x43, 0x30,        //    mov  48(%rbx),%rax    setcancelstate
    0x48, 0x85, 0xc0,              //    test %rax,%rax
    0x74, 0x0b,                    //    je   1f
    0xbf, 0x01, 0x00, 0x00, 0x00,  //    mov  $1,%edi          disable
    0x48, 0x8d, 0x73, 0x38,        //    lea  56(%rbx),%rsi
    0xff, 0xd0,                    //    call *%rax
    0x48, 0x8b, 0x7b, 0x08,        // 1: mov  8(%rbx),%rdi
    0x48, 0x8b, 0x73, 0x10,        //    mov  16(%rbx),%rsi
    0x48, 0x8b, 0x53, 0x18,        //    mov  24(%rbx),%rdx
    0x31, 0xc0,                    //    xor  %eax,%eax
    0xff, 0x13,                    //    call *(%rbx)
    0x48, 0x89, 0x43, 0x20,        //    mov  %rax,32(%rbx)
    0x48, 0x8b, 0x43, 0x30,        //    mov  48(%rbx),%rax
    0x48, 0x85, 0xc0,              //    test %rax,%rax
    0x74, 0x07,                    //    je   2f
    0x8b, 0x7b, 0x38,              //    mov  56(%rbx),%edi    as it was
    0x31, 0xf6,                    //    xor  %esi,%esi
    0xff, 0xd0,                    //    call *%rax
    0x45, 0x89, 0x2e,              // 2: mov  %r13d,(%r14)
    0xb8, 0x27, 0x00, 0x00, 0x00,  //    mov  $39,%eax         getpid
    0x0f, 0x05,                    //    syscall
    0x8b, 0x53, 0x3c,              //    mov  60(%rbx),%edx    signal
    0x85, 0xd2,                    //    test %edx,%edx
    0x74, 0x12,                    //    je   3f
    0x89, 0xc7,                    //    mov  %eax,%edi
    0xb8, 0xba, 0x00, 0x00, 0x00,  //    mov  $186,%eax        gettid
    0x0f, 0x05,                    //    syscall
    0x89, 0xc6,                    //    mov  %eax,%esi
    0xb8, 0xea, 0x00, 0x00, 0x00,  //    mov  $234,%eax        tgkill
    0x0f, 0x05,                    //    syscall
    0x4c, 0x89, 0xe4,              // 3: mov  %r12,%rsp
    0xb8, 0x0f, 0x00, 0x00, 0x00,  //    mov  $15,%eax         rt_sigreturn
    0x0f, 0x05,                    //    syscall
};

struct call_block {
  std::uint64_t function;
  std::uint64_t arguments[3];
  std::uint64_t result;
  std::uint64_t errno_location;
  std::uint64_t set_cancel_state;
  std::int32_t cancel_state;
  std::int32_t mark;
};
static_assert(offsetof(call_block, errno_location) == 40);
static_assert(offsetof(call_block, mark) == 60);

// A signal that does nothing in the process, if nothing sees it: whatever a
// signal's number, a tracer sees it before the kernel drops it.
int find_mark(const tracee& thread)
{
  const std::string caught = status_field(
      thread_file(thread.process(), thread.id(), "status"), "SigCgt");
  const auto mask = parse_number<std::uint64_t>(caught, 16);
  if (!mask)
    return 0;
  for (const int signal : {SIGURG, SIGWINCH})
    if ((*mask >> (signal - 1) & 1) == 0)
      return signal;
  return 0;
}

// Signals that a fault of the called function raises must not be blocked: the
// kernel kills for a blocked one, handler or not.
std::uint64_t all_but_faults(std::uint64_t mask)
{
  std::uint64_t faults = 0;
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS})
    faults |= std::uint64_t{1} << (signal - 1);
  return ~faults | (mask & faults);
}

template <typename T>
std::span<const std::uint8_t> bytes_of(const T& object)
{
  return {reinterpret_cast<const std::uint8_t*>(&object), sizeof object};
}

}  // namespace

bool is_workspace(const target_memory& memory, std::uint64_t address)
{
  std::uint8_t found[sizeof call_code];
  return memory.read_some(address, found) == sizeof found &&
         std::equal(std::begin(found), std::end(found), call_code);
}

borrowed_thread::borrowed_thread(tracee& thread, target_memory& memory,
                                 const borrowed_code& code, deadline until)
    : thread_(thread),
      memory_(memory),
      code_(code),
      until_(until),
      state_(save_state(thread)),
      mark_(find_mark(thread))
{
  const frame_room room = find_frame_room(thread, memory_);
  if (!room.exists())
    throw tool_error(thread_text(thread.process(), thread.id()) +
                     " has no room on its stack to be borrowed");
  const return_frame frame =
      build_return_frame(state_, code.restorer, room.end);
  memory_.write(frame.address, frame.bytes);
  frame_ = frame.stack_pointer();
}

// The registers first: were this process killed between the two, the thread
// would otherwise go on with its signals blocked.
void borrowed_thread::start(const user_regs_struct& registers)
{
  thread_.set_registers(registers);
  if (!started_)
    thread_.block_signals(all_but_faults(state_.blocked_signals) &
                          ~(mark_ != 0 ? std::uint64_t{1} << (mark_ - 1) : 0));
  started_ = true;
}

// Waits for entry to or exit from that system call and passes by all others.
bool borrowed_thread::wait_for_syscall(std::uint64_t number, bool entry)
{
  for (;;) {
    thread_.resume_to_syscall();
    if (thread_.wait(until_).kind != stop_kind::syscall)
      continue;
    if (thread_.registers().orig_rax == number &&
        thread_.at_syscall_entry() == entry)
      return true;
  }
}

// A signal, so that the thread does not stop at all the system calls that it
// makes before, but for those that the observer wants to see.  The function may
// send it, or ask for the process's number, itself; then the program counter is
// elsewhere.
void borrowed_thread::wait_for_mark(const call_observer& observer)
{
  bool watches = static_cast<bool>(observer);
  for (;;) {
    if (watches || mark_ == 0)
      thread_.resume_to_syscall();
    else
      thread_.resume();
    const stop last = thread_.wait(until_);
    if (last.kind == stop_kind::syscall && watches)
      watches = observer(thread_);
    const bool may_be_mark =
        mark_ != 0 ? last.kind == stop_kind::signal && last.signal == mark_
                   : last.kind == stop_kind::syscall &&
                         thread_.registers().orig_rax == SYS_getpid &&
                         !thread_.at_syscall_entry();
    if (!may_be_mark)
      continue;
    if (mark_ != 0)
      thread_.drop_signal();
    if (thread_.registers().rip - workspace_ < page_size)
      return;
  }
}

// From inside of a call the thread would not come back to it: locks that the
// function has taken would stay locked.
void borrowed_thread::refuse_if_unfinished() const
{
  if (unfinished_ && HP_COUNTERMEASURE(leave_unfinished_alone))
    throw unfinished_call(thread_text(thread_.process(), thread_.id()) +
                          " is still in another call");
}

std::int64_t borrowed_thread::system_call(
    long number, std::initializer_list<std::uint64_t> arguments)
{
  refuse_if_unfinished();
  std::uint64_t values[6] = {};
  std::copy(arguments.begin(), arguments.end(), values);
  user_regs_struct registers = state_.registers;
  registers.rip = code_.system_call;
  registers.rsp = frame_ - 8;  // the return leads to the restorer
  registers.orig_rax = no_call;
  registers.rax = static_cast<std::uint64_t>(number);
  registers.rdi = values[0];
  registers.rsi = values[1];
  registers.rdx = values[2];
  registers.r10 = values[3];
  registers.r8 = values[4];
  registers.r9 = values[5];
  start(registers);
  // From the entry to another call the thread first leaves that one, without
  // having made it: orig_rax says so.
  wait_for_syscall(static_cast<std::uint64_t>(number), true);
  wait_for_syscall(static_cast<std::uint64_t>(number), false);
  return static_cast<std::int64_t>(thread_.registers().rax);
}

void borrowed_thread::need_workspace()
{
  if (workspace_ != 0)
    return;
  const std::uint64_t kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  const std::int64_t memory = system_call(
      SYS_mmap, {0, workspace_size, PROT_READ | PROT_WRITE, kind, no_call, 0});
  if (is_error(memory))
    throw tool_error(process_text(thread_.process()) +
                     " gets no memory for a call: " +
                     std::strerror(static_cast<int>(-memory)));
  workspace_ = static_cast<std::uint64_t>(memory);
  text_end_ = workspace_ + texts_at;
  // A page of its own that is never writable for the process, so that rules
  // against memory which is both writable and executable do not forbid it
  // (PR_SET_MDWE).
  const std::int64_t code =
      system_call(SYS_mmap, {workspace_, page_size, PROT_READ | PROT_EXEC,
                             kind | MAP_FIXED, no_call, 0});
  if (is_error(code))
    throw tool_error(process_text(thread_.process()) +
                     " may not have executable memory: " +
                     std::strerror(static_cast<int>(-code)));
  memory_.write(workspace_, call_code);
}

std::uint64_t borrowed_thread::place(const std::string& text)
{
  need_workspace();
  const std::uint64_t at = text_end_;
  if (at + text.size() + 1 > workspace_ + texts_end)
    throw tool_error("the path is too long: " + text);
  memory_.write(at, {reinterpret_cast<const std::uint8_t*>(text.c_str()),
                     text.size() + 1});
  text_end_ += text.size() + 1;
  return at;
}

std::uint64_t borrowed_thread::call(
    const std::string& what, std::uint64_t function,
    std::initializer_list<std::uint64_t> arguments,
    const call_observer& observer)
{
  refuse_if_unfinished();
  need_workspace();
  call_block block = {
      function,
      {},
      0,
      code_.errno_location,
      HP_COUNTERMEASURE(uncancelled) ? code_.set_cancel_state : 0,
      0,
      mark_};
  std::copy(arguments.begin(), arguments.end(), block.arguments);
  const std::uint64_t block_at = workspace_ + arguments_at;
  memory_.write(block_at, bytes_of(block));

  user_regs_struct registers = state_.registers;
  registers.rip = workspace_;
  registers.rsp = workspace_ + workspace_size - 64;
  registers.rbp = 0;  // the end of the chain of frames
  registers.rbx = block_at;
  registers.r12 = frame_;
  registers.orig_rax = no_call;
  registers.eflags &= ~std::uint64_t{0x400 | 0x100};  // direction, trap
  start(registers);
  unfinished_ = true;
  try {
    wait_for_mark(observer);
  } catch (const not_in_time&) {
    throw unfinished_call(what + " has not come back in time; " +
                          thread_text(thread_.process(), thread_.id()) +
                          " is still in it");
  } catch (const thread_gone&) {
    throw;
  } catch (const tool_error& reason) {
    throw unfinished_call(what + " cannot be waited for (" + reason.what() +
                          "); " + thread_text(thread_.process(), thread_.id()) +
                          " is still in it");
  }
  unfinished_ = false;
  return memory_.load<call_block>(block_at).result;
}

void borrowed_thread::drop_workspace()
{
  if (workspace_ != 0)
    system_call(SYS_munmap, {workspace_, workspace_size});
  workspace_ = 0;
}

borrowed_thread::~borrowed_thread()
{
  try {
    if (!started_ || unfinished_)
      return;
    drop_workspace();
    // From the end of a system call to where an interrupted one is resumed.
    thread_.interrupt();
    thread_.resume();
    thread_.wait_for_event(until_);
    restore_state(thread_, state_);
  } catch (const std::exception&) {
    // It ended, or will find its way back through the frame.
  }
}

// Looking through the C library.

namespace {

//   0f 05                    syscall
//   c3                       ret
constexpr std::uint8_t system_call_code[] = {0x0f, 0x05, 0xc3};
//   48 c7 c0 0f 00 00 00     mov $15,%rax     (glibc's __restore_rt)
//   0f 05                    syscall
constexpr std::uint8_t restorer_code[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00,
                                          0x00, 0x00, 0x0f, 0x05};
//   b8 0f 00 00 00           mov $15,%eax     (others)
//   0f 05                    syscall
constexpr std::uint8_t short_restorer_code[] = {0xb8, 0x0f, 0x00, 0x00,
                                                0x00, 0x0f, 0x05};

void look_for_dlopen(const target_image& image, target_code& into)
{
  if (into.dlopen != 0)
    return;
  into.dlopen = find_exported(image, "dlopen").address;
  into.dlclose = find_exported(image, "dlclose").address;
  into.dlerror = find_exported(image, "dlerror").address;
}

}  // namespace

// Thread features of the CPU that a thread uses, Documentation/arch/x86/
// shstk.rst: a borrowed thread would have to keep its shadow stack, too.
void refuse_shadow_stack(pid_t process)
{
  const std::string features = status_field(
      thread_file(process, process, "status"), "x86_Thread_features");
  if (features.find("shstk") != std::string::npos)
    throw tool_error(process_text(process) +
                     " uses shadow stacks, which cannot be kept in order "
                     "from outside; link it with libhotpatch");
}

void find_libraries(const target_images& images, target_code& into)
{
  into.loader = images.loader();
  into.library = nullptr;
  for (const target_image& image : images.all())
    if (is_c_library(image.base_name()))
      into.library = &image;
  const std::string process = process_text(images.process());
  if (into.library == nullptr)
    throw tool_error(
        process + (into.loader == nullptr
                       ? " is a static program: it cannot load a patch object; "
                         "link it dynamically"
                       : " has no C library, which would load a patch object"));
  if (into.loader == nullptr)
    throw tool_error(
        process +
        " was started by its dynamic linker, which was executed "
        "as a program (ld.so PROGRAM); execute the program itself");
}

target_code find_target_code(const target_images& images)
{
  const std::string process = process_text(images.process());
  target_code found;
  find_libraries(images, found);
  look_for_dlopen(*found.library, found);
  // Before glibc 2.34 they were in a library of their own.
  for (const target_image& image : images.all())
    if (image.base_name().starts_with("libdl"))
      look_for_dlopen(image, found);
  if (found.dlopen == 0 || found.dlclose == 0 || found.dlerror == 0)
    throw tool_error(process +
                     " has no dlopen(): link it with -ldl, which the C "
                     "library of this system still needs");

  found.borrowed.system_call = find_code(*found.library, system_call_code);
  found.borrowed.restorer = find_code(*found.library, restorer_code);
  if (found.borrowed.restorer == 0)
    found.borrowed.restorer = find_code(*found.library, short_restorer_code);
  found.borrowed.errno_location =
      find_exported(*found.library, "__errno_location").address;
  for (const target_image& image : images.all())
    if (found.borrowed.set_cancel_state == 0 &&
        (&image == found.library ||
         image.base_name().starts_with("libpthread")))
      found.borrowed.set_cancel_state =
          find_exported(image, "pthread_setcancelstate").address;
  if (found.borrowed.system_call == 0 || found.borrowed.restorer == 0 ||
      found.borrowed.errno_location == 0)
    throw tool_error(process + ": " + found.library->path +
                     " has no code through which a system call can be "
                     "made; this C library is not known");
  return found;
}

// Stack pointers in workspaces.

std::string find_held_thread(pid_t process,
                             const std::vector<process_mapping>& maps,
                             const target_memory& memory, deadline until)
{
  std::vector<std::uint64_t> workspaces;
  for (const process_mapping& each : maps)
    if (each.executable && each.inode == 0 && is_workspace(memory, each.begin))
      workspaces.push_back(each.begin);
  if (workspaces.empty())
    return {};
  const stopped_process all(process, until);
  for (const tracee& thread : all.threads()) {
    const std::uint64_t stack = thread.registers().rsp;
    for (const std::uint64_t workspace : workspaces)
      if (stack - workspace < workspace_size)
        return thread_text(process, thread.id());
  }
  return {};
}

}  // namespace hotpatch::outside
