// From GIMPLE to hashes.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/body_hash.h"

#include "plugin/cxx.h"
#include "plugin/names.h"
#include "plugin/options.h"

#include "format/baseline.h"

namespace hotpatch {

namespace {

using format::running_hash;

std::map<unsigned, body_hash> hashes;
std::unordered_map<tree, bool> pointed_to;  // types
std::map<unsigned, static_use> statics;     // of functions, by DECL_UID
// The code that initialises static variables, by DECL_UID of their guards.
struct initialiser {
  std::uint64_t sum = 0;
  std::vector<unsigned> numbered;  // functions, as in a body_hash
};
std::map<unsigned, initialiser> guarded;

constexpr int masked_lines = 40;
constexpr int deepest = 2000;  // expressions within expressions

std::string type_name(tree type)
{
  tree name = TYPE_NAME(TYPE_MAIN_VARIANT(type));
  if (name && TREE_CODE(name) == TYPE_DECL)
    name = DECL_NAME(name);
  if (!name || TREE_CODE(name) != IDENTIFIER_NODE)
    return "";
  // The C++ front end numbers types without a name ("._anon_93").
  const char* text = IDENTIFIER_POINTER(name);
  return ISALPHA(*text) || *text == '_' ||
                 static_cast<unsigned char>(*text) >= 0x80
             ? text
             : "";
}

bool is_static_of_function(tree decl)
{
  const tree context = DECL_CONTEXT(decl);
  return VAR_P(decl) && context && TREE_CODE(context) == FUNCTION_DECL &&
         !DECL_EXTERNAL(decl) && !DECL_ARTIFICIAL(decl);
}

bool is_literal(tree decl)
{
  return is_c() && VAR_P(decl) && !TREE_PUBLIC(decl) && DECL_NAME(decl) &&
         strncmp(IDENTIFIER_POINTER(DECL_NAME(decl)), "__compound_literal.",
                 19) == 0;
}

using literal_names = std::map<tree, std::string>;

struct literals_of_variable {
  std::string variable;
  unsigned so_far;
  literal_names& names;
};

tree note_literal(tree* at, int*, void* data)
{
  auto& of = *static_cast<literals_of_variable*>(data);
  if (!VAR_P(*at) || !is_literal(*at))
    return NULL_TREE;
  const auto [name, is_new] = of.names.try_emplace(
      *at, of.variable + "::literal." + std::to_string(of.so_far));
  if (is_new) {
    ++of.so_far;
    walk_tree(&DECL_INITIAL(*at), note_literal, data, nullptr);
  }
  return NULL_TREE;
}

literal_names name_literals()
{
  literal_names names;
  varpool_node* node;
  FOR_EACH_VARIABLE(node)
  if (!is_literal(node->decl)) {
    literals_of_variable of = {assembler_name(node->decl), 0, names};
    walk_tree(&DECL_INITIAL(node->decl), note_literal, &of, nullptr);
  }
  return names;
}

bool is_guard(const std::string& symbol)
{
  return symbol.compare(0, 4, "_ZGV") == 0;
}

void number_statics(tree block, std::map<tree, unsigned>& of_name,
                    std::map<tree, unsigned>& into)
{
  for (tree each = BLOCK_VARS(block); each; each = DECL_CHAIN(each))
    if (VAR_P(each) && is_static_of_function(each) && DECL_NAME(each))
      into[each] = of_name[DECL_NAME(each)]++;
  for (tree each = BLOCK_SUBBLOCKS(block); each; each = BLOCK_CHAIN(each))
    number_statics(each, of_name, into);
}

// Which of those that have its name in the function, in the order of the
// source.
unsigned number_of_static(tree decl)
{
  static tree last;
  static std::map<tree, unsigned> numbers;
  const tree function = DECL_CONTEXT(decl);
  if (function != last) {
    last = function;
    numbers.clear();
    std::map<tree, unsigned> of_name;
    if (const tree block = DECL_INITIAL(function);
        block && TREE_CODE(block) == BLOCK)
      number_statics(block, of_name, numbers);
  }
  return numbers[decl];
}

std::uint64_t scramble(std::uint64_t value)
{
  running_hash hash;
  hash.add(value);
  return hash.value();
}

// The lines of a file that have these characters.
std::set<int> lines_with(const char* word, const char* path)
{
  std::set<int> lines;
  std::ifstream file(path);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.find(word) != line.npos)
      lines.insert(number);
  }
  return lines;
}

// GCC keeps track of the macros that come from other macros.
const std::set<int>& lines_with_line_macro()
{
  static std::set<int> lines;
  static unsigned seen = 0;
  for (; seen < LINEMAPS_MACRO_USED(line_table); ++seen) {
    const line_map_macro* const map = LINEMAPS_MACRO_MAP_AT(line_table, seen);
    if (strcmp(linemap_map_get_macro_name(map), "__LINE__") != 0)
      continue;
    const location_t place = linemap_resolve_location(
        line_table, map->expansion, LRK_MACRO_EXPANSION_POINT, nullptr);
    lines.insert(expand_location(place).line);
  }
  return lines;
}

// Whether __LINE__ stands in this line, by itself or in what a macro means.
bool has_line_macro(const char* path, int line)
{
  static std::map<std::string, std::set<int>> files;
  if (lines_with_line_macro().count(line))
    return true;
  if (!path)
    return false;
  const auto [at, is_new] = files.try_emplace(path);
  if (is_new)
    at->second = lines_with("__LINE__", path);
  return at->second.count(line) != 0;
}

// Adds everything that decides about code to hashes, in a canonical order.
class canonical_walk {
 public:
  explicit canonical_walk(int line = 0, const char* file = nullptr)
      : line_(line), file_(file)
  {
  }

  void number(std::uint64_t value)
  {
    strict_.add(value);
    masked_.add(value);
    piece_.add(value);
  }

  void text(const char* bytes, std::size_t size)
  {
    strict_.add(bytes, size);
    masked_.add(bytes, size);
    piece_.add(bytes, size);
  }

  void text(const std::string& of) { text(of.data(), of.size()); }

  void type(tree of, bool by_value = true);
  void operand(tree of);
  void sequence(gimple_seq statements);
  void local(tree decl);

  // Appends the character of what was added since the last call.
  void end_piece()
  {
    statements_ += format::hash_digits[piece_.value() >> 20 & 63];
    lines_.push_back(line_);
    const std::uint64_t piece = scramble(piece_.value());
    for (const tree each : in_piece_)
      statics[DECL_UID(each)].uses += piece;
    in_piece_.clear();
    for (std::uint64_t& each : scopes_)
      each += piece;
    for (const guarded_code& each : guarded_)
      guarded[DECL_UID(each.guard)].sum += piece;
    piece_ = {};
  }

  body_hash result(std::uint64_t prototype) &&
  {
    return {strict_.value(),        masked_.value(),   prototype,
            std::move(statements_), std::move(lines_), std::move(numbered_)};
  }
  std::uint64_t masked() const { return masked_.value(); }
  value_hash value() const { return {strict_.value(), masked_.value()}; }

 private:
  void set_place(location_t place)
  {
    const expanded_location at = expand_location(place);
    line_ = at.line;
    file_ = at.file;
  }
  void members(tree type);
  void named(tree type, bool by_value);
  void size_of(tree type);
  void constant(tree of);
  void symbol(tree decl);
  void function(tree decl);
  void variable(tree decl);
  void field(tree decl);
  void constructor(tree of);
  void expression(tree of);
  void statement(gimple* of);
  void parallel(gimple* of);
  void caught(tree types);
  void simple(gimple* of);
  void labels(gswitch* of);
  void assembly(gasm* of);
  void bind(gbind* of);
  void follow_guard(gimple* of);

  running_hash strict_;
  running_hash masked_;
  running_hash piece_;  // of one statement, by names of locals
  std::string statements_;
  std::vector<unsigned> lines_;
  std::map<tree, unsigned> locals_;
  std::vector<unsigned> numbered_;
  std::set<tree> statics_;             // whose initial values have been added
  std::set<tree> in_piece_;            // static variables of functions
  std::vector<std::uint64_t> scopes_;  // sums of the statements in open ones
  // What is skipped once a static variable is initialised, to the label.
  struct guarded_code {
    tree guard;
    tree end;
  };
  std::vector<guarded_code> guarded_;
  tree guard_ = NULL_TREE;  // was asked, and nothing was decided yet
  int line_;
  const char* file_;
  int depth_ = 0;
  bool is_own_address_ = false;  // the type is of that of a local variable
  bool of_member_ = false;       // the next expression is what a member is of
};

// --- Types -------------------------------------------------------------------

void canonical_walk::size_of(tree type)
{
  if (TYPE_SIZE(type) && TREE_CODE(TYPE_SIZE(type)) == INTEGER_CST)
    number(TREE_INT_CST_LOW(TYPE_SIZE(type)));
  number(TYPE_ALIGN(type));
}

void canonical_walk::members(tree type)
{
  for (tree each = TYPE_FIELDS(type); each; each = DECL_CHAIN(each))
    if (TREE_CODE(each) == FIELD_DECL) {
      field(each);
      this->type(TREE_TYPE(each));
    }
}

// What members a named type has is seen where one is used, by name and place.
// Where a value is held or copied its size counts.
void canonical_walk::named(tree type, bool by_value)
{
  const std::string name = type_name(type);
  text(name);
  number(TYPE_REVERSE_STORAGE_ORDER(type));
  if (name.empty())
    members(type);
  if (by_value)
    size_of(type);
}

tree type_of_elements(tree type)
{
  while (TREE_CODE(type) == ARRAY_TYPE)
    type = TREE_TYPE(type);
  return TYPE_MAIN_VARIANT(type);
}

void canonical_walk::type(tree of, bool by_value)
{
  if (!of) {
    number(0);
    return;
  }
  if (++depth_ > deepest) {
    --depth_;
    return;
  }
  number(TREE_CODE(of));
  number(TYPE_QUALS(of));
  switch (TREE_CODE(of)) {
    case BOOLEAN_TYPE:
    case INTEGER_TYPE:
    case ENUMERAL_TYPE:
    case REAL_TYPE:
    case FIXED_POINT_TYPE:
      number(TYPE_UNSIGNED(of));
      number(TYPE_PRECISION(of));
      break;
    case POINTER_TYPE:
    case REFERENCE_TYPE:
      if (!is_own_address_)
        pointed_to[type_of_elements(TREE_TYPE(of))] = true;
      type(TREE_TYPE(of), false);
      break;
    case ARRAY_TYPE:
      if (const tree domain = TYPE_DOMAIN(of))
        if (const tree last = TYPE_MAX_VALUE(domain))
          number(TREE_CODE(last) == INTEGER_CST ? TREE_INT_CST_LOW(last) : 1);
      type(TREE_TYPE(of), by_value);
      break;
    case RECORD_TYPE:
    case UNION_TYPE:
    case QUAL_UNION_TYPE:
      named(of, by_value);
      break;
    case FUNCTION_TYPE:
    case METHOD_TYPE:
      type(TREE_TYPE(of), false);
      for (tree each = TYPE_ARG_TYPES(of); each; each = TREE_CHAIN(each))
        type(TREE_VALUE(each), false);
      number(flags_from_decl_or_type(of));
      for (tree each = TYPE_ATTRIBUTES(of); each; each = TREE_CHAIN(each))
        text(IDENTIFIER_POINTER(get_attribute_name(each)));
      break;
    case VECTOR_TYPE:
    case COMPLEX_TYPE:
      size_of(of);
      type(TREE_TYPE(of));
      break;
    case OFFSET_TYPE:
      type(TYPE_OFFSET_BASETYPE(of), false);
      type(TREE_TYPE(of), false);
      break;
    default:
      if (COMPLETE_TYPE_P(of))
        size_of(of);
      break;
  }
  --depth_;
}

// --- Declarations ------------------------------------------------------------

// The number is that of the first appearance.  In a piece the name counts, so
// that one more local does not change all statements after it.
void canonical_walk::local(tree decl)
{
  const auto [at, is_new] =
      locals_.try_emplace(decl, static_cast<unsigned>(locals_.size()));
  strict_.add(at->second);
  masked_.add(at->second);
  if (DECL_P(decl) && DECL_NAME(decl)) {
    // GCC numbers temporary ones ("count.3").
    const char* const name = IDENTIFIER_POINTER(DECL_NAME(decl));
    piece_.add(name, DECL_ARTIFICIAL(decl)
                         ? strcspn(name, ".")
                         : IDENTIFIER_LENGTH(DECL_NAME(decl)));
  }
  if (!is_new)
    return;
  type(TREE_TYPE(decl));
  if (!DECL_P(decl) || TREE_CODE(decl) == LABEL_DECL)
    return;
  number(DECL_USER_ALIGN(decl) ? DECL_ALIGN(decl) : 0);
  number(TREE_THIS_VOLATILE(decl));
  number(TREE_ADDRESSABLE(decl));
  if (VAR_P(decl) && DECL_HARD_REGISTER(decl))
    text(IDENTIFIER_POINTER(DECL_ASSEMBLER_NAME(decl)));
}

// Where a name is that of another thing if it is static, or no more.
void canonical_walk::symbol(tree decl)
{
  number(TREE_PUBLIC(decl));
  const std::string literal = literal_name(decl);
  const std::string name = literal.empty() ? assembler_name(decl) : literal;
  if (name.compare(0, 3, "_ZG") == 0) {
    // Made for a static variable of a function, and numbered as that is.
    if (is_guard(name) && !guarded.count(DECL_UID(decl)))
      guard_ = decl;
    strict_.add(name.data(), name.size());
    masked_.add(name.data(), name.size());
    piece_.add(name.data(), name.find_last_not_of("_0123456789") + 1);
    return;
  }
  if (!is_named_by_number(name)) {
    text(name);
    return;
  }
  text(name_without_numbers(name));
  numbered_.push_back(DECL_UID(decl));
  for (const guarded_code& each : guarded_)
    guarded[DECL_UID(each.guard)].numbered.push_back(DECL_UID(decl));
}

// With its type: what has its address must be seen to change with it.
void canonical_walk::function(tree decl)
{
  symbol(decl);
  type(TREE_TYPE(decl), false);
  number(flags_from_decl_or_type(decl) &
         (ECF_CONST | ECF_PURE | ECF_NORETURN | ECF_RETURNS_TWICE | ECF_MALLOC |
          ECF_LEAF));
}

void canonical_walk::variable(tree decl)
{
  if (is_plain_content(decl)) {
    type(TREE_TYPE(decl));
    operand(DECL_INITIAL(decl));
    return;
  }
  if (!is_global_var(decl)) {
    if (DECL_HAS_VALUE_EXPR_P(decl))
      operand(DECL_VALUE_EXPR(decl));
    else
      local(decl);
    return;
  }
  // GCC numbers those of a function when it needs their names.
  if (is_static_of_function(decl)) {
    symbol(DECL_CONTEXT(decl));
    text(DECL_NAME(decl) ? IDENTIFIER_POINTER(DECL_NAME(decl)) : "");
    const unsigned which = number_of_static(decl);
    strict_.add(which);
    masked_.add(which);
    in_piece_.insert(decl);
    // In this walk: a table of labels has those of the function.
    if (DECL_INITIAL(decl) != error_mark_node && statics_.insert(decl).second)
      operand(DECL_INITIAL(decl));
  } else {
    symbol(decl);
  }
  type(TREE_TYPE(decl));
  number(DECL_THREAD_LOCAL_P(decl));
  number(TREE_THIS_VOLATILE(decl));
}

void canonical_walk::field(tree decl)
{
  text(DECL_NAME(decl) ? IDENTIFIER_POINTER(DECL_NAME(decl)) : "");
  if (DECL_FIELD_OFFSET(decl) &&
      TREE_CODE(DECL_FIELD_OFFSET(decl)) == INTEGER_CST)
    number(static_cast<std::uint64_t>(int_bit_position(decl)));
  if (DECL_SIZE(decl) && TREE_CODE(DECL_SIZE(decl)) == INTEGER_CST)
    number(TREE_INT_CST_LOW(DECL_SIZE(decl)));
  number(TREE_THIS_VOLATILE(decl));
}

// --- Expressions -------------------------------------------------------------

void canonical_walk::constant(tree of)
{
  type(TREE_TYPE(of));
  running_hash value;
  for (int i = 0; i < TREE_INT_CST_EXT_NUNITS(of); ++i)
    value.add(static_cast<std::uint64_t>(TREE_INT_CST_ELT(of, i)));
  const HOST_WIDE_INT distance =
      line_ > 1 && tree_fits_shwi_p(of) ? tree_to_shwi(of) - line_ : -1;
  strict_.add(value.value());
  if (distance >= 0 && distance <= masked_lines &&
      has_line_macro(file_, static_cast<int>(tree_to_shwi(of)))) {
    masked_.add(static_cast<std::uint64_t>(distance));
    piece_.add(static_cast<std::uint64_t>(distance));
  } else {
    masked_.add(value.value());
    piece_.add(value.value());
  }
}

void canonical_walk::constructor(tree of)
{
  type(TREE_TYPE(of));
  number(TREE_CLOBBER_P(of));
  tree index;
  tree value;
  unsigned i;
  FOR_EACH_CONSTRUCTOR_ELT(CONSTRUCTOR_ELTS(of), i, index, value)
  {
    operand(index);
    operand(value);
  }
}

bool is_address_of_local(tree of)
{
  if (TREE_CODE(of) != ADDR_EXPR)
    return false;
  const tree base = get_base_address(TREE_OPERAND(of, 0));
  return base && VAR_P(base) && !is_global_var(base);
}

void canonical_walk::expression(tree of)
{
  const int line = line_;
  if (EXPR_HAS_LOCATION(of))
    set_place(EXPR_LOCATION(of));
  // Of a structure that a member is taken from, only the member counts.
  const bool is_base = of_member_;
  of_member_ = false;
  is_own_address_ = is_address_of_local(of);
  type(TREE_TYPE(of), !is_base);
  is_own_address_ = false;
  number(TREE_THIS_VOLATILE(of));
  if (TREE_CODE(of) == CALL_EXPR && !CALL_EXPR_FN(of))
    number(CALL_EXPR_IFN(of));
  for (int i = 0; i < TREE_OPERAND_LENGTH(of); ++i) {
    const tree each = TREE_OPERAND(of, i);
    of_member_ =
        i == 0 && TREE_CODE(of) == COMPONENT_REF && TREE_CODE(each) == MEM_REF;
    operand(each);
  }
  line_ = line;
}

// What a clause says beyond its operands: the operation of a reduction, the
// kind of a schedule; 0 for most.
unsigned clause_kind(tree clause)
{
  unsigned kind = 0;
  static_assert(sizeof kind <= sizeof clause->omp_clause.subcode);
  memcpy(&kind, &clause->omp_clause.subcode, sizeof kind);
  return kind;
}

void canonical_walk::operand(tree of)
{
  if (!of) {
    number(0);
    return;
  }
  if (TYPE_P(of)) {
    type(of);
    return;
  }
  if (++depth_ > deepest) {
    --depth_;
    return;
  }
  if (TREE_CODE(of) != INTEGER_CST)
    number(TREE_CODE(of));
  switch (TREE_CODE(of)) {
    case INTEGER_CST:
      constant(of);
      break;
    case REAL_CST: {
      const REAL_VALUE_TYPE& value = TREE_REAL_CST(of);
      type(TREE_TYPE(of));
      number(value.cl | value.decimal << 2 | value.sign << 3 |
             value.signalling << 4 | value.canonical << 5);
      number(value.uexp);
      for (const unsigned long part : value.sig)
        number(part);
      break;
    }
    case STRING_CST:
      type(TREE_TYPE(of));
      text(TREE_STRING_POINTER(of),
           static_cast<std::size_t>(TREE_STRING_LENGTH(of)));
      break;
    case COMPLEX_CST:
      operand(TREE_REALPART(of));
      operand(TREE_IMAGPART(of));
      break;
    case VECTOR_CST:
      type(TREE_TYPE(of));
      number(VECTOR_CST_NPATTERNS(of));
      number(VECTOR_CST_NELTS_PER_PATTERN(of));
      for (unsigned i = 0; i < vector_cst_encoded_nelts(of); ++i)
        operand(VECTOR_CST_ENCODED_ELT(of, i));
      break;
    case CONST_DECL:
      operand(DECL_INITIAL(of));
      break;
    case IDENTIFIER_NODE:
      text(IDENTIFIER_POINTER(of));
      break;
    case FIELD_DECL:
      field(of);
      break;
    case FUNCTION_DECL:
      function(of);
      break;
    case VAR_DECL:
      variable(of);
      break;
    case SSA_NAME:
    case PARM_DECL:
    case RESULT_DECL:
    case LABEL_DECL:
      local(of);
      break;
    case CONSTRUCTOR:
      constructor(of);
      break;
    case TREE_LIST:
      for (tree each = of; each; each = TREE_CHAIN(each)) {
        operand(TREE_PURPOSE(each));
        operand(TREE_VALUE(each));
      }
      break;
    case TREE_VEC:
      for (int i = 0; i < TREE_VEC_LENGTH(of); ++i)
        operand(TREE_VEC_ELT(of, i));
      break;
    case OMP_CLAUSE:
      number(OMP_CLAUSE_CODE(of));
      number(clause_kind(of));
      for (unsigned i = 0; i < omp_clause_num_ops[OMP_CLAUSE_CODE(of)]; ++i)
        operand(OMP_CLAUSE_OPERAND(of, i));
      operand(OMP_CLAUSE_CHAIN(of));
      break;
    default:
      if (EXPR_P(of))
        expression(of);
      break;
  }
  --depth_;
}

// --- Statements --------------------------------------------------------------

void canonical_walk::sequence(gimple_seq statements)
{
  for (gimple_stmt_iterator at = gsi_start(statements); !gsi_end_p(at);
       gsi_next(&at))
    statement(gsi_stmt(at));
}

void canonical_walk::labels(gswitch* of)
{
  operand(gimple_switch_index(of));
  const int line = line_;
  line_ = 0;  // the values are no lines
  for (unsigned i = 0; i < gimple_switch_num_labels(of); ++i) {
    const tree label = gimple_switch_label(of, i);
    operand(CASE_LOW(label));
    operand(CASE_HIGH(label));
    operand(CASE_LABEL(label));
  }
  line_ = line;
}

void canonical_walk::assembly(gasm* of)
{
  text(gimple_asm_string(of));
  number(gimple_asm_volatile_p(of));
  for (unsigned i = 0; i < gimple_asm_noutputs(of); ++i)
    operand(gimple_asm_output_op(of, i));
  for (unsigned i = 0; i < gimple_asm_ninputs(of); ++i)
    operand(gimple_asm_input_op(of, i));
  for (unsigned i = 0; i < gimple_asm_nclobbers(of); ++i)
    operand(gimple_asm_clobber_op(of, i));
  for (unsigned i = 0; i < gimple_asm_nlabels(of); ++i)
    operand(gimple_asm_label_op(of, i));
}

void canonical_walk::simple(gimple* of)
{
  switch (gimple_code(of)) {
    case GIMPLE_SWITCH:
      labels(as_a<gswitch*>(of));
      return;
    case GIMPLE_ASM:
      assembly(as_a<gasm*>(of));
      return;
    case GIMPLE_PREDICT:
      number(gimple_predict_predictor(of));
      number(gimple_predict_outcome(of));
      return;
    case GIMPLE_CALL:
      if (gimple_call_internal_p(of))
        number(gimple_call_internal_fn(of));
      else
        type(gimple_call_fntype(of), false);
      number(gimple_call_tail_p(as_a<gcall*>(of)) |
             gimple_call_must_tail_p(as_a<gcall*>(of)) << 1);
      break;
    case GIMPLE_ASSIGN:
      number(gimple_assign_rhs_code(of));
      break;
    case GIMPLE_COND:
      number(gimple_cond_code(of));
      break;
    default:
      break;
  }
  number(gimple_has_volatile_ops(of));
  for (unsigned i = 0; i < gimple_num_ops(of); ++i)
    operand(gimple_op(of, i));
}

// GCC's own walk knows the operands of each statement of OpenMP.
tree add_operand(tree* at, int* walk_subtrees, void* data)
{
  *walk_subtrees = 0;
  const auto* const info = static_cast<walk_stmt_info*>(data);
  static_cast<canonical_walk*>(info->info)->operand(*at);
  return NULL_TREE;
}

bool has_body(const gimple* of)
{
  switch (gimple_code(of)) {
    case GIMPLE_OMP_ATOMIC_LOAD:
    case GIMPLE_OMP_ATOMIC_STORE:
    case GIMPLE_OMP_CONTINUE:
    case GIMPLE_OMP_RETURN:
    case GIMPLE_OMP_SECTIONS_SWITCH:
      return false;
    default:
      return true;
  }
}

void canonical_walk::parallel(gimple* of)
{
  walk_stmt_info info = {};
  info.info = this;
  walk_gimple_op(of, add_operand, &info);
  number(gimple_omp_subcode(of));
  end_piece();
  if (gimple_code(of) == GIMPLE_OMP_FOR) {
    number(static_cast<std::uint64_t>(gimple_omp_for_kind(of)));
    for (unsigned i = 0; i < gimple_omp_for_collapse(of); ++i)
      number(gimple_omp_for_cond(of, i));
    sequence(gimple_omp_for_pre_body(of));
  }
  if (has_body(of))
    sequence(gimple_omp_body(of));
}

// Types that are told apart by their descriptions, so by name.
void canonical_walk::caught(tree types)
{
  if (types && TREE_CODE(types) == TREE_LIST) {
    for (tree each = types; each; each = TREE_CHAIN(each))
      caught(TREE_VALUE(each));
    return;
  }
  operand(types);
  if (types && TYPE_P(types))
    text(mangle_cxx_type(types));
}

void canonical_walk::bind(gbind* of)
{
  scopes_.push_back(0);
  sequence(gimple_bind_body(of));
  for (tree each = gimple_bind_vars(of); each; each = DECL_CHAIN(each))
    if (VAR_P(each) && is_static_of_function(each))
      statics[DECL_UID(each)].scope = scopes_.back();
  scopes_.pop_back();
}

// "if (guard == 0) goto first; else goto end;"
void canonical_walk::follow_guard(gimple* of)
{
  if (const gcond* const condition = dyn_cast<gcond*>(of);
      condition && guard_) {
    guarded[DECL_UID(guard_)] = {};
    guarded_.push_back({guard_, gimple_cond_false_label(condition)});
    guard_ = NULL_TREE;
  }
  if (const glabel* const label = dyn_cast<glabel*>(of))
    guarded_.erase(std::remove_if(guarded_.begin(), guarded_.end(),
                                  [label](const guarded_code& each) {
                                    return each.end ==
                                           gimple_label_label(label);
                                  }),
                   guarded_.end());
}

void canonical_walk::statement(gimple* of)
{
  if (is_gimple_debug(of) || gimple_code(of) == GIMPLE_NOP)
    return;
  follow_guard(of);
  piece_ = {};
  line_ =
      gimple_has_location(of) ? expand_location(gimple_location(of)).line : 0;
  number(gimple_code(of));
  switch (gimple_code(of)) {
    case GIMPLE_BIND:
      bind(as_a<gbind*>(of));
      break;
    case GIMPLE_TRY:
      number(gimple_try_kind(of));
      sequence(gimple_try_eval(of));
      number(GIMPLE_TRY);
      sequence(gimple_try_cleanup(of));
      break;
    case GIMPLE_CATCH:
      caught(gimple_catch_types(as_a<gcatch*>(of)));
      sequence(gimple_catch_handler(as_a<gcatch*>(of)));
      break;
    case GIMPLE_EH_FILTER:
      caught(gimple_eh_filter_types(of));
      sequence(gimple_eh_filter_failure(of));
      break;
    case GIMPLE_EH_MUST_NOT_THROW:
      operand(gimple_eh_must_not_throw_fndecl(as_a<geh_mnt*>(of)));
      break;
    case GIMPLE_EH_ELSE:
      sequence(gimple_eh_else_n_body(as_a<geh_else*>(of)));
      number(GIMPLE_EH_ELSE);
      sequence(gimple_eh_else_e_body(as_a<geh_else*>(of)));
      break;
    case GIMPLE_WITH_CLEANUP_EXPR:
      sequence(gimple_wce_cleanup(of));
      break;
    case GIMPLE_TRANSACTION:
      sequence(gimple_transaction_body(as_a<gtransaction*>(of)));
      break;
    default:
      if (is_gimple_omp(of)) {
        parallel(of);
      } else {
        simple(of);
        end_piece();
      }
      break;
  }
  number(static_cast<unsigned>(gimple_code(of)) + 0x100);
}

// --- Functions ---------------------------------------------------------------

// What our own parts and GCC add, and what has an effect of its own.
bool is_of_interest(tree attribute)
{
  const char* name = IDENTIFIER_POINTER(get_attribute_name(attribute));
  return !strchr(name, ' ') && strcmp(name, "used") != 0 &&
         strcmp(name, "noipa") != 0 && strcmp(name, "no_icf") != 0 &&
         strncmp(name, "hotpatch", 8) != 0;
}

void add_attributes(canonical_walk& walk, tree decl)
{
  for (tree each = DECL_ATTRIBUTES(decl); each; each = TREE_CHAIN(each))
    if (is_of_interest(each)) {
      walk.text(IDENTIFIER_POINTER(get_attribute_name(each)));
      walk.operand(TREE_VALUE(each));
    }
}

std::uint64_t prototype_hash(tree decl)
{
  canonical_walk walk;
  walk.type(TREE_TYPE(decl), false);
  return walk.masked();
}

const pass_data hash_pass_data = {
    GIMPLE_PASS, "hotpatch_hash", OPTGROUP_NONE, TV_NONE, 0, 0, 0, 0, 0};

class hash_pass final : public gimple_opt_pass {
 public:
  explicit hash_pass(gcc::context* context)
      : gimple_opt_pass(hash_pass_data, context)
  {
  }

  unsigned int execute(::function* fn) override
  {
    const tree decl = fn->decl;
    const gimple_seq body = gimple_body(decl);
    if (!body)  // GCC has made it of another function's, when that was lowered
      return 0;
    canonical_walk walk;
    add_attributes(walk, decl);
    for (tree each = DECL_ARGUMENTS(decl); each; each = DECL_CHAIN(each))
      walk.local(each);
    walk.sequence(body);
    hashes[DECL_UID(decl)] = std::move(walk).result(prototype_hash(decl));
    return 0;
  }
};

}  // namespace

void register_body_hashes(const char* plugin_name)
{
  static bool registered = false;
  if (registered)
    return;
  registered = true;
  register_pass_info info = {};
  info.pass = new hash_pass(g);
  info.reference_pass_name = "*warn_unused_result";
  info.ref_pass_instance_number = 1;
  info.pos_op = PASS_POS_INSERT_BEFORE;
  register_callback(plugin_name, PLUGIN_PASS_MANAGER_SETUP, NULL, &info);
}

const std::map<unsigned, body_hash>& body_hashes()
{
  return hashes;
}

namespace {

// The hash of a function and of all functions named by number that it leads to.
class numbered_content {
 public:
  // Of a constructor or destructor code calls names that stand for one body.
  numbered_content()
  {
    cgraph_node* node;
    FOR_EACH_FUNCTION(node)
    if (node->alias)
      bodies_[DECL_UID(node->decl)] =
          DECL_UID(node->ultimate_alias_target()->decl);
  }

  std::uint64_t of(unsigned id)
  {
    if (const auto body = bodies_.find(id); body != bodies_.end())
      id = body->second;
    const auto own = hashes.find(id);
    if (own == hashes.end() || !under_way_.insert(id).second)
      return 0;
    running_hash sum;
    sum.add(own->second.masked);
    for (const unsigned each : own->second.numbered)
      sum.add(of(each));
    under_way_.erase(id);
    return sum.value();
  }

 private:
  std::map<unsigned, unsigned> bodies_;
  std::set<unsigned> under_way_;  // of functions that lead to each other
};

}  // namespace

void complete_body_hashes()
{
  std::map<unsigned, std::uint64_t> contents;
  numbered_content content;
  for (const auto& [id, each] : hashes)
    if (!each.numbered.empty())
      contents[id] = content.of(id);
  for (auto& [id, each] : guarded) {
    for (const unsigned used : each.numbered)
      each.sum += content.of(used);
    each.numbered.clear();
  }
  for (const auto& [id, sum] : contents)
    for (std::uint64_t body_hash::*part :
         {&body_hash::strict, &body_hash::masked}) {
      running_hash whole;
      whole.add(hashes[id].*part);
      whole.add(sum);
      hashes[id].*part = whole.value();
    }
  for (auto& [id, each] : hashes)
    each.numbered.clear();
}

std::vector<tree> pointed_to_types()
{
  std::vector<tree> types;
  for (const auto& [type, is] : pointed_to)
    if (RECORD_OR_UNION_TYPE_P(type) && COMPLETE_TYPE_P(type))
      types.push_back(type);
  return types;
}

static_use use_of_static(tree decl)
{
  const auto found = statics.find(DECL_UID(decl));
  return found == statics.end() ? static_use() : found->second;
}

std::uint64_t type_hash_of_variable(tree decl)
{
  canonical_walk walk;
  walk.type(TREE_TYPE(decl));
  walk.number(DECL_USER_ALIGN(decl) ? DECL_ALIGN(decl) : 0);
  walk.number(DECL_THREAD_LOCAL_P(decl));
  if (const char* section = DECL_SECTION_NAME(decl))
    walk.text(section);
  return walk.masked();
}

value_hash initial_value_hash(tree decl)
{
  // Of a guard: what it guards.
  if (const auto code = guarded.find(DECL_UID(decl)); code != guarded.end())
    return {code->second.sum, code->second.sum};
  static std::set<tree> under_way;  // a value may be its variable's address
  const tree value = DECL_INITIAL(decl);
  if (!value || value == error_mark_node || !under_way.insert(decl).second)
    return {};
  canonical_walk walk(DECL_SOURCE_LINE(decl), DECL_SOURCE_FILE(decl));
  walk.operand(value);
  under_way.erase(decl);
  return walk.value();
}

bool is_plain_content(tree decl)
{
  if (!VAR_P(decl) || TREE_PUBLIC(decl) || !DECL_ARTIFICIAL(decl) ||
      !TREE_READONLY(decl) || !DECL_INITIAL(decl) ||
      DECL_INITIAL(decl) == error_mark_node)
    return false;
  // Virtual tables and descriptions of types are known by their address.
  return !DECL_NAME(decl) ||
         strncmp(IDENTIFIER_POINTER(DECL_NAME(decl)), "_ZT", 3) != 0;
}

std::string literal_name(tree decl)
{
  if (!is_literal(decl) || !current_options().with.literals)
    return "";
  static const literal_names names = name_literals();
  const auto found = names.find(decl);
  return found == names.end() ? "" : found->second;
}

// Those that destroy static objects ("__tcf_3") are numbered through the unit.
bool is_named_by_number(const std::string& symbol)
{
  if (symbol.compare(0, 6, "__tcf_") == 0)
    return true;
  return symbol.compare(0, 2, "_Z") == 0 && symbol.find("Ul") != symbol.npos &&
         demangle(symbol.c_str(), DMGL_PARAMS | DMGL_ANSI).find("{lambda(") !=
             std::string::npos;
}

std::string name_without_numbers(const std::string& symbol)
{
  if (symbol.compare(0, 6, "__tcf_") == 0)
    return "__tcf_";
  const std::string text = demangle(symbol.c_str(), DMGL_PARAMS | DMGL_ANSI);
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    result += text[at];
    if (text[at] == '#')
      while (at + 1 < text.size() && ISDIGIT(text[at + 1]))
        ++at;
  }
  return result;
}

}  // namespace hotpatch
