# Writes the functions that are changed while they are measured, and the table
# of them: C for any compiler, each with the attributes in SUBJECT and
# the statements of BODY.
#
#     functions.py COUNT >functions.c
#
# SPDX-License-Identifier: MIT
import sys

count = int(sys.argv[1])
print("#include <stddef.h>\n"
      "#ifndef SUBJECT\n#define SUBJECT\n#endif\n"
      "#ifndef BODY\n#define BODY(x, i) return x + i\n#endif")
for i in range(count):
    print(f"SUBJECT int subject_{i}(int x) {{ BODY(x, {i}); }}")
print("struct subject { const char* name; int (*call)(int); };\n"
      "const struct subject subjects[] = {")
for i in range(count):
    print(f'  {{"subject_{i}", subject_{i}}},')
print(f"}};\nconst size_t subject_count = {count};")
