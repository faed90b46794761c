# Leaves out what keeps named patches sound, one countermeasure after the other,
# and sees the tests fail.
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

build_programs()
{
  build_control_library || return
  for program in hooks named patch_faults; do
    control_program api/$program.c $program || return
  done
}
ok "programs for controls are built" build_programs
ok "with all countermeasures the hooks pass" ./hooks

# control NAME PROGRAM
control()
{
  without "$1" fails "./$2"
}
ok "without dependencies, patches lose what they need" \
  control patch_dependencies named
ok "without a look at versions, older ones replace newer ones" \
  control patch_versions named
ok "without the counterparts, hooks wait for their end after a failure" \
  control take_back_hooks hooks
ok "without the turn, transactions overtake the hooks of others" \
  control hook_turn hooks
ok "without disabling cancellation, a thread ends with the turn" \
  control hook_cancellation hooks
ok "a state that is adopted at once stays after a failure" \
  control adopt_after_success patch_faults
done_testing
