// Asking Zydis.
// SPDX-License-Identifier: MIT
#include "unprepared/instruction.h"

#include <cstring>

#include <Zydis/Zydis.h>

namespace hotpatch::unprepared {

namespace {

// Made for each call: a static one would need a guard of the C++ runtime.
ZydisDecoder make_decoder()
{
  ZydisDecoder made;
  ZydisDecoderInit(&made, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  return made;
}

bool is_short_only(ZydisMnemonic mnemonic)
{
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
    case ZYDIS_MNEMONIC_JRCXZ:
    case ZYDIS_MNEMONIC_JECXZ:
    case ZYDIS_MNEMONIC_JCXZ:
      return true;
    default:
      return false;
  }
}

bool ends(ZydisMnemonic mnemonic)
{
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_RET:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_INT3:
      return true;
    default:
      return false;
  }
}

flow flow_of(const ZydisDecodedInstruction& one)
{
  const bool relative = one.raw.imm[0].is_relative != 0;
  if (one.mnemonic == ZYDIS_MNEMONIC_JMP)
    return relative ? flow::jump : flow::computed_jump;
  if (one.mnemonic == ZYDIS_MNEMONIC_CALL)
    return relative ? flow::call : flow::computed_call;
  if (relative)
    return flow::branch;
  return ends(one.mnemonic) ? flow::end : flow::next;
}

// Number and class of a register; 32 and more: none of those that count.
unsigned bit_of(ZydisRegister name)
{
  constexpr unsigned not_counted = 32;
  const ZydisRegister whole =
      ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
  const ZyanI8 number = ZydisRegisterGetId(whole);
  if (number < 0 || number > 15)
    return not_counted;
  switch (ZydisRegisterGetClass(whole)) {
    case ZYDIS_REGCLASS_GPR64:
      return static_cast<unsigned>(number);
    case ZYDIS_REGCLASS_XMM:
    case ZYDIS_REGCLASS_YMM:
    case ZYDIS_REGCLASS_ZMM:
      return 16 + static_cast<unsigned>(number);
    default:
      return not_counted;
  }
}

std::uint32_t mask_of(ZydisRegister name)
{
  const unsigned bit = name == ZYDIS_REGISTER_NONE ? 32 : bit_of(name);
  return bit < 32 ? std::uint32_t{1} << bit : 0;
}

// What is equal to itself gives the same result whatever it is.
bool forgets_its_operands(const ZydisDecodedInstruction& one,
                          const ZydisDecodedOperand* operands)
{
  switch (one.mnemonic) {
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_PXOR:
    case ZYDIS_MNEMONIC_XORPS:
    case ZYDIS_MNEMONIC_XORPD:
    case ZYDIS_MNEMONIC_VPXOR:
    case ZYDIS_MNEMONIC_VXORPS:
    case ZYDIS_MNEMONIC_VXORPD:
    case ZYDIS_MNEMONIC_PCMPEQB:
    case ZYDIS_MNEMONIC_PCMPEQD:
      break;
    default:
      return false;
  }
  const unsigned last = one.operand_count_visible - 1u;
  return last >= 1 && operands[last].type == ZYDIS_OPERAND_TYPE_REGISTER &&
         operands[last - 1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
         operands[last].reg.value == operands[last - 1].reg.value;
}

// A register that a push saves, or that only keeps the stack aligned.
bool only_saves(const ZydisDecodedInstruction& one)
{
  return one.mnemonic == ZYDIS_MNEMONIC_PUSH ||
         one.mnemonic == ZYDIS_MNEMONIC_NOP;
}

void note_operand(const ZydisDecodedOperand& operand, bool ignores_reads,
                  register_use& into)
{
  if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) {
    const std::uint32_t base = mask_of(operand.mem.base);
    if (!ignores_reads)
      into.reads |= base | mask_of(operand.mem.index);
    constexpr std::uint32_t stack_or_frame = 1u << 4 | 1u << 5;
    if ((operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 &&
        (base & stack_or_frame) != 0)
      into.stores_to_stack = true;
    return;
  }
  if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER)
    return;
  const std::uint32_t mask = mask_of(operand.reg.value);
  if ((operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0 && !ignores_reads)
    into.reads |= mask;
  // What reads a register after a write of eight bits reads these.
  if ((operand.actions & ZYDIS_OPERAND_ACTION_WRITE) != 0)
    into.writes |= mask;
}

}  // namespace

namespace {

void describe(const ZydisDecodedInstruction& one, std::uint64_t address,
              instruction& into)
{
  into = {};
  into.length = one.length;
  into.way = flow_of(one);
  into.returns = one.mnemonic == ZYDIS_MNEMONIC_RET;
  // NOPs of several bytes are the mnemonic NOP with operands.
  into.is_nop = one.mnemonic == ZYDIS_MNEMONIC_NOP;
  into.is_int3 = one.mnemonic == ZYDIS_MNEMONIC_INT3;
  into.is_endbr64 = one.mnemonic == ZYDIS_MNEMONIC_ENDBR64;
  into.is_lea = one.mnemonic == ZYDIS_MNEMONIC_LEA;
  into.is_xbegin = one.mnemonic == ZYDIS_MNEMONIC_XBEGIN;
  into.only_short = is_short_only(one.mnemonic);
  const std::uint64_t next = address + one.length;
  if (one.raw.imm[0].is_relative) {
    into.relative_at = one.raw.imm[0].offset;
    into.relative_size = one.raw.imm[0].size / 8;
    into.target = next + static_cast<std::uint64_t>(one.raw.imm[0].value.s);
    into.condition = one.opcode & 0x0f;
  }
  const bool has_modrm = (one.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0;
  if (has_modrm && one.raw.modrm.mod == 0 && one.raw.modrm.rm == 5) {
    into.displacement_at = one.raw.disp.offset;
    into.operand = next + static_cast<std::uint64_t>(one.raw.disp.value);
  }
  if (into.way == flow::computed_jump && has_modrm && one.raw.modrm.mod == 3)
    into.jump_register = static_cast<std::uint8_t>(
        one.raw.modrm.rm | (one.raw.rex.B != 0 ? 8 : 0));
}

void describe_registers(const ZydisDecodedInstruction& one,
                        const ZydisDecodedOperand* operands, register_use& into)
{
  into = {};
  const bool ignores_reads =
      forgets_its_operands(one, operands) || only_saves(one);
  for (unsigned i = 0; i < one.operand_count; ++i)
    note_operand(operands[i], ignores_reads, into);
  const bool sums =
      one.mnemonic == ZYDIS_MNEMONIC_ADD || one.mnemonic == ZYDIS_MNEMONIC_SUB;
  const bool leas = one.mnemonic == ZYDIS_MNEMONIC_LEA &&
                    operands[1].mem.index != ZYDIS_REGISTER_NONE;
  into.is_add = sums || leas;
}

}  // namespace

bool decode(const std::uint8_t* bytes, std::size_t size, std::uint64_t address,
            instruction& into) noexcept
{
  const ZydisDecoder decoder = make_decoder();
  ZydisDecoderContext context;
  ZydisDecodedInstruction one;
  if (ZYAN_FAILED(
          ZydisDecoderDecodeInstruction(&decoder, &context, bytes, size, &one)))
    return false;
  describe(one, address, into);
  return true;
}

bool decode(const std::uint8_t* bytes, std::size_t size, std::uint64_t address,
            instruction& into, register_use& use) noexcept
{
  const ZydisDecoder decoder = make_decoder();
  ZydisDecodedInstruction one;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  if (ZYAN_FAILED(
          ZydisDecoderDecodeFull(&decoder, bytes, size, &one, operands)))
    return false;
  describe(one, address, into);
  describe_registers(one, operands, use);
  return true;
}

}  // namespace hotpatch::unprepared
