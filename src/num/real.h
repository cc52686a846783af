/* One source, two precisions: files that do arithmetic on `real` are compiled twice, once for float (the
 * product) and once with -DSN_F64 for double (the reference path of gradient checks). SN_R(name) gives name_f32
 * or name_f64. */
#ifndef SN_NUM_REAL_H
#define SN_NUM_REAL_H

#ifdef SN_F64
/* The compiler's switch has the name of a dtype (num/tensor.h): redefined to itself, it stays visible to #ifdef
 * and means the dtype in code. */
#    undef SN_F64
#    define SN_F64 SN_F64
typedef double real;
#    define SN_R(name)    name##_f64
#    define SN_REAL_DTYPE SN_F64
#else
typedef float real;
#    define SN_R(name)    name##_f32
#    define SN_REAL_DTYPE SN_F32
#endif

#endif
