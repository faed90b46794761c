# SPDX-License-Identifier: MIT
#
# The plugin for one more release of GCC than the one that configure was run
# with (--with-gcc), built where the loader of the build tree finds it.  Needs
# GNU make.  plugin/Makefile calls it with GCC_MAJOR, SOURCES, and the flags.

place := .libs/gcc-$(GCC_MAJOR)
objects := $(patsubst %.cc,gcc-$(GCC_MAJOR)/%.o,$(filter %.cc,$(SOURCES)))
include_dir := $(shell gcc-$(GCC_MAJOR) -print-file-name=plugin)/include

$(place)/hotpatch.so: $(objects)
	@echo "  CXXLD    $@"
	@mkdir -p $(place)
	@g++-$(GCC_MAJOR) -shared $(CXXFLAGS) $(LDFLAGS) -o $@ $(objects)

gcc-$(GCC_MAJOR)/%.o: $(srcdir)/%.cc
	@echo "  CXX      $@"
	@mkdir -p gcc-$(GCC_MAJOR)
	@g++-$(GCC_MAJOR) -std=c++20 -isystem $(include_dir) -I$(top_srcdir) \
	  -DHP_VERSION='"$(PACKAGE_VERSION)"' $(CPPFLAGS) $(FLAGS) $(CXXFLAGS) \
	  -fPIC -MMD -MP -c -o $@ $<

-include $(objects:.o=.d)
