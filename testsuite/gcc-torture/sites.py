# The patch sites of a linked x86-64 program, read from its bytes and checked
# against what format/ promises about them.
#
# SPDX-License-Identifier: MIT
import struct

RECORD = struct.Struct("<HHIiiiiiIiIBBHI2I2I")
SITE_ENDBR, SITE_ALIAS = 1 << 0, 1 << 12
WORD_HEAD = b"\x0f\x1f\x84\x00"   # nopl id32(%rax,%rax,1)
ENDBR64 = b"\xf3\x0f\x1e\xfa"
PRE_PAD = b"\x90" * 5


class Program:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        shoff, = struct.unpack_from("<Q", self.data, 40)
        entsize, count, names = struct.unpack_from("<HHH", self.data, 58)
        raw = [struct.unpack_from("<IIQQQQIIQQ", self.data, shoff + i * entsize)
               for i in range(count)]
        strings = raw[names][4]
        self.sections = {}
        self.spans = []
        for name, kind, flags, address, offset, size, *_ in raw:
            start = strings + name
            text = self.data[start:self.data.index(b"\0", start)].decode()
            self.sections[text] = (address, offset, size)
            if flags & 2 and kind != 8:     # SHF_ALLOC, not SHT_NOBITS
                self.spans.append((address, offset, size))

    def bytes_at(self, address, size):
        for start, offset, length in self.spans:
            if start <= address and address + size <= start + length:
                at = offset + address - start
                return self.data[at:at + size]
        return b""


def check(path):
    """(number of sites, what is wrong with them)"""
    program = Program(path)
    if ".hotpatch" not in program.sections:
        return 0, []
    address, offset, size = program.sections[".hotpatch"]
    count, wrong = 0, []
    for at in range(0, size, RECORD.size):
        fields = RECORD.unpack_from(program.data, offset + at)
        version, length, ident, to_word, to_symbol, to_end = fields[:6]
        flags, pad = fields[10], fields[12]
        where = address + at
        word, symbol = where + 8 + to_word, where + 12 + to_symbol
        end = where + 16 + to_end
        if flags & SITE_ALIAS:
            continue
        count += 1
        head = ENDBR64 if flags & SITE_ENDBR else b""
        expected = {
            "the record's head": (version, length) == (1, RECORD.size),
            "the word's alignment": word % 8 == 0,
            "the word": program.bytes_at(word, 8) ==
                        WORD_HEAD + struct.pack("<I", ident),
            "endbr64": program.bytes_at(symbol, len(head)) == head,
            "the order of addresses": symbol <= word < end,
            "the pre-pad": pad >= len(PRE_PAD) and
                           program.bytes_at(symbol - pad, pad) ==
                           b"\xcc" * (pad - len(PRE_PAD)) + PRE_PAD,
        }
        wrong += [f"site at {symbol:#x}: {what} is wrong"
                  for what, right in expected.items() if not right]
    return count, wrong
