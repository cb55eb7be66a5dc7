/* recent.h - the word before, and what it led to.
 *
 * Of one source's messages most name the country and the carrier that the one
 * before named.  A word is compared in full, so this never guesses; longer words
 * than RS_RECENT_MAX are not kept.
 */
#ifndef RASTRO_CORE_RECENT_H
#define RASTRO_CORE_RECENT_H

#include "rastro/str.h"
#include "rastro/unaligned.h"

#define RS_RECENT_MAX 16

/* Zeroed: nothing. */
struct rs_recent {
    const void *of; /* whose words these are: the same word of another may mean another */
    uint64_t head, tail;
    uint32_t n;
    const void *found;
};

static inline uint64_t rs_recent_tail(struct rs_str word)
{
    return word.n > 8 ? rs_get_64(word.p + word.n - 8) : 0;
}

static inline bool rs_recent_get(const struct rs_recent *recent, const void *of, struct rs_str word, const void **ret)
{
    if (word.n != recent->n || of != recent->of || !word.n) return false;
    if (rs_head_of(word.p, word.n) != recent->head || rs_recent_tail(word) != recent->tail) return false;
    *ret = recent->found;
    return true;
}

static inline void rs_recent_put(struct rs_recent *recent, const void *of, struct rs_str word, const void *found)
{
    if (!word.n || word.n > RS_RECENT_MAX) return;
    *recent = (struct rs_recent){of, rs_head_of(word.p, word.n), rs_recent_tail(word), word.n, found};
}

#endif
