# What the tests of servers share: where they listen, changes while `load`, a
# process, asks without end, and the end of that load.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh
tools=$HP_BUILDDIR/tools

# free_port: one that no process listens at, the kernel's own choice.
free_port()
{
  python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

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

# patch_is NAME TARGET...: what apply and revert are for: fix.so, which has that
# name, and the processes TARGET, as hp-apply takes them.
patch_is()
{
  patch=$1
  shift
  target=$*
}

apply()
{
  # shellcheck disable=SC2086  # a list
  under_load "$tools/hp-apply" $target fix.so
}

revert()
{
  # shellcheck disable=SC2086
  under_load "$tools/hp-revert" $target "$patch"
}

# again COUNT COMMAND...: applied, the command if there is one, and reverted.
again()
{
  times=$1
  shift
  while [ "$times" -gt 0 ]; do
    apply && { [ $# -eq 0 ] || "$@"; } && revert || return
    times=$((times - 1))
  done
}

# wrk_failed_nothing FILE: ends wrk, which is the load and writes to the file.
wrk_failed_nothing()
{
  kill -INT "$load" && wait "$load"
  cat "$1"
  grep -q 'requests in' "$1" && ! grep -E 'Non-2xx|Socket errors' "$1"
}

# http_load_failed_nothing: ends http_load.py, which is the load and writes to the
# file of that name.
http_load_failed_nothing()
{
  touch stop
  wait "$load"
  cat load
  grep -q '^requests: [1-9]' load && grep -q '^failed: 0$' load
}

# until_answers COMMAND...: until it succeeds, or the server, `pid`, has ended.
until_answers()
{
  # shellcheck disable=SC2154  # pid is the test's
  until "$@" || ! kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
  done
}

# What stands in front of a command that is to run as the user nobody, if this is
# root: there are servers that refuse to run as root.
as_user=
if [ "$(id -u)" -eq 0 ]; then
  as_user="setpriv --reuid=$(id -u nobody) --regid=$(id -g nobody)"
  as_user="$as_user --clear-groups env HOME=$workdir"
fi
