#!/bin/sh
# Who may patch a process through its control socket, and from where.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
. "$HP_SRCDIR/testsuite/control/offering.sh"

[ "$(id -u)" -eq 0 ] || skip_all "only root can be several users"
command -v setpriv >/dev/null || skip_all "setpriv is not installed"
for_others "$built"/libhotpatch.so* "$hp_apply" "$hp_revert" \
  "$HP_BUILDDIR/tools/hp-status" || exit 99
built=$workdir/for_others
hp_apply=$built/hp-apply
hp_revert=$built/hp-revert
ok "program, clients and patches are compiled" build_offer
[ -e fix3.so ] || done_testing

# as UID COMMAND...: without any privilege.
unprivileged='--clear-groups --inh-caps=-all --bounding-set=-all'
as()
{
  user=$1
  shift
  # shellcheck disable=SC2086  # several options
  setpriv --reuid="$user" --regid="$user" $unprivileged "$@"
}
ok "other users can use what was built" as 1 "$hp_apply" --version
mkdir -m 700 users_run && chown 1:1 users_run
user_run=$workdir/users_run

# offer_as UID COMMAND...
offer_as()
{
  XDG_RUNTIME_DIR=$user_run
  export XDG_RUNTIME_DIR
  user=$1
  shift
  # shellcheck disable=SC2086  # several options
  begin_offer setpriv --reuid="$user" --regid="$user" $unprivileged "$@"
  XDG_RUNTIME_DIR=$run
}
new=110210

offer_as 1 ./offer open serve
ok "another user's process, as root" "$hp_apply" "$pid" fix.so
ok "the new" says $new
ok "reverted" "$hp_revert" "$pid" fix
ok "the same user may" as 1 "$hp_apply" "$pid" fix.so
ok "the new" says $new
ok "hp-status says so" gives 0 'applied *fix 1' \
  as 1 "$built/hp-status" "$pid"
ok "reverted" as 1 "$hp_revert" "$pid" fix
ok "a third user may not" not as 2 "$hp_apply" "$pid" fix.so
says_done()
{
  as "$1" ./ask "$path" 'hotpatch 1 status\n' | grep '^done 0'
}
# Where the path is open to all, the process looks at who it is.
path=$(sed -n 's/^at //p' out)
chmod 711 users_run users_run/hotpatch
chmod 666 "$path"
request='hotpatch 1 load\npath /fix.so\nlevel immediate\n'
refused()
{
  as "$@" ./ask "$path" "$request" fix.so >output 2>&1
  cat output
  grep '^refused 10' output && says 11012
}
ok "a third user is refused, with the reason" refused 2
other_group()
{
  setpriv --reuid=1 --regid=2 --clear-groups ./ask "$path" "$request" fix.so \
    >output 2>&1
  cat output
  grep '^refused 10' output && says 11012
}
ok "so is a user with another group" other_group
ok "the same user is not" says_done 1
end

# Processes that keep secrets from the other processes of their user.
offer_as 1 ./offer open hidden serve
path=$(sed -n 's/^at //p' out)
undumpable()
{
  as 1 ./ask "$path" "$request" fix.so >output 2>&1
  cat output
  grep 'PR_SET_DUMPABLE' output && says 11012
}
ok "its own user may not, where that user may not trace it" undumpable
ok "neither through hp-apply" not as 1 "$hp_apply" "$pid" fix.so
ok "the old" says 11012
ok "root may" "$hp_apply" "$pid" fix.so
ok "the new" says $new
end
undumpable_control()
{
  build_controls && control_program control/offer.c controlled || return
  HP_WITHOUT=refuse_undumpable offer_as 1 ./controlled open hidden serve
  path=$(sed -n 's/^at //p' out)
  as 1 ./ask "$path" "$request" fix.so | grep 'done 0' && says $new
}
ok "control: without looking, it would obey its user" undumpable_control
end

peer_control()
{
  build_controls && control_program control/offer.c controlled || return
  HP_WITHOUT=look_at_peer offer_as 1 ./controlled open serve
  path=$(sed -n 's/^at //p' out)
  chmod 711 users_run users_run/hotpatch
  chmod 666 "$path"
  as 2 ./ask "$path" "$request" fix.so | grep 'done 0' && says $new
}
ok "control: without looking, anybody could" peer_control
end

# A process with capabilities: another one of the same user has fewer.
begin_offer setpriv --reuid=1 --regid=1 --clear-groups --inh-caps=+net_admin \
  --ambient-caps=+net_admin ./offer "open:$user_run/capable.sock" serve
path=$user_run/capable.sock
capable()
{
  as 1 ./ask "$path" "$request" fix.so >output 2>&1
  cat output
  grep 'obeys only root' output && says 11012
}
if [ -S "$path" ]; then
  ok "with capabilities it obeys only root" capable
  ok "root" "$hp_apply" "--control=$path" "$pid" fix.so
else
  skip "with capabilities it obeys only root" "none can be given here"
fi
end

chmod 755 "$workdir"
cp offer privileged && chown 0:0 privileged && chmod 4755 privileged
secure()
{
  HOTPATCH_CONTROL=1 as 1 ./privileged close >output 2>&1
  cat output
  grep 'close: HP_INVALID' output
}
if as 1 ./privileged no-ptrace exit >/dev/null 2>&1 &&
  [ "$(as 1 sh -c './privileged serve & sleep 0.3; stat -c %u /proc/$!; kill $!' \
    2>/dev/null | tail -n 1)" != 1 ]; then
  ok "a setuid program does not follow the environment" secure
else
  skip "a setuid program does not follow the environment" \
    "setuid means nothing in this directory"
fi

# --- Containers ---------------------------------------------------------------
# Another mount, PID and network namespace, where /tmp is empty and the patch is
# nowhere to be seen.
if unshare --mount --pid --net --fork true 2>/dev/null; then
  mkdir inside libraries
  cp offer inside/
  cp "$built"/libhotpatch.so.0 libraries/
  # shellcheck disable=SC2016 # the inner shell's own
  begin_offer unshare --mount --pid --net --fork sh -c '
    mount -t proc proc /proc &&
    mkdir kept && mount --bind inside kept &&
    mount -t tmpfs none "$1/run" && chmod 700 "$1/run" && cd kept &&
    mount -t tmpfs none "$1/libraries" &&
    exec ./offer open threads:1 serve' sh "$workdir"
  outer=$pid
  pid=$(pgrep -P "$outer")
  cp fix1.so libraries/fix.so
  ok "it is process 1 of its own" grep 'hotpatch/1.sock' out
  ok "a file that it does not see: applied" \
    applies 'through its control socket' "$pid" libraries/fix.so
  ok "the new" says $new
  ok "hp-status shows it" "$HP_BUILDDIR/tools/hp-status" "$pid"
  mv fix2.so libraries/fix.so
  ok "a newer one of that name" "$hp_apply" "$pid" libraries/fix.so
  ok "the newer" says 110320
  ok "reverted" "$hp_revert" "$pid" fix
  ok "the old" says 11012
  kill -9 "$pid"
  wait "$outer" 2>/dev/null
  pid=
else
  skip "in a container" "namespaces may not be made here"
fi
done_testing
