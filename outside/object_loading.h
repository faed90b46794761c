// Loading a patch object into another process, and unloading it, by a borrowed
// thread.
//
// Owns the promise that what was checked is what is loaded, and nothing else,
// not even for a moment.  The checked bytes are put into a file in memory of
// the process and sealed (runtime/base/sealed_file.h).  dlopen() is called with
// a name under which nothing can be opened, and when the dynamic linker opens
// it, that system call is changed to one which duplicates the sealed file's
// descriptor.  So neither names nor mounts nor root directories have a part in
// it, a process needs no /proc, and if this process is killed in between, the
// dynamic linker finds nothing.
//
// Constructors run when the imports are bound (runtime/objects/private_copy.h).
// The whole file stays mapped beside the object, so that tools can read its
// section headers and symbols (processes/maps.h).
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_OBJECT_LOADING_H
#define HOTPATCH_OUTSIDE_OBJECT_LOADING_H

#include <cstdint>
#include <string>
#include <vector>

#include "outside/patch_object.h"
#include "outside/remote_call.h"
#include "outside/target_images.h"
#include "outside/target_memory.h"

namespace hotpatch::outside {

// dlopen() with the bytes of `file`; returns where it is loaded.  No code of it
// has run yet.  Throws tool_error, with the dynamic linker's reason.
std::uint64_t load_object(borrowed_thread& thread, target_memory& memory,
                          const target_code& code, patch_object& file);

// Whether there is nothing for construct_object() to do.
bool is_object_constructed(const target_memory& memory, patch_object& file,
                           std::uint64_t bias);

// Calls the constructors that have not been called yet, each once, also if an
// hp-apply before this one was killed while it did so; then the dynamic linker
// knows the destructors.  After the imports were bound.  Throws tool_error.
void construct_object(borrowed_thread& thread, target_memory& memory,
                      const target_code& code, patch_object& file,
                      std::uint64_t bias);

// dlclose() of what is loaded there.  False: the dynamic linker keeps it.
// Throws tool_error.
bool unload_object(borrowed_thread& thread, const target_memory& memory,
                   const target_code& code, std::uint64_t bias);

// A string of the process, cut at some length.
std::string text_in_process(const target_memory& memory, std::uint64_t address);

// The dynamic linker's own list of a process's shared objects.

// What dlopen() returned for the object that was loaded there, which is the
// address of its struct link_map (link.h); 0: it is not in the list, or the
// list cannot be read.
std::uint64_t find_handle(const target_image& loader,
                          const target_memory& memory, std::uint64_t bias);

// The names that it has for them.
std::vector<std::string> names_of_objects(const target_image& loader,
                                          const target_memory& memory);

// Where the object of that handle was loaded.
std::uint64_t bias_of_handle(const target_memory& memory, std::uint64_t handle);

}  // namespace hotpatch::outside

#endif
