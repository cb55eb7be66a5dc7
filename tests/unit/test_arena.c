#include "support.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define IS_POISONED(p) __asan_address_is_poisoned(p)
#endif

Test(arena, gives_aligned_memory_of_any_size)
{
    struct rs_arena *arena = rs_arena_new(1024);
    for (size_t n = 0; n < 5000; n = n * 2 + 1) {
        char *p = rs_arena_get(arena, n);
        cr_assert((uintptr_t)p % 16 == 0, "%zu bytes", n);
        memset(p, 0xab, n);
    }
    rs_arena_free(arena);
    rs_arena_free(NULL);
}

Test(arena, gives_zeroes_also_where_something_was)
{
    struct rs_arena *arena = rs_arena_new(1024);
    memset(rs_arena_get(arena, 512), 0xff, 512);
    rs_arena_reset(arena);
    const char *p = rs_arena_zero(arena, 512);
    for (int i = 0; i < 512; i++) cr_assert(p[i] == 0, "at %d", i);
    rs_arena_free(arena);
}

Test(arena, copies_strings)
{
    struct rs_arena *arena = rs_arena_new(1024);
    char text[] = "words";
    struct rs_str copy = rs_arena_str(arena, rs_str_of(text));
    memset(text, 'x', 5);
    assert_str(copy, "words");
    cr_expect(rs_arena_str(arena, RS_STR_NONE).n == 0);
    rs_arena_free(arena);
}

Test(arena, counts_what_it_handed_out)
{
    struct rs_arena *arena = rs_arena_new(1024);
    cr_expect(rs_arena_used(arena) == 0);
    rs_arena_get(arena, 1);
    rs_arena_get(arena, 17);
    cr_expect(rs_arena_used(arena) == 48, "%zu: each is rounded up to 16", rs_arena_used(arena));
    rs_arena_get(arena, 100000);
    cr_expect(rs_arena_used(arena) == 48 + 100000);
    rs_arena_reset(arena);
    cr_expect(rs_arena_used(arena) == 0);
    rs_arena_free(arena);
}

Test(arena, gives_the_same_memory_again_after_a_reset)
{
    struct rs_arena *arena = rs_arena_new(1024);
    void *first = rs_arena_get(arena, 100), *large = rs_arena_get(arena, 9000);
    rs_arena_reset(arena);
    cr_expect(rs_arena_get(arena, 100) == first);
    cr_expect(rs_arena_get(arena, 9000) == large);
    rs_arena_free(arena);
}

#ifdef IS_POISONED
Test(arena, poisons_what_was_given_back)
{
    struct rs_arena *arena = rs_arena_new(1024);
    char *keep = rs_arena_get(arena, 64);
    struct rs_arena_mark mark = rs_arena_mark(arena);
    char *drop = rs_arena_get(arena, 64), *far = rs_arena_get(arena, 5000);
    rs_arena_rewind(arena, mark);
    cr_expect(!IS_POISONED(keep) && !IS_POISONED(keep + 63));
    cr_expect(IS_POISONED(drop) && IS_POISONED(far) && IS_POISONED(far + 4999));
    rs_arena_reset(arena);
    cr_expect(IS_POISONED(keep));
    rs_arena_free(arena);
}
#endif

/* What is allocated keeps its content through everything that is done to the
 * arena behind it. */
Test(arena, keeps_what_lies_before_a_mark)
{
    enum { MARKS = 40 };
    struct piece {
        unsigned char *p;
        size_t n;
        unsigned char fill;
    } piece[4000];
    struct {
        struct rs_arena_mark at;
        size_t pieces;
    } mark[MARKS];
    uint64_t state = rs_test_seed();
    struct rs_arena *arena = rs_arena_new(1024);
    size_t pieces = 0, marks = 0;
    for (int step = 0; step < 6000; step++) {
        uint32_t what = rs_test_below(&state, 100);
        if (what < 80 && pieces < COUNT(piece)) {
            size_t n = rs_test_below(&state, what < 5 ? 4000 : 200);
            struct piece made = {rs_arena_get(arena, n), n, (unsigned char)rs_test_below(&state, 256)};
            memset(made.p, made.fill, n);
            piece[pieces++] = made;
        } else if (what < 92 && marks < MARKS) {
            mark[marks].at = rs_arena_mark(arena);
            mark[marks++].pieces = pieces;
        } else if (marks) {
            marks = rs_test_below(&state, (uint32_t)marks);
            rs_arena_rewind(arena, mark[marks].at);
            pieces = mark[marks].pieces;
        }
        if (step % 500) continue;
        for (size_t i = 0; i < pieces; i++) {
            for (size_t k = 0; k < piece[i].n; k++) {
                cr_assert(piece[i].p[k] == piece[i].fill, "piece %zu at step %d", i, step);
            }
        }
    }
    rs_arena_free(arena);
}
