#include "rastro/arena.h"

#include <stdlib.h>

#include "rastro/error.h"

#if defined(__has_feature) && !defined(__SANITIZE_ADDRESS__)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ /* as gcc says of itself */
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

struct chunk {
    char *p;
    size_t cap;
};

/* Chunks are filled in order; those behind `current` are empty and kept for
 * the next round.  A request larger than a chunk gets a chunk of its size. */
struct rs_arena {
    struct chunk *chunks;
    size_t count, room;
    size_t current; /* index of the chunk being filled */
    size_t used;    /* bytes used of it */
    size_t total;   /* bytes handed out */
    size_t chunk_bytes;
};

struct rs_arena *rs_arena_new(size_t chunk_bytes)
{
    struct rs_arena *arena = rs_calloc(1, sizeof *arena);
    arena->chunk_bytes = chunk_bytes < 1024 ? 1024 : chunk_bytes;
    return arena;
}

void rs_arena_free(struct rs_arena *arena)
{
    if (!arena) return;
    for (size_t i = 0; i < arena->count; i++) {
        UNPOISON(arena->chunks[i].p, arena->chunks[i].cap);
        free(arena->chunks[i].p);
    }
    free(arena->chunks);
    free(arena);
}

static void add_chunk(struct rs_arena *arena, size_t at, size_t cap)
{
    if (arena->count == arena->room) {
        arena->room = arena->room ? arena->room * 2 : 8;
        arena->chunks = rs_realloc(arena->chunks, arena->room * sizeof *arena->chunks);
    }
    memmove(arena->chunks + at + 1, arena->chunks + at, (arena->count - at) * sizeof *arena->chunks);
    arena->chunks[at] = (struct chunk){rs_malloc(cap), cap};
    POISON(arena->chunks[at].p, cap);
    arena->count++;
}

void *rs_arena_get(struct rs_arena *arena, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (arena->count == 0) add_chunk(arena, 0, n > arena->chunk_bytes ? n : arena->chunk_bytes);
    if (arena->chunks[arena->current].cap - arena->used < n) {
        size_t next = arena->current + 1;
        if (next == arena->count || arena->chunks[next].cap < n) {
            add_chunk(arena, next, n > arena->chunk_bytes ? n : arena->chunk_bytes);
        }
        arena->current = next;
        arena->used = 0;
    }
    char *p = arena->chunks[arena->current].p + arena->used;
    arena->used += n;
    arena->total += n;
    UNPOISON(p, n);
    return p;
}

void *rs_arena_zero(struct rs_arena *arena, size_t n)
{
    return memset(rs_arena_get(arena, n), 0, n);
}

struct rs_str rs_arena_str(struct rs_arena *arena, struct rs_str s)
{
    if (!s.n) return RS_STR_NONE;
    return (struct rs_str){memcpy(rs_arena_get(arena, s.n), s.p, s.n), s.n};
}

size_t rs_arena_used(const struct rs_arena *arena)
{
    return arena->total;
}

void rs_arena_reset(struct rs_arena *arena)
{
    rs_arena_rewind(arena, (struct rs_arena_mark){0, 0, 0});
}

struct rs_arena_mark rs_arena_mark(const struct rs_arena *arena)
{
    return (struct rs_arena_mark){arena->current, arena->used, arena->total};
}

void rs_arena_rewind(struct rs_arena *arena, struct rs_arena_mark mark)
{
    for (size_t i = mark.chunk; i < arena->count; i++) {
        size_t keep = i == mark.chunk ? mark.used : 0;
        POISON(arena->chunks[i].p + keep, arena->chunks[i].cap - keep);
    }
    arena->current = mark.chunk;
    arena->used = mark.used;
    arena->total = mark.total;
}
