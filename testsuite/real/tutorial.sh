#!/bin/sh
# The tutorial of examples/dnsmasq, command for command: from Debian's source to
# a fixed server that runs.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
. "$HP_SRCDIR/testsuite/real/servers.sh"
export PKG_CONFIG_PATH="$HP_BUILDDIR/runtime"
PATH=$HP_BUILDDIR/tools:$PATH
tutorial=$HP_SRCDIR/examples/dnsmasq/README
fix=$(sed -n 's/.*--patch \(debian[^ ]*\) .*/\1/p' "$tutorial")

have_source dnsmasq
cp "$source_cache"/dnsmasq/* .
tar xf ./*.debian.tar.* "$fix" 2>/dev/null ||
  skip_all "this release of Debian's package has no $fix"
rm -r debian

# What the reader types.  The source is here already, and a port that is free.
sed -n 's/^    //p' "$tutorial" |
  sed "s/^apt-get source.*/:/; s/--port=5353/--port=$(free_port)/" >commands
{
  echo "CC='$CC'; export CC"
  sed '/^hp-revert/d' commands
} >apply.sh
{
  echo 'cd dnsmasq'
  sed -n '/^hp-revert/p' commands
} >revert.sh
trap 'kill "$(cat dnsmasq/dnsmasq.pid)" 2>/dev/null; remove_workdir' EXIT

ok "the commands work up to the fix" sh -e apply.sh
cat tap.out >said
ok "hp-patch says what it replaces" grep -q "replaces extract_addresses" said
equals "and replaces nothing else" 1 "$(grep -c ': changed$' said)"
ok "hp-apply says that the fix is applied" grep -q "CVE-2026-5172 is applied" said
ok "hp-status shows it" grep -q "applied .*CVE-2026-5172" said
ok "the server lives" kill -0 "$(cat dnsmasq/dnsmasq.pid)"
ok "the fix is taken back" sh -e revert.sh
ok "and the server lives on" kill -0 "$(cat dnsmasq/dnsmasq.pid)"
done_testing
