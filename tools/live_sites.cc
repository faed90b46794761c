// Reading the patch words of a running process.
//
// SPDX-License-Identifier: MIT
#include "tools/live_sites.h"

#include <cstring>
#include <set>
#include <tuple>

#include "processes/maps.h"
#include "processes/memory.h"
#include "processes/process_list.h"
#include "processes/trouble.h"
#include "tools/file_sites.h"
#include "tools/output.h"

namespace hotpatch::tools {

namespace {

// A word and a pad that are read while they change may not belong together;
// then they are read again, but a process that never rests is not waited for.
constexpr int most_tries = 100;

bool has_file(const process_mapping& mapping)
{
  return mapping.executable && mapping.inode != 0 &&
         (mapping.path.starts_with('/') || mapping.is_copy);
}

template <typename T>
std::span<std::uint8_t> bytes_of(T& object)
{
  return {reinterpret_cast<std::uint8_t*>(&object), sizeof object};
}

}  // namespace

live_process::live_process(pid_t pid) : pid_(pid), memory_(pid)
{
  check_process(pid);
  maps_ = read_maps(pid);
}

live_process::image* live_process::image_of(const process_mapping& mapping)
{
  auto known = images_.find(&mapping);
  if (known != images_.end())
    return known->second.get();
  auto& place = images_[&mapping];
  if (auto opened = open_mapped(pid_, mapping, memory_))
    place = std::make_shared<image>(
        image{std::move(opened->file), opened->bias, nullptr});
  return place.get();
}

void live_process::for_each_image(const visitor& show,
                                  const problem_visitor& problem)
{
  // A text segment is several mappings when pages of it have other
  // protections; the same file may also be loaded twice.
  std::set<std::tuple<dev_t, ino_t, std::uint64_t>> done;
  for (const process_mapping& mapping : maps_) {
    if (!has_file(mapping))
      continue;
    try {
      image* loaded = image_of(mapping);
      if (!loaded ||
          !done.emplace(mapping.device, mapping.inode, loaded->bias).second)
        continue;
      listing shown = list_image(mapping, *loaded);
      if (!shown.rows.empty())
        show(shown);
    } catch (const output_error&) {
      throw;
    } catch (const std::exception& failure) {
      problem(mapping.path, failure.what());
    }
  }
}

listing live_process::list_image(const process_mapping& mapping,
                                 const image& loaded)
{
  listing shown = read_image(loaded.file);
  shown.path = mapping.path;
  shown.bias = loaded.bias;
  shown.live.reserve(shown.rows.size());
  for (row& one : shown.rows) {
    one.where.symbol += loaded.bias;
    one.where.word += loaded.bias;
    one.where.end += loaded.bias;
    shown.live.push_back(state_of(one.where));
  }
  return shown;
}

live_state live_process::state_of(const site& where)
{
  live_state live;
  std::uint64_t word = 0;
  if (!memory_.cached(where.word, bytes_of(word)))
    throw trouble(process_text(pid_) + ": the code of " + where.name +
                  " cannot be read");
  // A pristine word says everything by itself.  Any other is read afresh,
  // because what it leads to has to be of the same moment.
  decoded_word decoded = decode_word(where, word);
  for (int tries = 0; decoded.form != word_form::pristine; ++tries) {
    std::uint64_t again = 0;
    if (!memory_.fetch(where.word, bytes_of(word)))
      break;
    decoded = decode_word(where, word);
    live.target = decoded.target;
    if (decoded.form == word_form::far) {
      far_pad pad{};
      std::uint64_t cell = 0;
      live.target = 0;
      if (memory_.fetch(far_pad_address(where), bytes_of(pad)))
        cell = decode_pad(where, pad);
      if (cell == 0 || !memory_.fetch(cell, bytes_of(live.target)))
        decoded.form = word_form::foreign;
    }
    if (!memory_.fetch(where.word, bytes_of(again)) || again == word ||
        tries == most_tries)
      break;
  }
  live.form = decoded.form;
  std::memcpy(live.bytes.data(), &word, sizeof word);
  if (live.form == word_form::near || live.form == word_form::far)
    name_target(live);
  return live;
}

void live_process::name_target(live_state& live)
{
  const process_mapping* mapping = mapping_at(maps_, live.target);
  if (!mapping)
    return;
  live.target_image = mapping->path;
  if (!has_file(*mapping))
    return;
  try {
    image* target = image_of(*mapping);
    if (!target)
      return;
    if (!target->symbols) {
      target->symbols = std::make_unique<elf_symbols>();
      // Without symbols its address and image still say where the site leads.
      if (target->symbols->load(*target->file) != HP_OK)
        target->symbols = std::make_unique<elf_symbols>();
    }
    std::uint64_t address = live.target - target->bias;
    if (const function_symbol* symbol = target->symbols->find(address)) {
      live.target_symbol = symbol->name;
      live.target_offset = address - symbol->address;
    }
  } catch (const trouble&) {
    // The same holds for an image that cannot be opened.
  }
}

}  // namespace hotpatch::tools
