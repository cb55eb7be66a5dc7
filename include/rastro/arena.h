/* arena.h - memory that is given back all at once.
 *
 * Lifetime is the batch: everything that decoding a batch produces lives in
 * the batch's arena and goes when the batch is durable.  Not thread-safe; an
 * arena belongs to whoever holds the batch.
 */
#ifndef RASTRO_ARENA_H
#define RASTRO_ARENA_H

#include "rastro/str.h"

struct rs_arena;

/* Chunks of `chunk_bytes` are kept across resets. */
struct rs_arena *rs_arena_new(size_t chunk_bytes);
void rs_arena_free(struct rs_arena *arena); /* NULL is fine */

/* `n` bytes, 16-byte aligned, not zeroed.  Never fails (see rs_oom). */
void *rs_arena_get(struct rs_arena *arena, size_t n) __attribute__((returns_nonnull));
void *rs_arena_zero(struct rs_arena *arena, size_t n) __attribute__((returns_nonnull));
struct rs_str rs_arena_str(struct rs_arena *arena, struct rs_str s);

/* Bytes handed out since the last reset; what a caller bounds. */
size_t rs_arena_used(const struct rs_arena *arena);

/* Forget everything; under ASan the memory is poisoned. */
void rs_arena_reset(struct rs_arena *arena);

/* A point to go back to, for work that is tried and dropped. */
struct rs_arena_mark {
    size_t chunk, used, total;
};
struct rs_arena_mark rs_arena_mark(const struct rs_arena *arena);
void rs_arena_rewind(struct rs_arena *arena, struct rs_arena_mark mark);

#endif
