// Loading a shared object into another process, and unloading it, by a
// borrowed thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_OBJECT_LOADING_H
#define HOTPATCH_OUTSIDE_OBJECT_LOADING_H

#include <cstdint>
#include <string>

#include "outside/borrowed_thread.h"
#include "outside/target_code.h"
#include "outside/target_images.h"
#include "outside/target_memory.h"

namespace hotpatch::outside {

// How the process can name a file of ours so that the dynamic linker loads it
// anew.  Throws trouble if it cannot reach the file.
std::string path_in_process(const target_images& images,
                            const std::string& file);

// dlopen(path, RTLD_NOW); returns the handle.  Throws trouble with dlerror().
std::uint64_t load_object(borrowed_thread& thread, const target_memory& memory,
                          const target_code& code, const std::string& path);

// dlclose(handle).
void unload_object(borrowed_thread& thread, const target_memory& memory,
                   const target_code& code, std::uint64_t handle);

// A string of the process, cut at some length.
std::string text_in_process(const target_memory& memory, std::uint64_t address);

}  // namespace hotpatch::outside

#endif
