# The machine that the numbers were taken on, as far as they depend on it.
#
# SPDX-License-Identifier: MIT
import os
import platform
import subprocess


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout.splitlines()[0]
    except (OSError, IndexError):
        return ""


def processor():
    with open("/proc/cpuinfo") as info:
        text = info.read()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines()
             if line.startswith("model name")]
    virtual = " in a virtual machine" if " hypervisor " in text else ""
    return f"{len(names)} x {names[0] if names else 'unknown'}{virtual}"


def memory():
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GiB"


def describe(cc, peers):
    """Without names and paths.  `peers` are commands that tell a version."""
    versions = filter(None, (first_line(*command) for command in peers))
    return {
        "processor": processor(),
        "memory": memory(),
        "kernel": platform.release(),
        "compiler": first_line(*cc.split(), "--version"),
        "C library": " ".join(platform.libc_ver()),
        "peers": "; ".join(versions),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }
