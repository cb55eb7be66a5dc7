/* prefetch.h - asks for memory that is read soon.
 *
 * gcc takes a function that does nothing but __builtin_prefetch for one without
 * effect, and drops its calls without a word.  The empty asm is an effect.
 */
#ifndef RASTRO_PREFETCH_H
#define RASTRO_PREFETCH_H

#include <stddef.h>

#define RS_CACHE_LINE 64

/* One cache line; any address will do, NULL too. */
static inline void rs_prefetch(const void *p)
{
    __builtin_prefetch(p);
    __asm__ volatile("");
}

/* The same of memory that is written soon. */
static inline void rs_prefetch_to_write(const void *p)
{
    __builtin_prefetch(p, 1);
    __asm__ volatile("");
}

/* All lines of an object; `n` > 0. */
static inline void rs_prefetch_all(const void *p, size_t n)
{
    const char *last = (const char *)p + n - 1;
    for (const char *line = p; line < last; line += RS_CACHE_LINE) rs_prefetch(line);
    rs_prefetch(last);
}

#endif
