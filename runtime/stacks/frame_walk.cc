// Reading unwinding tables.
//
// SPDX-License-Identifier: MIT
#include "runtime/stacks/frame_walk.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/countermeasure.h"

namespace hotpatch {

namespace {

// --- Bytes of the tables -----------------------------------------------------

// A place in memory that moves; `good` until something could not be read.
class table_reader {
 public:
  table_reader(std::uint64_t at, std::uint64_t end,
               const stack_memory& memory) noexcept
      : at_(at), end_(end), memory_(memory)
  {
  }

  std::uint64_t at() const noexcept { return at_; }
  bool good() const noexcept { return good_; }
  bool ended() const noexcept { return !good_ || at_ >= end_; }
  void fail() noexcept { good_ = false; }
  void skip(std::uint64_t size) noexcept { at_ += size; }

  template <typename T>
  T take() noexcept
  {
    T value{};
    if (!good_ || end_ - at_ < sizeof value || at_ > end_ ||
        !fetch(&value, sizeof value))
      good_ = false;
    at_ += sizeof value;
    return good_ ? value : T{};
  }

  std::uint64_t take_unsigned() noexcept  // ULEB128
  {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = take<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0)
        return value;
    }
    good_ = false;
    return 0;
  }
  std::int64_t take_signed() noexcept  // SLEB128
  {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64;) {
      const std::uint8_t byte = take<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7fu} << shift;
      shift += 7;
      if ((byte & 0x80) != 0)
        continue;
      if ((byte & 0x40) != 0 && shift < 64)
        value |= ~std::uint64_t{0} << shift;
      return static_cast<std::int64_t>(value);
    }
    good_ = false;
    return 0;
  }

  // A pointer in one of the encodings DW_EH_PE_...; those that lead through
  // memory are not needed for code.
  std::uint64_t take_pointer(std::uint8_t encoding, std::uint64_t data) noexcept
  {
    const std::uint64_t place = at_;
    std::uint64_t value = 0;
    switch (encoding & 0x0f) {
      case 0x00:  // absptr
      case 0x04:  // udata8
      case 0x0c:  // sdata8
        value = take<std::uint64_t>();
        break;
      case 0x01:
        value = take_unsigned();
        break;
      case 0x02:
        value = take<std::uint16_t>();
        break;
      case 0x03:
        value = take<std::uint32_t>();
        break;
      case 0x09:
        value = static_cast<std::uint64_t>(take_signed());
        break;
      case 0x0a:
        value = static_cast<std::uint64_t>(
            static_cast<std::int64_t>(take<std::int16_t>()));
        break;
      case 0x0b:
        value = static_cast<std::uint64_t>(
            static_cast<std::int64_t>(take<std::int32_t>()));
        break;
      default:
        good_ = false;
    }
    switch (encoding & 0x70) {
      case 0x00:
        break;
      case 0x10:  // pcrel
        value += place;
        break;
      case 0x30:  // datarel
        value += data;
        break;
      default:
        good_ = false;
    }
    return value;
  }

 private:
  // A few bytes at a time are wanted, and each question costs.
  bool fetch(void* into, std::size_t size) noexcept
  {
    if (at_ - window_begin_ > window_size_ ||
        window_size_ - (at_ - window_begin_) < size) {
      window_begin_ = at_;
      window_size_ = std::min<std::uint64_t>(sizeof window_, end_ - at_);
      if (!memory_.read(memory_.self, at_, window_, window_size_)) {
        window_size_ = 0;
        return memory_.read(memory_.self, at_, into, size);
      }
    }
    std::memcpy(into, window_ + (at_ - window_begin_), size);
    return true;
  }

  std::uint64_t at_;
  std::uint64_t end_;
  const stack_memory& memory_;
  bool good_ = true;
  std::uint64_t window_begin_ = 0;
  std::uint64_t window_size_ = 0;
  std::uint8_t window_[64] = {};
};

// --- Finding the description of a place in code ------------------------------

struct frame_description {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // of the code
  std::uint64_t instructions = 0;
  std::uint64_t instructions_end = 0;
  std::uint64_t initial = 0;  // those of the CIE
  std::uint64_t initial_end = 0;
  std::uint64_t code_factor = 0;
  std::int64_t data_factor = 0;
};

constexpr std::uint64_t no_end = ~std::uint64_t{0};

// The binary search table of .eh_frame_hdr: pairs of offsets from its
// beginning, code and description.  0: none that begins below or at `place`.
std::uint64_t find_description(std::uint64_t header, std::uint64_t place,
                               const stack_memory& memory)
{
  constexpr std::uint8_t offsets_of_four_bytes = 0x3b;  // datarel | sdata4
  table_reader reader(header, no_end, memory);
  const auto version = reader.take<std::uint8_t>();
  const auto frame_encoding = reader.take<std::uint8_t>();
  const auto count_encoding = reader.take<std::uint8_t>();
  const auto table_encoding = reader.take<std::uint8_t>();
  (void)reader.take_pointer(frame_encoding, header);
  const std::uint64_t count = reader.take_pointer(count_encoding, header);
  if (!reader.good() || version != 1 || table_encoding != offsets_of_four_bytes)
    return 0;
  struct entry {
    std::int32_t code;
    std::int32_t description;
  };
  const std::uint64_t table = reader.at();
  const auto offset = static_cast<std::int64_t>(place - header);
  std::uint64_t low = 0;
  std::uint64_t high = count;
  entry found{};
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    entry each;
    if (!memory.load(table + middle * sizeof each, each))
      return 0;
    if (each.code <= offset) {
      found = each;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low != 0 ? header + static_cast<std::uint64_t>(
                                 static_cast<std::int64_t>(found.description))
                  : 0;
}

// A CIE, at `place`; the pointer encoding of its descriptions.
bool read_common(std::uint64_t place, const stack_memory& memory,
                 frame_description& into, std::uint8_t& encoding,
                 bool& augmented)
{
  table_reader head(place, no_end, memory);
  const auto length = head.take<std::uint32_t>();
  if (!head.good() || length == 0 || length == 0xffffffff)
    return false;
  table_reader reader(head.at(), head.at() + length, memory);
  const auto id = reader.take<std::uint32_t>();
  const auto version = reader.take<std::uint8_t>();
  char augmentation[8];
  std::size_t letters = 0;
  while (letters < sizeof augmentation &&
         (augmentation[letters] = reader.take<char>()) != '\0')
    ++letters;
  if (!reader.good() || id != 0 || (version != 1 && version != 3) ||
      letters == sizeof augmentation)
    return false;
  into.code_factor = reader.take_unsigned();
  into.data_factor = reader.take_signed();
  const std::uint64_t return_address =
      version == 1 ? reader.take<std::uint8_t>() : reader.take_unsigned();
  if (return_address != dwarf_rip)
    return false;
  encoding = 0;
  augmented = augmentation[0] == 'z';
  std::uint64_t instructions = reader.at();
  if (augmented) {
    const std::uint64_t size = reader.take_unsigned();
    instructions = reader.at() + size;
    for (std::size_t i = 1; i < letters; ++i)
      if (augmentation[i] == 'R')
        encoding = reader.take<std::uint8_t>();
      else if (augmentation[i] == 'P')
        (void)reader.take_pointer(reader.take<std::uint8_t>() & 0x7f, 0);
      else if (augmentation[i] == 'L')
        reader.skip(1);
      else if (augmentation[i] != 'S' && augmentation[i] != 'B')
        return false;
  } else if (letters != 0) {
    return false;
  }
  into.initial = instructions;
  into.initial_end = head.at() + length;
  return reader.good();
}

// An FDE.
bool read_description(std::uint64_t place, const stack_memory& memory,
                      frame_description& into)
{
  table_reader head(place, no_end, memory);
  const auto length = head.take<std::uint32_t>();
  if (!head.good() || length == 0 || length == 0xffffffff)
    return false;
  table_reader reader(head.at(), head.at() + length, memory);
  const std::uint64_t own = reader.at();
  const auto back = reader.take<std::uint32_t>();
  std::uint8_t encoding = 0;
  bool augmented = false;
  if (!reader.good() || back == 0 ||
      !read_common(own - back, memory, into, encoding, augmented))
    return false;
  into.begin = reader.take_pointer(encoding, 0);
  into.end = into.begin + reader.take_pointer(encoding & 0x0f, 0);
  if (augmented)
    reader.skip(reader.take_unsigned());
  into.instructions = reader.at();
  into.instructions_end = head.at() + length;
  return reader.good();
}

// --- Executing it ------------------------------------------------------------

struct register_rule {
  enum class kind : std::uint8_t {
    same,
    undefined,
    at_offset,      // saved at the frame's address plus `offset`
    is_offset,      // the frame's address plus `offset`
    in_register,    // in register `offset`
    at_expression,  // saved at the address that the expression gives
    is_expression,
  };
  kind how = kind::same;
  std::int64_t offset = 0;  // or where the expression begins
  std::uint64_t size = 0;   // of the expression
};

struct frame_row {
  std::uint8_t cfa_register = dwarf_rsp;
  bool cfa_is_expression = false;
  std::int64_t cfa_offset = 0;
  std::uint64_t cfa_size = 0;
  register_rule rules[dwarf_count];
};

class row_machine {
 public:
  row_machine(const frame_description& about, const stack_memory& memory)
      : about_(about), memory_(memory)
  {
  }

  // The row for `place`; false: the description cannot be followed.
  bool run(std::uint64_t place)
  {
    if (!execute(about_.initial, about_.initial_end, no_end))
      return false;
    first_ = row_;
    location_ = about_.begin;
    return execute(about_.instructions, about_.instructions_end, place);
  }
  const frame_row& row() const { return row_; }

 private:
  using kind = register_rule::kind;
  static constexpr std::size_t most_remembered = 4;

  void set(std::uint64_t number, kind how, std::int64_t offset,
           std::uint64_t size = 0)
  {
    if (number < dwarf_count)
      row_.rules[number] = {how, offset, size};
  }

  bool execute(std::uint64_t begin, std::uint64_t end, std::uint64_t place)
  {
    table_reader code(begin, end, memory_);
    while (!code.ended()) {
      const auto operation = code.take<std::uint8_t>();
      const std::uint8_t low = operation & 0x3f;
      switch (operation >> 6) {
        case 1:  // DW_CFA_advance_loc
          if (advance(low, place))
            return code.good();
          continue;
        case 2:  // DW_CFA_offset
          set(low, kind::at_offset, factored(code.take_unsigned()));
          continue;
        case 3:  // DW_CFA_restore
          if (low < dwarf_count)
            row_.rules[low] = first_.rules[low];
          continue;
        default:
          break;
      }
      if (operation >= 0x02 && operation <= 0x04) {
        const std::uint64_t by = operation == 0x02 ? code.take<std::uint8_t>()
                                 : operation == 0x03
                                     ? code.take<std::uint16_t>()
                                     : code.take<std::uint32_t>();
        if (advance(by, place))
          return code.good();
        continue;
      }
      if (!extended(operation, code))
        return false;
    }
    return code.good();
  }

  // True: the row is that of the place.
  bool advance(std::uint64_t by, std::uint64_t place)
  {
    location_ += by * about_.code_factor;
    return location_ > place;
  }
  std::int64_t factored(std::uint64_t value) const
  {
    return static_cast<std::int64_t>(value) * about_.data_factor;
  }

  void set_to_expression(std::uint64_t number, kind how, table_reader& code)
  {
    const std::uint64_t size = code.take_unsigned();
    set(number, how, static_cast<std::int64_t>(code.at()), size);
    code.skip(size);
  }

  bool extended(std::uint8_t operation, table_reader& code)
  {
    std::uint64_t number = 0;
    switch (operation) {
      case 0x00:  // DW_CFA_nop
        return true;
      case 0x05:  // DW_CFA_offset_extended
        number = code.take_unsigned();
        set(number, kind::at_offset, factored(code.take_unsigned()));
        return true;
      case 0x06:  // DW_CFA_restore_extended
        number = code.take_unsigned();
        if (number < dwarf_count)
          row_.rules[number] = first_.rules[number];
        return true;
      case 0x07:  // DW_CFA_undefined
        set(code.take_unsigned(), kind::undefined, 0);
        return true;
      case 0x08:  // DW_CFA_same_value
        set(code.take_unsigned(), kind::same, 0);
        return true;
      case 0x09:  // DW_CFA_register
        number = code.take_unsigned();
        set(number, kind::in_register,
            static_cast<std::int64_t>(code.take_unsigned()));
        return true;
      case 0x0a:  // DW_CFA_remember_state
        if (remembered_ == most_remembered)
          return false;
        stack_[remembered_++] = row_;
        return true;
      case 0x0b:  // DW_CFA_restore_state
        if (remembered_ == 0)
          return false;
        row_ = stack_[--remembered_];
        return true;
      case 0x0c:  // DW_CFA_def_cfa
        number = code.take_unsigned();
        return set_cfa(number, static_cast<std::int64_t>(code.take_unsigned()));
      case 0x0d:  // DW_CFA_def_cfa_register
        return set_cfa(code.take_unsigned(), row_.cfa_offset);
      case 0x0e:  // DW_CFA_def_cfa_offset
        row_.cfa_offset = static_cast<std::int64_t>(code.take_unsigned());
        return true;
      case 0x0f:  // DW_CFA_def_cfa_expression
        row_.cfa_is_expression = true;
        row_.cfa_size = code.take_unsigned();
        row_.cfa_offset = static_cast<std::int64_t>(code.at());
        code.skip(row_.cfa_size);
        return true;
      case 0x10:  // DW_CFA_expression
        number = code.take_unsigned();
        set_to_expression(number, kind::at_expression, code);
        return true;
      case 0x11:  // DW_CFA_offset_extended_sf
        number = code.take_unsigned();
        set(number, kind::at_offset, code.take_signed() * about_.data_factor);
        return true;
      case 0x12:  // DW_CFA_def_cfa_sf
        number = code.take_unsigned();
        return set_cfa(number, code.take_signed() * about_.data_factor);
      case 0x13:  // DW_CFA_def_cfa_offset_sf
        row_.cfa_offset = code.take_signed() * about_.data_factor;
        return true;
      case 0x14:  // DW_CFA_val_offset
        number = code.take_unsigned();
        set(number, kind::is_offset, factored(code.take_unsigned()));
        return true;
      case 0x16:  // DW_CFA_val_expression
        number = code.take_unsigned();
        set_to_expression(number, kind::is_expression, code);
        return true;
      case 0x2e:  // DW_CFA_GNU_args_size
        (void)code.take_unsigned();
        return true;
      default:
        return false;
    }
  }

  bool set_cfa(std::uint64_t number, std::int64_t offset)
  {
    row_.cfa_is_expression = false;
    row_.cfa_register = static_cast<std::uint8_t>(number);
    row_.cfa_offset = offset;
    return number < dwarf_count;
  }

  const frame_description& about_;
  const stack_memory& memory_;
  std::uint64_t location_ = 0;
  frame_row row_;
  frame_row first_;
  frame_row stack_[most_remembered];
  std::size_t remembered_ = 0;
};

// A DWARF expression (DWARF 5, section 2.5), of what compilers and linkers
// write for frames.
bool evaluate(std::uint64_t begin, std::uint64_t size, bool has_first,
              std::uint64_t first, const frame_registers& registers,
              const stack_memory& memory, std::uint64_t& result)
{
  constexpr std::size_t depth = 16;
  std::uint64_t stack[depth];
  std::size_t count = 0;
  if (has_first)
    stack[count++] = first;
  table_reader code(begin, begin + size, memory);
  while (!code.ended()) {
    const auto operation = code.take<std::uint8_t>();
    std::uint64_t value = 0;
    if (operation >= 0x30 && operation <= 0x4f) {  // DW_OP_lit0...
      value = operation - 0x30u;
    } else if (operation >= 0x70 && operation <= 0x8f) {  // DW_OP_breg0...
      const unsigned number = operation - 0x70u;
      if (number >= dwarf_count || !registers.has(number))
        return false;
      value = registers.value[number] +
              static_cast<std::uint64_t>(code.take_signed());
    } else {
      switch (operation) {
        case 0x08:  // DW_OP_const1u
          value = code.take<std::uint8_t>();
          break;
        case 0x09:  // DW_OP_const1s
          value = static_cast<std::uint64_t>(
              static_cast<std::int64_t>(code.take<std::int8_t>()));
          break;
        case 0x0a:  // DW_OP_const2u
          value = code.take<std::uint16_t>();
          break;
        case 0x0c:  // DW_OP_const4u
          value = code.take<std::uint32_t>();
          break;
        case 0x0e:  // DW_OP_const8u
          value = code.take<std::uint64_t>();
          break;
        case 0x10:  // DW_OP_constu
          value = code.take_unsigned();
          break;
        case 0x11:  // DW_OP_consts
          value = static_cast<std::uint64_t>(code.take_signed());
          break;
        case 0x12:  // DW_OP_dup
          if (count == 0)
            return false;
          value = stack[count - 1];
          break;
        case 0x06:  // DW_OP_deref
          if (count == 0 || !memory.load(stack[count - 1], value))
            return false;
          --count;
          break;
        case 0x23:  // DW_OP_plus_uconst
          if (count == 0)
            return false;
          value = stack[--count] + code.take_unsigned();
          break;
        default: {
          if (count < 2)
            return false;
          const std::uint64_t right = stack[--count];
          const std::uint64_t left = stack[--count];
          const auto s_left = static_cast<std::int64_t>(left);
          const auto s_right = static_cast<std::int64_t>(right);
          switch (operation) {
            case 0x1a:  // DW_OP_and
              value = left & right;
              break;
            case 0x1c:  // DW_OP_minus
              value = left - right;
              break;
            case 0x1e:  // DW_OP_mul
              value = left * right;
              break;
            case 0x21:  // DW_OP_or
              value = left | right;
              break;
            case 0x22:  // DW_OP_plus
              value = left + right;
              break;
            case 0x24:  // DW_OP_shl
              value = right < 64 ? left << right : 0;
              break;
            case 0x25:  // DW_OP_shr
              value = right < 64 ? left >> right : 0;
              break;
            case 0x29:  // DW_OP_eq
              value = left == right;
              break;
            case 0x2a:  // DW_OP_ge
              value = s_left >= s_right;
              break;
            case 0x2b:  // DW_OP_gt
              value = s_left > s_right;
              break;
            case 0x2c:  // DW_OP_le
              value = s_left <= s_right;
              break;
            case 0x2d:  // DW_OP_lt
              value = s_left < s_right;
              break;
            case 0x2e:  // DW_OP_ne
              value = left != right;
              break;
            default:
              return false;
          }
        }
      }
    }
    if (!code.good() || count == depth)
      return false;
    stack[count++] = value;
  }
  if (!code.good() || count == 0)
    return false;
  result = stack[count - 1];
  return true;
}

// --- Walking -----------------------------------------------------------------

class walk {
 public:
  walk(const frame_registers& from, std::span<const unwind_table> tables,
       const stack_memory& memory)
      : registers_(from), tables_(tables), memory_(memory)
  {
  }

  bool lands_in(std::uint64_t begin, std::uint64_t end)
  {
    constexpr int most_steps = 64;
    interrupted_ = false;
    for (int i = 0; i < most_steps && stack_pointer() < end; ++i) {
      if (!step() || found_.count != 0)
        return false;
      if (const std::uint64_t slot = stack_pointer() - 8;
          slot >= begin && slot < end)
        return true;
    }
    return false;
  }

  walked_frames run()
  {
    constexpr int most_frames = 4096;
    found_.parts[0] = {stack_pointer(), stack_pointer()};
    found_.count = 1;
    for (int i = 0; i < most_frames && step(); ++i)
      found_.parts[found_.count - 1].end = stack_pointer();
    return found_;
  }

 private:
  using kind = register_rule::kind;

  std::uint64_t stack_pointer() const { return registers_.value[dwarf_rsp]; }

  // False: there is no further frame, or none is known.
  bool step()
  {
    const std::uint64_t here = registers_.value[dwarf_rip];
    if (returns_from_signal(here))
      return leave_signal(stack_pointer());
    // After a call that never returns another function may begin.
    const std::uint64_t place = interrupted_ ? here : here - 1;
    const unwind_table* const table = find_table(place);
    if (table == nullptr)
      return false;
    interrupted_ = false;
    if (table->header == 0)
      return step_without_table();
    frame_description about;
    if (!describe(*table, place, about))
      return place != here && describe(*table, here, about) &&
             about.begin == here && finish(stack_pointer());
    // No call returns to the beginning of a function, unless that follows a
    // call which never returns: the program has made this frame, makecontext(3)
    // for example, and it is the first one of its stack.
    if (place != here && about.end == here && !is_return_address(here, memory_))
      return finish(stack_pointer());
    row_machine machine(about, memory_);
    return machine.run(place) && apply(machine.row());
  }

  bool describe(const unwind_table& table, std::uint64_t place,
                frame_description& into) const
  {
    const std::uint64_t description =
        find_description(table.header, place, memory_);
    return description != 0 && read_description(description, memory_, into) &&
           place - into.begin < into.end - into.begin;
  }

  const unwind_table* find_table(std::uint64_t place) const
  {
    for (const unwind_table& each : tables_)
      if (place - each.begin < each.end - each.begin)
        return &each;
    return nullptr;
  }

  bool apply(const frame_row& row)
  {
    std::uint64_t cfa = 0;
    if (row.cfa_is_expression) {
      if (!evaluate(static_cast<std::uint64_t>(row.cfa_offset), row.cfa_size,
                    false, 0, registers_, memory_, cfa))
        return false;
    } else {
      if (!registers_.has(row.cfa_register))
        return false;
      cfa = registers_.value[row.cfa_register] +
            static_cast<std::uint64_t>(row.cfa_offset);
    }
    const register_rule& return_rule = row.rules[dwarf_rip];
    if (return_rule.how == kind::undefined)
      return finish(std::max(cfa, stack_pointer()));
    // Frames lie one above the other.
    if (cfa <= stack_pointer() || cfa % 8 != 0)
      return false;
    frame_registers above;
    above.set(dwarf_rsp, cfa);
    for (unsigned number = 0; number < dwarf_count; ++number) {
      std::uint64_t value = 0;
      if (number != dwarf_rsp && restore(row.rules[number], number, cfa, value))
        above.set(number, value);
    }
    if (!above.has(dwarf_rip))
      return false;
    called_from_ = above.value[dwarf_rip];
    if (called_from_ == 0)
      return finish(cfa);
    registers_ = above;
    return true;
  }

  bool restore(const register_rule& rule, unsigned number, std::uint64_t cfa,
               std::uint64_t& value) const
  {
    const std::uint64_t place = cfa + static_cast<std::uint64_t>(rule.offset);
    switch (rule.how) {
      case kind::same:
        value = registers_.value[number];
        return number != dwarf_rip && registers_.has(number);
      case kind::undefined:
        return false;
      case kind::at_offset:
        return memory_.load(place, value);
      case kind::is_offset:
        value = place;
        return true;
      case kind::in_register:
        value = registers_.value[rule.offset % dwarf_count];
        return registers_.has(static_cast<unsigned>(rule.offset) % dwarf_count);
      case kind::at_expression:
        return evaluate(static_cast<std::uint64_t>(rule.offset), rule.size,
                        true, cfa, registers_, memory_, value) &&
               memory_.load(value, value);
      case kind::is_expression:
        return evaluate(static_cast<std::uint64_t>(rule.offset), rule.size,
                        true, cfa, registers_, memory_, value);
    }
    return false;
  }

  // `end`: after the last frame.
  bool finish(std::uint64_t end)
  {
    if (found_.count != 0)
      found_.parts[found_.count - 1].end = end;
    found_.complete = true;
    found_.ends_thread = ends_thread(
        called_from_ != 0 ? called_from_ : registers_.value[dwarf_rip]);
    return false;
  }

  // Code that soon makes the call exit(2), as clone(2) and its kin are followed
  // by in the C libraries:
  //   b8 3c 00 00 00    mov $60, %eax
  //   b0 3c             mov $60, %al
  //   0f 05             syscall
  bool ends_thread(std::uint64_t place) const
  {
    std::uint8_t code[16];
    if (!memory_.load(place, code))
      return false;
    bool is_exit = false;
    for (std::size_t i = 0; i + 1 < sizeof code; ++i) {
      is_exit = is_exit || (code[i] == 0xb8 && code[i + 1] == 0x3c) ||
                (code[i] == 0xb0 && code[i + 1] == 0x3c);
      if (code[i] == 0x0f && code[i + 1] == 0x05)
        return is_exit;
    }
    return false;
  }

  bool returns_from_signal(std::uint64_t place) const
  {
    std::uint8_t code[sizeof signal_return_code];
    return memory_.load(place, code) &&
           std::memcmp(code, signal_return_code, sizeof code) == 0;
  }

  // The frame of a signal handler has been left: `context` is the struct
  // ucontext.
  bool leave_signal(std::uint64_t context)
  {
    static constexpr std::uint8_t order[signal_register_count] = {
        8,         9,         10,        11,        12,        13,
        14,        15,        dwarf_rdi, dwarf_rsi, dwarf_rbp, dwarf_rbx,
        dwarf_rdx, dwarf_rax, dwarf_rcx, dwarf_rsp, dwarf_rip};
    std::uint64_t saved[signal_register_count + signal_frame_words];
    if (!memory_.load(context + signal_registers_offset, saved) ||
        !is_signal_frame(saved[signal_register_count],
                         saved[signal_register_count + 1]) ||
        found_.count == 0 || found_.count == walked_frames::most_parts ||
        !HP_COUNTERMEASURE(follow_signal_frames))
      return false;
    found_.parts[found_.count - 1].end =
        context + signal_registers_offset + sizeof saved;
    registers_ = {};
    for (std::size_t i = 0; i < signal_register_count; ++i)
      registers_.set(order[i], saved[i]);
    found_.parts[found_.count++] = {stack_pointer(), stack_pointer()};
    interrupted_ = true;
    called_from_ = 0;
    return true;
  }

  // In an image without tables the next return address above is taken for the
  // frame's; where there is none, it is the last frame.
  bool step_without_table()
  {
    constexpr std::uint64_t most = 64 * 1024;
    const std::uint64_t first = (stack_pointer() + 7) & ~std::uint64_t{7};
    for (std::uint64_t at = first; at < first + most;) {
      const memory_words words =
          memory_.words(memory_.self, at, first + most, false);
      if (words.unreadable)
        break;
      if (words.count == 0) {
        at = (at / page_size + 1) * page_size;
        continue;
      }
      for (std::size_t i = 0; i < words.count; ++i)
        if (const std::uint64_t word = words.first[i];
            is_return_address(word, memory_)) {
          registers_.set(dwarf_rsp, at + 8 * (i + 1));
          registers_.set(dwarf_rip, word);
          called_from_ = word;
          return true;
        }
      at += 8 * words.count;
    }
    return finish(stack_pointer());
  }

  frame_registers registers_;
  const std::span<const unwind_table> tables_;
  const stack_memory& memory_;
  walked_frames found_;
  bool interrupted_ = true;  // the place is an instruction, no return address
  std::uint64_t called_from_ = 0;
};

// The length of "ff /2", call r/m64, by its second and third byte: Intel SDM
// volume 2, 2.1.5, tables 2-2 and 2-3.  0: another instruction.
std::ptrdiff_t indirect_call_length(std::uint8_t modrm, std::uint8_t sib)
{
  if ((modrm & 0x38) != 0x10)
    return 0;
  const int mod = modrm >> 6;
  const int rm = modrm & 7;
  if (mod == 3)
    return 2;
  const bool has_sib = rm == 4;
  const int base = has_sib ? sib & 7 : rm;
  const int displacement = mod == 1 ? 1 : mod == 2 || base == 5 ? 4 : 0;
  return 2 + has_sib + displacement;
}

}  // namespace

bool may_end_in_call(const std::uint8_t* bytes, std::size_t count) noexcept
{
  const std::uint8_t* const end = bytes + count;
  const auto size = static_cast<std::ptrdiff_t>(count);
  if (size >= 5 && end[-5] == 0xe8)  // call rel32
    return true;
  for (std::ptrdiff_t length = 2; length <= 7 && length <= size; ++length)
    if (end[-length] == 0xff &&
        indirect_call_length(end[1 - length],
                             length > 2 ? end[2 - length] : 0) == length)
      return true;
  return false;
}

bool is_return_address(std::uint64_t word, const stack_memory& memory) noexcept
{
  std::uint8_t before[8];
  return word >> 47 == 0 && word > page_size &&
         memory.region_at(word).executable &&
         memory.load(word - sizeof before, before) &&
         may_end_in_call(before, sizeof before);
}

bool may_be_returned_to(std::uint64_t word,
                        std::span<const unwind_table> tables,
                        const stack_memory& memory) noexcept
{
  for (const unwind_table& each : tables) {
    if (word - each.begin >= each.end - each.begin)
      continue;
    if (is_return_address(word, memory))
      return true;
    const std::uint64_t description =
        each.header != 0 ? find_description(each.header, word, memory) : 0;
    frame_description about;
    return description != 0 && read_description(description, memory, about) &&
           about.begin == word;
  }
  return is_return_address(word, memory);
}

bool has_caller_in(const frame_registers& from, std::uint64_t begin,
                   std::uint64_t end, std::span<const unwind_table> tables,
                   const stack_memory& memory) noexcept
{
  return walk(from, tables, memory).lands_in(begin, end);
}

walked_frames walk_frames(const frame_registers& from,
                          std::span<const unwind_table> tables,
                          const stack_memory& memory) noexcept
{
  return walk(from, tables, memory).run();
}

}  // namespace hotpatch
