"""Commands of gdb for programs that use libhotpatch.

    (gdb) source hotpatch-gdb.py
    (gdb) info hotpatch sites [REGEX]     each site that was ever changed: its
                                          word, its replacements, newest first
    (gdb) info hotpatch patches           the named patches, oldest first
    (gdb) info hotpatch transaction       what a change under way would do

They work on a live process and on a core file, and call no function of it. They
need the library's debug information; a change that is under way is shown as far
as it has come.

SPDX-License-Identifier: MIT
"""
import re

import gdb

LIBRARY = "'hotpatch::(anonymous namespace)::the_library'"

# The forms of a patch word (runtime/text/encode.h), by its first bytes.
FORMS = {0x0f: "pristine", 0xe9: "near", 0xeb: "far"}


def library():
    """The library's one object."""
    try:
        return gdb.parse_and_eval(LIBRARY)["object"]
    except gdb.error as error:
        raise gdb.GdbError(
            f"this program has no libhotpatch with debug information "
            f"({error}); compile the library with -g, or load its debug file")


def elements(array):
    """What a hotpatch::array has (runtime/base/array.h)."""
    for i in range(int(array["size_"])):
        yield array["elements_"][i]


def replacements(stack):
    """A replacement_stack as (target, patch id), the newest first."""
    place = stack["place_"]
    many = int(stack["capacity_"]) > 1
    for i in reversed(range(int(stack["size_"]))):
        one = place["many"][i] if many else place["one"]
        yield int(one["target"]), int(one["patch"])


def function_at(address):
    """The function's name and where it is, as gdb knows it."""
    name = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    return name.split(" in section")[0] if " in section" in name else "?"


def word_form(site):
    """What is in the site's word now."""
    address = int(site["word"])
    try:
        first = int(gdb.selected_inferior().read_memory(address, 1)[0][0])
    except (gdb.MemoryError, TypeError):
        return "not readable"
    return FORMS.get(first, f"foreign (begins with {first:02x})")


def named_patches():
    """Patches by their ids."""
    found = {}
    for pointer in elements(library()["patches_"]["named_"]["patches_"]):
        patch = pointer.dereference()
        found[int(patch["id"])] = patch
    return found


def states():
    for pointer in elements(library()["patches_"]["table_"]["states_"]):
        yield pointer.dereference()


def print_stack(stack, patches):
    for target, owner in replacements(stack):
        text = f"  {target:#x} {function_at(target)}"
        if owner in patches:
            text += f", of patch {patches[owner]['info']['name'].string()}"
        print(text)


class InfoHotpatch(gdb.Command):
    """Show what libhotpatch did to this program: sites, patches, transaction."""

    def __init__(self):
        super().__init__("info hotpatch", gdb.COMMAND_STATUS, prefix=True)


class InfoSites(gdb.Command):
    """Show each site that was ever changed: info hotpatch sites [REGEX]."""

    def __init__(self):
        super().__init__("info hotpatch sites", gdb.COMMAND_STATUS)

    def invoke(self, argument, _from_tty):
        wanted = re.compile(argument or "")
        patches = named_patches()
        count = 0
        for state in states():
            name = state["site"]["name"].string()
            if not wanted.search(name):
                continue
            count += 1
            print(f"{name} at {int(state['site']['symbol']):#x}, "
                  f"word {word_form(state['site'])}")
            print_stack(state["replacements"], patches)
        print(f"{count} site{'' if count == 1 else 's'}")


class InfoPatches(gdb.Command):
    """Show the named patches that are applied: info hotpatch patches."""

    def __init__(self):
        super().__init__("info hotpatch patches", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        patches = named_patches()
        for patch in patches.values():
            print(f"{patch['info']['name'].string()}, version "
                  f"{int(patch['info']['version'])}, "
                  f"{int(patch['sites'])} sites")
        print(f"{len(patches)} patch{'' if len(patches) == 1 else 'es'}")


class InfoTransaction(gdb.Command):
    """Show the change that is under way: info hotpatch transaction."""

    def __init__(self):
        super().__init__("info hotpatch transaction", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        patches = named_patches()
        planned = [state for state in states() if bool(state["planned_for"])]
        for state in planned:
            print(f"{state['site']['name'].string()}: now")
            print_stack(state["replacements"], patches)
            print(" becomes")
            print_stack(state["planned"], patches)
        if not planned:
            print("no change is under way")


InfoHotpatch()
InfoSites()
InfoPatches()
InfoTransaction()
