/* atomic.h - every atomic operation of the project goes through here.
 *
 * One place, so that a test build can put a scheduler under it that explores
 * the interleavings of the real code: RS_ATOMIC_EXPLORE names a header that
 * defines RS_ATOMIC_POINT(address, kind), which runs before each operation.
 * Operations name their order; whoever calls says which operation theirs pairs
 * with.
 *
 * There are no stand-alone fences: ThreadSanitizer does not understand them.
 * Where the order of a store and a later load of another variable matters, both
 * sides use a read-modify-write on one variable instead, whose total order then
 * decides (src/sync/table.c has the cases).
 */
#ifndef RASTRO_ATOMIC_H
#define RASTRO_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum rs_atomic_kind { RS_ATOMIC_LOAD, RS_ATOMIC_STORE, RS_ATOMIC_RMW };

#ifdef RS_ATOMIC_EXPLORE
#include RS_ATOMIC_EXPLORE
#else
#define RS_ATOMIC_POINT(address, kind) ((void)0)
#endif

#define RS_ATOMIC_INLINE static inline __attribute__((always_inline))

typedef struct {
    _Atomic bool v;
} rs_atomic_bool;

typedef struct {
    _Atomic uint8_t v;
} rs_atomic_u8;

typedef struct {
    _Atomic uint32_t v;
} rs_atomic_u32;

typedef struct {
    _Atomic uint64_t v;
} rs_atomic_u64;

typedef struct {
    void *_Atomic v;
} rs_atomic_ptr;

/* ---- loads and stores --------------------------------------------------------------- */

#define RS_ATOMIC_LOAD_STORE(name, type)                                       \
    RS_ATOMIC_INLINE type rs_load_relaxed_##name(const rs_atomic_##name *a)    \
    {                                                                          \
        RS_ATOMIC_POINT(a, RS_ATOMIC_LOAD);                                    \
        return atomic_load_explicit(&a->v, memory_order_relaxed);              \
    }                                                                          \
    RS_ATOMIC_INLINE type rs_load_acquire_##name(const rs_atomic_##name *a)    \
    {                                                                          \
        RS_ATOMIC_POINT(a, RS_ATOMIC_LOAD);                                    \
        return atomic_load_explicit(&a->v, memory_order_acquire);              \
    }                                                                          \
    RS_ATOMIC_INLINE void rs_store_relaxed_##name(rs_atomic_##name *a, type v) \
    {                                                                          \
        RS_ATOMIC_POINT(a, RS_ATOMIC_STORE);                                   \
        atomic_store_explicit(&a->v, v, memory_order_relaxed);                 \
    }                                                                          \
    RS_ATOMIC_INLINE void rs_store_release_##name(rs_atomic_##name *a, type v) \
    {                                                                          \
        RS_ATOMIC_POINT(a, RS_ATOMIC_STORE);                                   \
        atomic_store_explicit(&a->v, v, memory_order_release);                 \
    }

RS_ATOMIC_LOAD_STORE(bool, bool)
RS_ATOMIC_LOAD_STORE(u8, uint8_t)
RS_ATOMIC_LOAD_STORE(u32, uint32_t)
RS_ATOMIC_LOAD_STORE(u64, uint64_t)
RS_ATOMIC_LOAD_STORE(ptr, void *)

/* ---- read-modify-writes: they return what was there before --------------------------- */

/* A compare-and-swap leaves in `expected` what it found; it acquires either way. */
#define RS_ATOMIC_SWAP(name, type)                                                               \
    RS_ATOMIC_INLINE bool rs_cas_acq_rel_##name(rs_atomic_##name *a, type *expected, type v)     \
    {                                                                                            \
        RS_ATOMIC_POINT(a, RS_ATOMIC_RMW);                                                       \
        return atomic_compare_exchange_strong_explicit(&a->v, expected, v, memory_order_acq_rel, \
                                                       memory_order_acquire);                    \
    }                                                                                            \
    RS_ATOMIC_INLINE type rs_exchange_acq_rel_##name(rs_atomic_##name *a, type v)                \
    {                                                                                            \
        RS_ATOMIC_POINT(a, RS_ATOMIC_RMW);                                                       \
        return atomic_exchange_explicit(&a->v, v, memory_order_acq_rel);                         \
    }

#define RS_ATOMIC_ARITHMETIC(name, type)                                     \
    RS_ATOMIC_INLINE type rs_add_relaxed_##name(rs_atomic_##name *a, type v) \
    {                                                                        \
        RS_ATOMIC_POINT(a, RS_ATOMIC_RMW);                                   \
        return atomic_fetch_add_explicit(&a->v, v, memory_order_relaxed);    \
    }                                                                        \
    RS_ATOMIC_INLINE type rs_add_acq_rel_##name(rs_atomic_##name *a, type v) \
    {                                                                        \
        RS_ATOMIC_POINT(a, RS_ATOMIC_RMW);                                   \
        return atomic_fetch_add_explicit(&a->v, v, memory_order_acq_rel);    \
    }                                                                        \
    RS_ATOMIC_INLINE type rs_or_acq_rel_##name(rs_atomic_##name *a, type v)  \
    {                                                                        \
        RS_ATOMIC_POINT(a, RS_ATOMIC_RMW);                                   \
        return atomic_fetch_or_explicit(&a->v, v, memory_order_acq_rel);     \
    }

RS_ATOMIC_SWAP(u64, uint64_t)
RS_ATOMIC_SWAP(ptr, void *)
RS_ATOMIC_ARITHMETIC(u32, uint32_t)
RS_ATOMIC_ARITHMETIC(u64, uint64_t)

#undef RS_ATOMIC_LOAD_STORE
#undef RS_ATOMIC_SWAP
#undef RS_ATOMIC_ARITHMETIC

#endif
