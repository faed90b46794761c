// An image made up for a test: executable memory, records and strings at
// addresses of our choice, sound until the test damages a field.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_SYNTHETIC_IMAGE_H
#define HOTPATCH_TESTSUITE_SYNTHETIC_IMAGE_H

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "format/record.h"
#include "runtime/elf/memory_view.h"
#include "runtime/sites/record_reader.h"

namespace hotpatch_test {

class synthetic_image {
 public:
  static constexpr std::uint64_t code_address = 0x401000;
  static constexpr std::uint64_t record_address = 0x600000;
  static constexpr std::uint64_t string_address = 0x700000;
  static constexpr std::uint64_t stride = 64;  // between two sites

  // Adds a site of 32 bytes; returns its record for changes.
  hotpatch::format::record& add(const char* name,
                                const char* file = "src/conn.c",
                                const char* prototype = "int ()")
  {
    const std::uint64_t symbol = code_address + stride * count_ + 8;
    ++count_;
    records_.push_back({});
    auto& made = records_.back();
    made.version = hotpatch::format::record_version;
    made.size = sizeof made;
    made.id = 0x1000u + count_;
    made.kind = static_cast<std::uint8_t>(hotpatch::format::site_kind::nop8);
    made.pad = 8;
    made.line = 10 * count_;
    point(made, made.word, symbol);
    point(made, made.symbol, symbol);
    point(made, made.end, symbol + 32);
    point(made, made.name, add_string(name));
    point(made, made.file, add_string(file));
    point(made, made.prototype, add_string(prototype));
    return made;
  }

  // Makes a field of a record in this image lead to `address`.
  void point(hotpatch::format::record& record,
             hotpatch::format::offset32& field, std::uint64_t address)
  {
    const auto index = static_cast<std::uint64_t>(&record - records_.data());
    const auto within = static_cast<std::uint64_t>(
        reinterpret_cast<char*>(&field) - reinterpret_cast<char*>(&record));
    field.value = static_cast<std::int32_t>(
        address - (record_address + index * sizeof record + within));
  }

  std::uint64_t add_string(const char* text)
  {
    const std::uint64_t address = string_address + strings_.size();
    strings_.append(text, std::strlen(text) + 1);
    return address;
  }

  std::string& strings() { return strings_; }
  std::vector<hotpatch::format::record>& records() { return records_; }
  hotpatch::format::record& record(std::size_t i) { return records_[i]; }

  hotpatch::record_section section() const
  {
    return {record_address, records_.size() * sizeof(records_[0])};
  }

  // Valid until the image changes.
  hotpatch::memory_view view()
  {
    code_.assign(stride * count_, 0x90);
    ranges_.clear();
    ranges_.push_back({code_address, code_.size(), code_.data(), true});
    ranges_.push_back({record_address, section().size,
                       reinterpret_cast<const unsigned char*>(records_.data()),
                       false});
    ranges_.push_back({string_address, strings_.size(),
                       reinterpret_cast<const unsigned char*>(strings_.data()),
                       false});
    return {ranges_.data(), ranges_.size()};
  }

 private:
  unsigned count_ = 0;
  std::vector<unsigned char> code_;
  std::vector<hotpatch::format::record> records_;
  std::string strings_;
  std::vector<hotpatch::memory_range> ranges_;
};

}  // namespace hotpatch_test

#endif
