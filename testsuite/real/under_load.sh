# Changing a program while `load`, a process, asks it without end.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# under_load COMMAND...: succeeds if the load goes on as well.  What the command
# says of its pauses is added to all_pauses.
under_load()
{
  "$@" >pauses 2>&1
  status=$?
  cat pauses >>all_pauses
  cat pauses
  # shellcheck disable=SC2154  # load is the test's
  kill -0 "$load" && return $status
}
