# Takes one countermeasure after the other out of the layers `threads` and
# `barrier` and sees the test that guards it fail: a test that cannot fail proves
# nothing.
#
# SPDX-License-Identifier: MIT
. "${HP_SRCDIR:?run the tests with make check}/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

objects=$HP_BUILDDIR/testsuite/unit
libraries="$HP_BUILDDIR/runtime/.libs/libhppatch.a
  $HP_BUILDDIR/runtime/.libs/libhpthreads.a
  $HP_BUILDDIR/runtime/.libs/libhpread.a"

# control SOURCE PROGRAM CASE SED-SCRIPT: CASE of PROGRAM passes, and fails when
# it is linked with the edited source instead of the true one.
control()
{
  sed "$4" "$HP_SRCDIR/runtime/$1.cc" >edited.cc || return
  if cmp -s edited.cc "$HP_SRCDIR/runtime/$1.cc"; then
    echo "the edit changes nothing: $4"
    return 1
  fi
  $CXX -std=c++20 -O2 -fno-exceptions -fno-rtti -I"$HP_SRCDIR" -c edited.cc &&
    $CXX -o edited "$objects/$2.o" edited.o $libraries \
      "$HP_BUILDDIR/testsuite/lib/libboost_tap.a" -lboost_unit_test_framework -lpthread || return
  timeout 60 "$objects/$2" --run_test="$3" || return
  if timeout 10 ./edited --run_test="$3"; then
    echo "without it the test passes as well"
    return 1
  fi
}

[ -f "$objects/quiescence.o" ] || skip_all "the unit tests are not built"

# left_out NAME PROGRAM CASE: CASE of PROGRAM passes, and fails when the
# countermeasure NAME, or several, is left out.
left_out()
{
  [ -e "$2-controls" ] || $CXX -o "$2-controls" "$objects/$2.o" \
    "$HP_BUILDDIR/runtime/libhotpatch_controls.a" -lelf -lz -liberty \
    "$HP_BUILDDIR/testsuite/lib/libboost_tap.a" -lboost_unit_test_framework -lpthread || return
  timeout 60 "./$2-controls" --run_test="$3" || return
  if without "$1" timeout 20 "./$2-controls" --run_test="$3"; then
    echo "without it the test passes as well"
    return 1
  fi
}
ok "the library is compiled with countermeasures that can be left out" \
  build_controls

ok "a search without the red zone misses what is there" \
  left_out search_red_zone stack_search an_address_in_the_red_zone
ok "a search without registers misses what is there" \
  left_out search_registers stack_search an_address_in_a_register
ok "a search without instruction pointers misses a thread that never calls" \
  left_out search_instruction_pointer stack_search a_thread_that_executes_it
ok "a search that ends at the alternate stack misses what it interrupted" \
  left_out follow_signal_frames,search_first_stack stacks \
  interrupted_by_a_handler_on_another_stack
ok "a search that ends at the fiber misses the stack below" \
  left_out search_first_stack stacks the_stack_below_a_fiber
ok "a search that ignores idle announced stacks misses a suspended fiber" \
  left_out search_idle_stacks stacks \
  a_suspended_fiber_is_seen_if_it_was_announced
ok "a search that takes all words for data misses what a signal interrupted" \
  left_out signal_frames stack_search interrupted_at_the_first_instruction
ok "a search of bodies alone takes no notice of a last call" \
  left_out last_calls stack_search a_function_that_ends_in_a_call
ok "a search upward only misses frames below a fiber on a local array" \
  left_out search_below_stack stacks frames_below_a_fiber_on_a_local_array
ok "a search that believes in the last frame misses them as well" \
  left_out look_for_older_frames stacks a_fiber_on_a_local_array_of_a_fiber
ok "a search that reads without asking ends at a guard page" \
  left_out probe_memory stacks guard_pages_are_not_touched
ok "a search that counts what ended calls left finds a thread that is elsewhere" \
  left_out pass_ended_calls stacks nor_on_a_fiber

ok "a search that counts all words of the caller finds what it keeps" \
  control threads/quiescence quiescence \
  a_pointer_that_the_caller_keeps_does_not_count \
  's/count_only_returns(true)/count_only_returns(false)/'

ok "without pauses that grow, threads are stopped again and again" \
  control threads/quiescence quiescence attempts_come_farther_and_farther_apart \
  's/pause = std::max(pause, 9 .*/;/; s/pause = std::min(2 [*] pause, .*/;/'

ok "threads that do not wait in the handler go on" \
  control threads/stop_gate thread_stop busy_threads_stand_still_and_go_on \
  's/if (action != 0)/if (true)/'

ok "a stop after one listing misses threads that are born meanwhile" \
  control threads/thread_gathering thread_stop \
  threads_that_come_and_go_during_500_stops \
  's/if (all_answered() || take_listing())/if ((take_listing(), wait(first_wait, until), true))/'

ok "a stop that does not count the threads misses some" \
  control threads/thread_gathering thread_stop \
  threads_that_come_and_go_during_500_stops \
  's/answered_ + 1 == count_threads()/answered_ != 0/'

ok "without SA_RESTART a blocked read returns EINTR" \
  control threads/stop_signal thread_stop a_blocked_read_goes_on_without_an_error \
  's/SA_RESTART | SA_ONSTACK/SA_ONSTACK/'

ok "threads that do not look at the request are not held" \
  control threads/safe_point safe_point all_stand_between_two_rounds \
  's/each->where.load() == standing::running/false/'

ok "without signals a refused membarrier reaches nobody" \
  control text/barrier barrier without_it_a_signal_reaches_the_others \
  's/(serialise_threads(.*) == HP_OK)/(true)/'

ok "without signals nobody notices that a thread cannot be reached" \
  control text/barrier barrier \
  strict_is_refused_where_a_thread_cannot_be_reached \
  's/(serialise_threads(.*) == HP_OK)/(true)/'

ok "strict that does not wait goes on without a thread" \
  control commit/commit barrier strict_waits_in_the_middle \
  's/!any_text || serialise_cores(barrier_long_patience)/true/'

done_testing
