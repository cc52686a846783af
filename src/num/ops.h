/* Element-wise operations with broadcasting, on the pool: what tensors at the prompt compute with. Training has
 * its own kernels (kern.h).
 *
 * Shapes broadcast as numpy's: aligned at their ends, a size of 1 is repeated. Outputs are tensors that the
 * caller has made, of the shape and dtype that the functions here say, and they share no data with the inputs.
 * Work is cut into ranges of SN_CHUNK elements of the output, so bits do not depend on threads. When the pool
 * is cancelled the output is half written: the caller sees sn_pool_cancelled and drops it. Denormal numbers are
 * kept, unlike in training.
 *
 * Dtypes. Float64 where a float64 tensor takes part; else float32 where a float32 tensor or a fraction (a
 * number that is not whole by type) does, or where the operation makes fractions (/, ^, exp, ...); else int64:
 * integers of any type do not wrap around as uint8 would. Comparisons give uint8, 1 where true. Integers beside
 * floats are computed with in double and rounded once. */
#ifndef SN_NUM_OPS_H
#define SN_NUM_OPS_H

#include "base/pool.h"
#include "num/tensor.h"

typedef enum {
    SN_OP_ADD,
    SN_OP_SUB,
    SN_OP_MUL, /* int64 wraps around, as Lua's integers do */
    SN_OP_DIV, /* always gives floats */
    SN_OP_POW, /* always gives floats */
    SN_OP_MOD, /* the sign of the divisor, as in Lua */
    SN_OP_IDIV,
    SN_OP_MAXIMUM, /* nan where one is; two tensors of one dtype keep it */
    SN_OP_MINIMUM,
    SN_OP_EQ,
    SN_OP_NE,
    SN_OP_LT,
    SN_OP_LE,
    SN_OP_GT,
    SN_OP_GE,
    SN_OP_AND, /* of "not zero" */
    SN_OP_OR,
    SN_BINARY_OPS
} sn_binary_op;

typedef enum {
    SN_OP_NEG, /* neg and abs make int64 of integers */
    SN_OP_ABS,
    SN_OP_SIGN, /* sign .. round keep the dtype */
    SN_OP_RELU,
    SN_OP_FLOOR,
    SN_OP_CEIL,
    SN_OP_ROUND, /* to the nearest, ties to even */
    SN_OP_EXP,   /* exp .. sigmoid make float32 of integers */
    SN_OP_EXPM1,
    SN_OP_LOG,
    SN_OP_LOG1P,
    SN_OP_SQRT,
    SN_OP_SIN,
    SN_OP_COS,
    SN_OP_TAN,
    SN_OP_TANH,
    SN_OP_SIGMOID,
    SN_OP_ISNAN, /* isnan .. not give uint8 */
    SN_OP_ISINF,
    SN_OP_ISFINITE,
    SN_OP_NOT,
    SN_UNARY_OPS
} sn_unary_op;

/* A tensor, or a number as one of no dimensions: I64 when it is whole by type, F64 otherwise. A number does not
 * widen the result: float32 + 0.1 is float32. */
typedef struct {
    sn_tensor t;
    bool number;
} sn_operand;

/* The shape that both broadcast to; what: the operation, for the message. SN_ESHAPE: they do not fit. */
sn_status sn_broadcast(sn_shape *out, const sn_shape *a, const sn_shape *b, const char *what, sn_err *);
/* Can `from` be repeated to fill `to`? */
bool sn_broadcasts_to(const sn_shape *from, const sn_shape *to);

sn_dtype sn_binary_dtype(sn_binary_op, const sn_operand *a, const sn_operand *b);
sn_dtype sn_unary_dtype(sn_unary_op, sn_dtype);
/* The dtype that holds both: that of + for tensors of these types, or the one that they share. */
sn_dtype sn_common_dtype(sn_dtype a, sn_dtype b);

/* out = a op b. MOD and IDIV of integers: no element of b may be 0 (sn_reduce.h has SN_RED_ALL). */
void sn_binary(sn_pool *, sn_tensor *out, sn_binary_op, const sn_operand *a, const sn_operand *b);
void sn_unary(sn_pool *, sn_tensor *out, sn_unary_op, const sn_tensor *a); /* out of a's shape */
/* out = mask is not zero ? a : b, converted to out's dtype. */
void sn_where(sn_pool *, sn_tensor *out, const sn_tensor *mask, const sn_tensor *a, const sn_tensor *b);
/* out[i] = first + i * step, in double for floats; in int64 for integers, where they are `whole_` ones. */
void sn_arange(sn_pool *, sn_tensor *out, double first, double step, int64_t whole_first, int64_t whole_step);
/* Evenly spread over [0, 1), or normal of mean 0 and variance 1; element i depends on seed and i alone. */
void sn_random(sn_pool *, sn_tensor *out, uint64_t seed, bool normal);
/* out = a, repeated and converted: to integers it is rounded and kept within their range, nan becomes 0. */
void sn_assign(sn_pool *, sn_tensor *out, const sn_tensor *a);

#endif
