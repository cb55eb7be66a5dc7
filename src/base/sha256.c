/* Two SHA-256 at a time.
 *
 * One digest is a chain: each of a block's 32 sha256rnds2 waits four cycles for
 * the one before it, while the processor could start another every second.  An
 * event has two keys, over texts that do not depend on each other, so their
 * chains are computed side by side, in little more time than the longer of them
 * takes alone.  libcrypto computes one at a time (its multi-buffer code is not
 * for callers); where there are no SHA instructions it is used instead, and the
 * tests compare the two.
 *
 * The rounds are those of FIPS 180-4, four at a time, in the arrangement that the
 * instructions want: the state as ABEF and CDGH, the schedule as four words
 * of each of four registers.
 */
#include "sha256.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define BLOCK 64
#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))

static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t start_abef[4] __attribute__((aligned(16))) = {0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667};
static const uint32_t start_cdgh[4] __attribute__((aligned(16))) = {0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372};

struct lane {
    __m128i abef, cdgh;
    __m128i word[4]; /* of the schedule, of the last sixteen rounds */
};

static inline __m128i aligned(const uint32_t *p)
{
    return *(const __m128i *)(const void *)p;
}

/* Rounds 4k to 4k + 3 of a lane, whose words are word[k % 4]; in their place come
 * those of rounds 4k + 16 to 4k + 19. */
WITH_SHA __attribute__((always_inline)) static inline void four_rounds(struct lane *lane, int k)
{
    __m128i *w = lane->word;
    __m128i sum = _mm_add_epi32(w[k % 4], aligned(&round_constants[4 * k]));
    lane->cdgh = _mm_sha256rnds2_epu32(lane->cdgh, lane->abef, sum);
    lane->abef = _mm_sha256rnds2_epu32(lane->abef, lane->cdgh, _mm_shuffle_epi32(sum, 14));
    if (k >= 12) return;
    __m128i next = _mm_sha256msg1_epu32(w[k % 4], w[(k + 1) % 4]);
    next = _mm_add_epi32(next, _mm_alignr_epi8(w[(k + 3) % 4], w[(k + 2) % 4], 4));
    w[k % 4] = _mm_sha256msg2_epu32(next, w[(k + 3) % 4]);
}

/* `n` lanes, a constant; so are the loops here, for the compiler to unroll. */
WITH_SHA __attribute__((always_inline)) static inline void step(struct lane *lane, int n, int k)
{
    for (int i = 0; i < n; i++) four_rounds(&lane[i], k);
}

/* One block of each of n lanes. */
WITH_SHA __attribute__((always_inline)) static inline void blocks(struct lane *state, const char *const *p, int n)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    struct lane lane[2];
    for (int i = 0; i < n; i++) {
        lane[i] = state[i];
        for (int k = 0; k < 4; k++) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p[i] + 16 * k));
            lane[i].word[k] = _mm_shuffle_epi8(bytes, swap);
        }
    }
    step(lane, n, 0), step(lane, n, 1), step(lane, n, 2), step(lane, n, 3);
    step(lane, n, 4), step(lane, n, 5), step(lane, n, 6), step(lane, n, 7);
    step(lane, n, 8), step(lane, n, 9), step(lane, n, 10), step(lane, n, 11);
    step(lane, n, 12), step(lane, n, 13), step(lane, n, 14), step(lane, n, 15);
    for (int i = 0; i < n; i++) {
        state[i].abef = _mm_add_epi32(state[i].abef, lane[i].abef);
        state[i].cdgh = _mm_add_epi32(state[i].cdgh, lane[i].cdgh);
    }
}

/* A text as blocks: those that are whole, where they are, and its end with what
 * FIPS 180-4 puts behind it. */
struct text {
    const char *p;
    size_t whole, count; /* blocks */
    char end[2 * BLOCK];
};

static void open_text(struct text *text, const char *p, size_t n)
{
    size_t rest = n % BLOCK;
    uint64_t bits = __builtin_bswap64((uint64_t)n * 8);
    text->p = p;
    text->whole = n / BLOCK;
    text->count = (n + 1 + sizeof bits + BLOCK - 1) / BLOCK;
    char *last = text->end + (text->count - text->whole) * BLOCK;
    memset(text->end, 0, sizeof text->end);
    if (rest) memcpy(text->end, p + n - rest, rest);
    text->end[rest] = (char)0x80;
    memcpy(last - sizeof bits, &bits, sizeof bits);
}

static inline const char *block_at(const struct text *text, size_t i)
{
    return i < text->whole ? text->p + i * BLOCK : text->end + (i - text->whole) * BLOCK;
}

/* The first sixteen bytes of the digest: A to D. */
WITH_SHA static void close_lane(const struct lane *lane, char ret[16])
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i dcba = _mm_unpackhi_epi64(lane->cdgh, lane->abef);
    dcba = _mm_shuffle_epi32(dcba, _MM_SHUFFLE(0, 1, 2, 3));
    _mm_storeu_si128((__m128i *)(void *)ret, _mm_shuffle_epi8(dcba, swap));
}

WITH_SHA void rs_sha256_pair(const char *const p[2], const size_t n[2], char ret[2][16])
{
    struct text text[2];
    struct lane lane[2];
    size_t i = 0;
    for (int k = 0; k < 2; k++) {
        open_text(&text[k], p[k], n[k]);
        lane[k].abef = aligned(start_abef);
        lane[k].cdgh = aligned(start_cdgh);
    }
    for (; i < text[0].count && i < text[1].count; i++) {
        const char *const at[2] = {block_at(&text[0], i), block_at(&text[1], i)};
        blocks(lane, at, 2);
    }
    int longer = i < text[1].count;
    for (; i < text[longer].count; i++) {
        const char *const at[1] = {block_at(&text[longer], i)};
        blocks(&lane[longer], at, 1);
    }
    for (int k = 0; k < 2; k++) close_lane(&lane[k], ret[k]);
}

bool rs_sha256_paired(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA;
}

#else

bool rs_sha256_paired(void)
{
    return false;
}

void rs_sha256_pair(const char *const p[2], const size_t n[2], char ret[2][16])
{
    (void)p;
    (void)n;
    (void)ret;
}

#endif
