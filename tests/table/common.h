/* common.h - what the programs of this folder share. */
#ifndef RASTRO_TABLE_COMMON_H
#define RASTRO_TABLE_COMMON_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rastro/table.h"

/* RASTRO_SEED, or one of its own; printed, so that it can be run again. */
static inline uint64_t common_seed(const char *program)
{
    const char *text = getenv("RASTRO_SEED");
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)t.tv_sec * 1000000007u + (uint64_t)t.tv_nsec;
    printf("%s: RASTRO_SEED=0x%" PRIx64 "\n", program, seed);
    fflush(stdout);
    return seed;
}

/* splitmix64 */
static inline uint64_t common_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
static inline uint32_t common_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)((common_next(state) >> 32) * n >> 32);
}

static inline double common_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The tag of the n-th fact: nobody needs chance here. */
static inline uint64_t common_tag(unsigned n)
{
    uint64_t state = n;
    return RS_TABLE_TAG(common_next(&state)) | 16;
}

static inline int common_by_first(const struct rs_table_head *a, const struct rs_table_head *b, void *self)
{
    (void)self;
    return a->word[0] < b->word[0] ? -1 : a->word[0] > b->word[0];
}

static const uint8_t common_secret[32] = "thirty-two bytes, known to all ";

#endif
