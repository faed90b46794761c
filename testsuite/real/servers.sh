# What the tests of servers share: where they listen, and changes while `load`, a
# process, asks without end.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# free_port: one that nobody listens at, the kernel's own choice.
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

# until_answers COMMAND...: until it succeeds, or the server, `pid`, has ended.
until_answers()
{
  # shellcheck disable=SC2154  # pid is the test's
  until "$@" || ! kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
  done
}

# What stands in front of a command that is to be nobody's, if this is root: there are
# servers that refuse to be root's.
as_user=
if [ "$(id -u)" -eq 0 ]; then
  as_user="setpriv --reuid=$(id -u nobody) --regid=$(id -g nobody)"
  as_user="$as_user --clear-groups env HOME=$workdir"
fi
