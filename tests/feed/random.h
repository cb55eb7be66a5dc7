/* random.h - the same numbers for the same seed, on every machine.
 *
 * A stream is started from a seed and a place (parcel, purpose), so that any
 * parcel can be made again without those before it.  All of it is inline: a
 * plan asks some hundred times, and is made anew for each of its messages.
 */
#ifndef FEED_RANDOM_H
#define FEED_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

/* A Weyl sequence whose terms are scrambled by two rounds of multiply and
 * fold; the constants are odd with about half of their bits set. */
#define DICE_STEP UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t dice_scramble(uint64_t x)
{
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

/* A well mixed 64-bit value of two numbers. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
    return dice_scramble(dice_scramble(a + DICE_STEP) ^ (b * DICE_STEP + 1));
}

static inline struct dice dice_of(uint64_t seed, uint64_t a, uint64_t b)
{
    return (struct dice){mix(mix(seed, a), b)};
}

static inline uint64_t dice_next(struct dice *dice)
{
    dice->state += DICE_STEP;
    return dice_scramble(dice->state);
}

/* Between 0 and n - 1. */
static inline uint32_t dice_below(struct dice *dice, uint32_t n)
{
    return (uint32_t)(((dice_next(dice) >> 32) * n) >> 32);
}

/* Between lo and hi, both included. */
static inline int64_t dice_between(struct dice *dice, int64_t lo, int64_t hi)
{
    uint64_t n = (uint64_t)(hi - lo) + 1;
    if (hi <= lo) return lo;
    if (n >> 32) return lo + (int64_t)(dice_next(dice) % n);
    return lo + (int64_t)dice_below(dice, (uint32_t)n);
}

/* True in that many of a hundred (a thousand) cases. */
static inline bool dice_percent(struct dice *dice, int percent)
{
    return dice_below(dice, 100) < (uint32_t)percent;
}

static inline bool dice_permille(struct dice *dice, int permille)
{
    return dice_below(dice, 1000) < (uint32_t)permille;
}

#endif
