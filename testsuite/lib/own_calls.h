/* Sees every system call that the calling thread makes, also those past the C
 * library, without a tracer, and may let it fail: the kernel hands each to a
 * handler, which makes it (prctl(2), PR_SET_SYSCALL_USER_DISPATCH, Linux 5.11).
 *
 * For C and one thread at a time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_OWN_CALLS_H
#define HOTPATCH_TESTSUITE_OWN_CALLS_H

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* Calls made from here are not handed over: the handler's own, and its return.
 * In:  rdi number, rsi where the six arguments are; out: rax. */
long own_calls_make(long number, const long* arguments);
void own_calls_return(void);
extern const char own_calls_begin[];
extern const char own_calls_end[];
__asm__(
    ".pushsection .text\n"
    "own_calls_begin:\n"
    "own_calls_make:\n"
    "  mov %rdi, %rax\n"
    "  mov %rsi, %r11\n"
    "  mov (%r11), %rdi\n"
    "  mov 8(%r11), %rsi\n"
    "  mov 16(%r11), %rdx\n"
    "  mov 24(%r11), %r10\n"
    "  mov 32(%r11), %r8\n"
    "  mov 40(%r11), %r9\n"
    "  syscall\n"
    "  ret\n"
    "own_calls_return:\n"
    "  mov $15, %eax\n" /* SYS_rt_sigreturn */
    "  syscall\n"
    "  ud2\n" /* what counts is the address after a call */
    "own_calls_end:\n"
    ".popsection\n");

/* Is told of each call before it is made: 0, or the error number with which it
 * is to fail instead. */
static int (*own_calls_listener)(long number);

static char own_calls_selector;

static void own_calls_handler(int signal, siginfo_t* info, void* context)
{
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  long arguments[6] = {registers[REG_RDI], registers[REG_RSI],
                       registers[REG_RDX], registers[REG_R10],
                       registers[REG_R8],  registers[REG_R9]};
  const long number = info->si_syscall;
  uint64_t mask;
  (void)signal;
  const int error = own_calls_listener(number);
  if (error != 0) {
    registers[REG_RAX] = -error;
    return;
  }
  /* Who blocks all signals would be killed by the next call.  An operation that
   * the kernel does not know only tries whether the address can be read. */
  const int known = arguments[0] >= SIG_BLOCK && arguments[0] <= SIG_SETMASK;
  if (number == SYS_rt_sigprocmask && known && arguments[1] != 0) {
    memcpy(&mask, (const void*)arguments[1], sizeof mask);
    mask &= ~(1ull << (SIGSYS - 1));
    arguments[1] = (long)&mask;
  }
  registers[REG_RAX] = own_calls_make(number, arguments);
  /* The mask that the return from here sets. */
  if (number == SYS_rt_sigprocmask) {
    const long ask[6] = {SIG_BLOCK, 0, (long)&mask, sizeof mask, 0, 0};
    own_calls_make(SYS_rt_sigprocmask, ask);
    memcpy(&((ucontext_t*)context)->uc_sigmask, &mask, sizeof mask);
  }
}

/* The kernel's numbers, which not every C library's header has. */
enum { own_calls_prctl = 59 };

static long own_calls_switch(long on)
{
  const long arguments[6] = {own_calls_prctl,
                             on,
                             on ? (long)own_calls_begin : 0,
                             on ? own_calls_end - own_calls_begin : 0,
                             on ? (long)&own_calls_selector : 0,
                             0};
  return own_calls_make(SYS_prctl, arguments);
}

/* From here on; 0: the kernel cannot. */
static int own_calls_listen(int (*listener)(long number))
{
  /* What rt_sigaction(2) takes, with a return that is not handed over. */
  const struct {
    void (*handler)(int, siginfo_t*, void*);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
  } action = {own_calls_handler, SA_SIGINFO | SA_NODEFER | 0x04000000,
              own_calls_return, 0};
  const long install[6] = {SIGSYS, (long)&action, 0, 8, 0, 0};
  own_calls_listener = listener;
  own_calls_selector = 1; /* SYSCALL_DISPATCH_FILTER_BLOCK */
  return own_calls_make(SYS_rt_sigaction, install) == 0 &&
         own_calls_switch(1) == 0;
}

static void own_calls_stop(void)
{
  own_calls_switch(0);
}

#endif
