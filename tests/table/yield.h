/* yield.h - under rastro/atomic.h in the tests with real threads: now and then
 * a thread dawdles or gives way before an atomic operation, so that on few cores too
 * others come between any two of them. */
#ifndef RASTRO_TABLE_YIELD_H
#define RASTRO_TABLE_YIELD_H

#include <sched.h>
#include <stdint.h>

extern _Thread_local uint64_t rs_yield_state; /* 0: never */
extern _Thread_local uint32_t rs_yield_one_in;

static inline __attribute__((always_inline)) void rs_yield_point(void)
{
    if (!rs_yield_state) return;
    rs_yield_state ^= rs_yield_state << 13;
    rs_yield_state ^= rs_yield_state >> 7;
    rs_yield_state ^= rs_yield_state << 17;
    if ((uint32_t)(rs_yield_state >> 32) % rs_yield_one_in) return;
    /* Mostly it only dawdles: giving way costs a slice where others compute too. */
    if ((rs_yield_state & 31) == 0) {
        sched_yield();
    } else {
        for (volatile unsigned i = (unsigned)(rs_yield_state >> 8) % 400; i; i--) continue;
    }
}

#define RS_ATOMIC_POINT(address, kind) ((void)(address), rs_yield_point())

#endif
