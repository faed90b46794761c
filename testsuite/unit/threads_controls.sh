# Takes one countermeasure after the other out of the layers `threads` and
# `barrier` and sees the test that guards it fail: a test that cannot fail proves
# nothing.
#
# SPDX-License-Identifier: MIT
. "${HP_SRCDIR:?run the tests with make check}/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

objects=$HP_BUILDDIR/testsuite/unit
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
ok "a search that takes the address of a pad for a return is mistaken" \
  left_out pads_by_position stack_search a_pad_is_occupied_by_who_stands_in_it_only
ok "a search without registers misses what is there" \
  left_out search_registers stack_search an_address_in_a_register
ok "a search without instruction pointers misses a thread that never calls" \
  left_out search_instruction_pointer stack_search a_thread_that_executes_it
ok "a search that ends at the alternate stack misses what it interrupted" \
  left_out follow_signal_frames,search_first_stack stacks \
  interrupted_by_a_handler_on_another_stack
ok "a search beyond the control block finds what others remember" \
  left_out end_at_control_block stacks memory_of_others_above_the_control_block
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
  left_out count_only_returns quiescence \
  a_pointer_that_the_caller_keeps_does_not_count

ok "without pauses that grow, threads are stopped again and again" \
  left_out growing_pauses quiescence attempts_come_farther_and_farther_apart

ok "threads that do not wait in the handler go on" \
  left_out wait_in_handler thread_stop busy_threads_stand_still_and_go_on

ok "a stop after one listing misses threads that are born meanwhile" \
  left_out list_again thread_stop threads_that_come_and_go_during_500_stops

ok "a stop that does not count the threads misses some" \
  left_out count_threads thread_stop threads_that_come_and_go_during_500_stops

ok "without SA_RESTART a blocked read returns EINTR" \
  left_out restart_calls thread_stop a_blocked_read_goes_on_without_an_error

ok "threads that do not look at the request are not held" \
  left_out wait_for_members safe_point all_stand_between_two_rounds

ok "without signals a refused membarrier reaches no thread" \
  left_out reach_by_signal barrier without_it_a_signal_reaches_the_others

ok "without signals it goes unnoticed that a thread cannot be reached" \
  left_out reach_by_signal barrier \
  strict_is_refused_where_a_thread_cannot_be_reached

ok "strict that does not wait goes on without a thread" \
  left_out reach_all_in_between barrier strict_waits_in_the_middle

done_testing
