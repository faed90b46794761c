# Writes the functions whose calls are measured, in C: COUNT of each shape.
#
#     shapes.py functions SEED   functions that are instrumented by a peer; SEED
#                                decides their order in the file, as what lies
#                                where changes times by a few per cent
#     shapes.py replacements     the same bodies under other names, and a table
#     shapes.py wrappers         functions that call the originals, and a table
#     shapes.py interposers      functions of the same names that call the next
#                                ones; for preloading
#     shapes.py callers          one call of each: directly, through a table of
#                                addresses; or through one variable for each,
#                                where POINTERS is defined
#
# SPDX-License-Identifier: MIT
import random
import sys

COUNT = 64
# What a function does is next to nothing, so that the call is what is seen.
# `pushes` saves five registers, `tail` ends with a jump to another function.
BODIES = {
    "leaf": "return x * 3 + {i};",
    "pushes": '__asm__ volatile("" : "+r"(x) : : "rbx", "r12", "r13", '
              '"r14", "r15"); return x + {i};',
    "tail": "return shape_end(x + {i});",
}
NAMES = [(shape, i) for shape in BODIES for i in range(COUNT)]


def declarations(prefix):
    for shape, i in NAMES:
        print(f"int {prefix}{shape}_{i}(int);")


def functions(prefix):
    for shape, i in NAMES:
        print(f"SHAPE int {prefix}{shape}_{i}(int x) "
              f"{{ {BODIES[shape].format(i=i)} }}")


def table(prefix, originals):
    print("struct shape { const char* name; int (*call)(int); "
          "int (**original)(int); };\n"
          "const struct shape shape_table[] = {")
    for shape, i in NAMES:
        original = f"&original_{shape}_{i}" if originals else "0"
        print(f'  {{"{shape}_{i}", {prefix}{shape}_{i}, {original}}},')
    print(f"}};\nconst int shape_table_size = {len(NAMES)};")


def callers():
    declarations("")
    for shape in BODIES:
        for i in range(COUNT):
            print(f"int (*pointer_{shape}_{i})(int) = {shape}_{i};")
        print(f"int (*const volatile table_{shape}[])(int) = {{")
        print(",\n".join(f"  {shape}_{i}" for i in range(COUNT)))
        print(f"}};\nint direct_{shape}(int x) {{")
        for i in range(COUNT):
            print(f"  x = CALL({shape}_{i})(x);")
        print(f"  return x;\n}}\nint indirect_{shape}(int x) {{\n"
              f"  for (int i = 0; i < {COUNT}; ++i) "
              f"x = table_{shape}[i](x);\n  return x;\n}}")


print("// Made by shapes.py.\nint shape_end(int);")
wanted = sys.argv[1]
if wanted == "functions":
    random.Random(int(sys.argv[2])).shuffle(NAMES)
    print("#ifndef SHAPE\n#define SHAPE\n#endif")
    functions("")
elif wanted == "replacements":
    print("#define SHAPE static")
    functions("other_")
    table("other_", False)
elif wanted == "wrappers":
    for shape, i in NAMES:
        print(f"static int (*original_{shape}_{i})(int);\n"
              f"static int through_{shape}_{i}(int x) "
              f"{{ return original_{shape}_{i}(x) + 1; }}")
    table("through_", True)
elif wanted == "interposers":
    print("#define _GNU_SOURCE\n#include <dlfcn.h>")
    for shape, i in NAMES:
        print(f"static int (*original_{shape}_{i})(int);\n"
              f"int {shape}_{i}(int x) "
              f"{{ return original_{shape}_{i}(x) + 1; }}")
    print("__attribute__((constructor)) static void find(void) {")
    for shape, i in NAMES:
        print(f'  original_{shape}_{i} = dlsym(RTLD_NEXT, "{shape}_{i}");')
    print("}")
else:
    print("#ifdef POINTERS\n#define CALL(f) pointer_##f\n"
          "#else\n#define CALL(f) f\n#endif")
    callers()
