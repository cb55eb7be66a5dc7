/* explore.h - under rastro/atomic.h in explore.c: before each atomic operation
 * another thread may go on, and its address must not be free. */
#ifndef RASTRO_TABLE_EXPLORE_H
#define RASTRO_TABLE_EXPLORE_H

#include <stdint.h>

void rs_explore_point(const volatile void *address, int kind);
void rs_explore_poison(const volatile void *p, uint64_t n);
void rs_explore_unpoison(const volatile void *p, uint64_t n);

void *rs_explore_map(uint64_t n);

#define RS_ATOMIC_POINT(address, kind) rs_explore_point(address, kind)
#define RS_TABLE_POISON(p, n) rs_explore_poison(p, n)
#define RS_TABLE_UNPOISON(p, n) rs_explore_unpoison(p, n)
/* All memory lies at the same place in each run. */
#define RS_TABLE_MAP(n) rs_explore_map(n)
#define aligned_alloc(alignment, n) rs_explore_map(n)

#endif
