/* atomic.h - every atomic operation of the project goes through here.
 *
 * One place, so that a test build can put a scheduler under it that explores
 * the interleavings of the real code.  Operations name their order; whoever
 * calls says which operation theirs pairs with.
 */
#ifndef RASTRO_ATOMIC_H
#define RASTRO_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    _Atomic bool v;
} rs_atomic_bool;

typedef struct {
    _Atomic uint64_t v;
} rs_atomic_u64;

static inline bool rs_load_acquire_bool(const rs_atomic_bool *a)
{
    return atomic_load_explicit(&a->v, memory_order_acquire);
}
static inline void rs_store_release_bool(rs_atomic_bool *a, bool v)
{
    atomic_store_explicit(&a->v, v, memory_order_release);
}

static inline uint64_t rs_load_relaxed_u64(const rs_atomic_u64 *a)
{
    return atomic_load_explicit(&a->v, memory_order_relaxed);
}
static inline void rs_store_relaxed_u64(rs_atomic_u64 *a, uint64_t v)
{
    atomic_store_explicit(&a->v, v, memory_order_relaxed);
}
static inline void rs_add_relaxed_u64(rs_atomic_u64 *a, uint64_t v)
{
    atomic_fetch_add_explicit(&a->v, v, memory_order_relaxed);
}

#endif
