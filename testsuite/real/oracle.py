#!/usr/bin/env python3
"""Tells whether hashes of bodies miss anything: oracle.py OLD.s NEW.s

Both files are assembly of one source before and after a change, compiled with
-fplugin-arg-hotpatch-all and -fplugin-arg-hotpatch-baseline.  A function whose
assembly differs and whose hash does not is a miss.  Prints "missed NAME" for
each, and "same N, changed N, more N", where "more" are functions whose hash
differs and whose assembly does not.  Exit status 1 if anything was missed.

SPDX-License-Identifier: MIT
"""

import re
import sys

LABEL = re.compile(r'\.L[A-Za-z]*\d+')
IDENTIFIER = re.compile(r'0x[0-9a-f]+841f0f')
STATIC = re.compile(r'\b([A-Za-z_]\w*)\.\d+\b')
NUMBER = re.compile(r'\b\d+\b')
CONTENT = re.compile(r'\s*\.(quad|long|value|byte|string|ascii|zero|double|float|'
                     r'octa|single)\b')
IGNORED = re.compile(r'\s*\.(cfi_|loc\b|p2align|align|balign|type|globl|weak|'
                     r'local|hidden|protected|reloc|file|ident|skip|'
                     r'section\s+\.note)')


def hashes_in(lines):
    """Of each function: strict and masked hash."""
    result = {}
    for line in lines:
        match = re.match(r'\s*\.ascii "f (\S+) (\w+) (\S+) (\w+) \d+ (.*)\\012"',
                         line)
        if match:
            strict = match[2]
            masked = strict if match[3] == '-' else match[3]
            result[match[5]] = (strict, masked, match[4])
    return result


def data_in(lines):
    """What follows each local label outside of code, up to the next label."""
    result = {}
    label = None
    in_code = True
    for line in lines:
        section = re.match(r'\s*\.(section|pushsection)\s+(\S+)', line)
        if section:
            in_code = section[2].startswith('.text')
        elif re.match(r'\s*\.(text|popsection)\b', line):
            in_code = True
        alias = re.match(r'\s*\.set\s+(\.L[A-Za-z]*\d+),\s*(\.L\S+)$', line)
        if alias:
            result[alias[1]] = [alias[2]]
        match = re.match(r'(\.L[A-Za-z]*\d+):', line)
        if match and not in_code:
            label = match[1]
            result[label] = []
        elif re.match(r'[^\s.]\S*:', line) or in_code:
            label = None
        elif label and CONTENT.match(line):
            result[label].append(line.strip())
        else:
            label = None
    return result


def code_in(lines):
    """The instructions of each function."""
    result = {}
    name = None
    functions = {match[1] for match in
                 (re.match(r'\s*\.type\s+(\S+), @function', line)
                  for line in lines) if match}
    section_of_data = False
    for line in lines:
        match = re.match(r'([^\s:]+):', line)
        if match and match[1] in functions:
            name = match[1]
            result.setdefault(name, [])
            section_of_data = False
        elif name and re.match(r'\s*\.size\s+' + re.escape(name) + ',', line):
            name = None
        elif name:
            if re.match(r'\s*\.section\s+\.(rodata|data)', line):
                section_of_data = True
            elif re.match(r'\s*\.(text|section\s+\.text)', line):
                section_of_data = False
            elif not section_of_data and not IGNORED.match(line):
                result[name].append(line.strip())
    return result


def canonical(code, data):
    """Without what is only numbering."""
    numbers = {}
    shown = set()

    def number(label):
        return numbers.setdefault(label, len(numbers))

    def of_line(line, depth):
        line = IDENTIFIER.sub('ID', line)

        def of_label(match):
            label = match[0]
            text = '.L%d' % number(label)
            if label in data and label not in shown and depth < 4:
                shown.add(label)
                text += '{' + ';'.join(of_line(each, depth + 1)
                                       for each in data[label]) + '}'
            return text
        return LABEL.sub(of_label, STATIC.sub(r'\1.N', line))
    return [of_line(line, 0) for line in code]


def main(old_path, new_path):
    versions = []
    for path in (old_path, new_path):
        with open(path, encoding='utf-8', errors='surrogateescape') as file:
            lines = file.read().splitlines()
        data = data_in(lines)
        versions.append((hashes_in(lines),
                         {name: canonical(code, data)
                          for name, code in code_in(lines).items()}))
    (old_hashes, old_code), (new_hashes, new_code) = versions
    same = changed = more = missed = 0
    for name in old_code.keys() & new_code.keys() & old_hashes.keys() \
            & new_hashes.keys():
        before, after = old_hashes[name], new_hashes[name]
        equal_hash = before[2] == after[2] and \
            (before[0] == after[0] or before[1] == after[1])
        old_text, new_text = old_code[name], new_code[name]
        if before[0] != after[0]:  # a number of a line differs
            old_text = [NUMBER.sub('N', line) for line in old_text]
            new_text = [NUMBER.sub('N', line) for line in new_text]
        equal_code = old_text == new_text
        if equal_hash and not equal_code:
            missed += 1
            print('missed', name)
        elif not equal_hash and old_code[name] == new_code[name]:
            more += 1
        elif equal_hash:
            same += 1
        else:
            changed += 1
    print(f'same {same}, changed {changed}, more {more}')
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:3]))
