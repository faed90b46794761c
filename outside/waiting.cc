// An interval timer whose signal does nothing but interrupt.
//
// SPDX-License-Identifier: MIT
#include "outside/waiting.h"

namespace hotpatch::outside {

namespace {

constexpr suseconds_t tick_us = 10'000;

}  // namespace

ticking::ticking()
{
  struct sigaction action = {};
  action.sa_handler = [](int) {};  // without SA_RESTART: calls end with EINTR
  sigaction(SIGALRM, &action, &old_action_);
  const itimerval ticks = {{0, tick_us}, {0, tick_us}};
  setitimer(ITIMER_REAL, &ticks, &old_timer_);
}

ticking::~ticking()
{
  setitimer(ITIMER_REAL, &old_timer_, nullptr);
  sigaction(SIGALRM, &old_action_, nullptr);
}

}  // namespace hotpatch::outside
