# Takes what keeps named patches sound out of the library, one after the other,
# and sees the tests fail.
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

# control SOURCE PROGRAM SED-SCRIPT
control()
{
  edited_program "$1" "$3" "api/$2.c" edited && fails ./edited
}
true_programs()
{
  edited_program library/patch_hooks.cc "" api/hooks.c hooks && ./hooks
}
ok "the programs are linked like the true one" true_programs
ok "without dependencies, patches lose what they need" \
  control patches/patch_plan_named.cc named 's/if (!named_change_)$/if (true)/'
ok "without a look at versions, older ones replace newer ones" \
  control patches/patch_plan_named.cc named 's/version > info.version/false/'
ok "without the counterparts, hooks wait for their end after a failure" \
  control library/patch_hooks.cc hooks 's/^  take_back();//'
ok "without the turn, transactions overtake the hooks of others" \
  control library/patch_hooks.cc hooks 's/turn.lock();//'
ok "without disabling cancellation, a thread ends with the turn" \
  control library/patch_hooks.cc hooks 's/pthread_setcancelstate(PTHREAD_.*/;/'
ok "a state that is adopted at once stays after a failure" \
  control patches/patch_plan.cc patch_faults \
  '/  if (status == HP_OK)$/{N;s/.*\n    adopt/  adopt/}'
done_testing
