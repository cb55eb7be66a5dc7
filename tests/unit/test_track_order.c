/* Messages in every order and every cut into batches end in one state. */
#include "letters.h"

enum { LETTERS_MAX = 5 };

static const char *play(const struct rs_letter_text *letters, const int *order, int n, unsigned cuts)
{
    struct rs_track_store *store = rs_arena_zero(rs_test_arena(), sizeof *store);
    struct rs_parcel_state state;
    rs_store_load(store, &state);
    for (int i = 0; i < n; i++) {
        rs_tell(&state, &letters[order[i]]);
        if (!(cuts >> i & 1) && i + 1 < n) continue;
        rs_store_save(store, &state);
        rs_store_load(store, &state);
    }
    return rs_state_words(&state);
}

static bool next_permutation(int *order, int n)
{
    int i = n - 2;
    while (i >= 0 && order[i] > order[i + 1]) i--;
    if (i < 0) return false;
    int k = n - 1;
    while (order[k] < order[i]) k--;
    int swap = order[i];
    order[i] = order[k];
    order[k] = swap;
    for (int a = i + 1, b = n - 1; a < b; a++, b--) {
        swap = order[a];
        order[a] = order[b];
        order[b] = swap;
    }
    return true;
}

static void assert_any_order(const struct rs_letter_text *letters, int n, const char *want)
{
    int order[LETTERS_MAX];
    for (int i = 0; i < n; i++) order[i] = i;
    do {
        for (unsigned cuts = 0; cuts < 1u << (n - 1); cuts++) {
            struct rs_arena_mark mark = rs_arena_mark(rs_test_arena());
            const char *got = play(letters, order, n, cuts);
            if (strcmp(got, want)) {
                struct rs_buf told = {0};
                for (int i = 0; i < n; i++) {
                    rs_buf_printf(&told, " \"%s\"%s", letters[order[i]].scans, cuts >> i & 1 ? " |" : "");
                }
                cr_assert_fail("told%s: %s; not %s", rs_buf_cstr(&told), got, want);
            }
            rs_arena_rewind(rs_test_arena(), mark);
        }
    } while (next_permutation(order, n));
}

Test(track_order, gives_one_outcome_whatever_the_order)
{
    static const struct {
        struct rs_letter_text letter[LETTERS_MAX];
        const char *want;
    } cases[] = {
        {{{"a", 1}, {"a b", 2}, {"a b c", 3}}, "a b c; head c"},
        {{{"a b c", 3}, {"a b", 2}, {"a", 1}, {"a", 1}}, "a b c; head c"},
        /* withdrawn, and back */
        {{{"a b", 1}, {"a", 2}}, "a b-; head a"},
        {{{"a b", 1}, {"a", 2}, {"a b", 3}}, "a b; head b"},
        {{{"a b", 1}, {"a", 2}, {"a b", 3}, {"a", 4}}, "a b-; head a"},
        /* corrected: another scan at the instant */
        {{{"a b", 1}, {"a B", 2}}, "B a b>B; head B"},
        {{{"a b", 1}, {"a B", 2}, {"a b", 3}}, "B>b a b; head b"},
        {{{"a b", 1}, {"a B", 2}, {"a", 3}}, "B- a b-; head a"},
        {{{"a b", 1}, {"a", 2}, {"a B", 3}}, "B a b>B; head B"},
        /* only the newest counts, whatever lies between */
        {{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}}, "a- b- c- d; head d"},
        {{{"d", 1}, {"c", 2}, {"b", 3}, {"a", 4}, {"a b", 5}}, "a b c- d-; head b"},
        /* without an update time: the latest scan, then the number of scans */
        {{{"a b", 2, 9, 2}, {"A a b", 2, 8, 3}}, "A a b; head b"},
        {{{"a c", 3, 3, 2}, {"a b c", 3, 2, 3}, {"a b", 2, 9, 2}}, "a b c; head c"},
        /* a retried message arrives after newer ones */
        {{{"a b", 1, 9}, {"a", 2, 2}, {"a b", 1, 1}}, "a b-; head a"},
        /* an empty one says that nothing is known, not that nothing happened */
        {{{"a b", 1}, {"", 5}}, "a b; head b"},
        {{{"", 1}, {"a b", 1}, {"", 9}, {"a", 2}}, "a b-; head a"},
        /* two sources do not touch each other's events */
        {{{"a b", 1}, {"a", 2}, {"b c", 1, .source = 2}, {"c", 3, .source = 2}}, "a b- b2- c2; head c2"},
        {{{"a", 1}, {"a b", 2}, {"b", 9, .source = 2}}, "a b b2; head b2"},
        /* a mended profile reads the same words anew */
        {{{"a b", 2}, {"a' b'", 2, .identity = 2}}, "a' b'; head b'"},
        {{{"a", 1}, {"a b", 2}, {"a' b' c'", 3, .identity = 2}}, "a' b' c'; head c'"},
        {{{"a", 1}, {"a'", 1, .identity = 2}, {"a b", 2}, {"a' b'", 2, .identity = 2}}, "a' b'; head b'"},
        {{{"a b", 1}, {"a", 2}, {"a' b'", 1, .identity = 2}, {"a'", 2, .identity = 2}}, "a' b'-; head a'"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int n = 0;
        while (n < LETTERS_MAX && cases[i].letter[n].scans) n++;
        assert_any_order(cases[i].letter, n, cases[i].want);
    }
}

/* A source that tells apart from its histories that it has stopped looking. */
Test(track_order, keeps_a_standing_status_until_a_newer_snapshot)
{
    static const struct {
        struct rs_letter_text letter[LETTERS_MAX];
        const char *want;
    } cases[] = {
        {{{"a b", 2}, {"j", 9, .part = true}}, "a b j; head j"},
        {{{"a", 1}, {"a b", 2}, {"a b", 2, .published = 20}, {"j", 9, .part = true}}, "a b j; head j"},
        {{{"a b", 2}, {"j", 9, .part = true}, {"a b c", 12}}, "a b c j-; head c"},
        {{{"a b", 2}, {"j", 9, .part = true}, {"j", 9, .part = true, .published = 20}, {"a b", 9}}, "a b j-; head b"},
    };
    rs_special_scan['j'] = (struct rs_special_scan){.kind = RS_EVENT_REPORTED};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int n = 0;
        while (n < LETTERS_MAX && cases[i].letter[n].scans) n++;
        assert_any_order(cases[i].letter, n, cases[i].want);
    }
    rs_special_scan['j'] = (struct rs_special_scan){0};
}

/* The same from the rules alone: the newest message decides. */
static const char *expected(const struct rs_letter_text *letters, int n)
{
    const struct rs_letter_text *newest = NULL;
    bool there[128] = {0};
    for (int i = 0; i < n; i++) {
        if (!*letters[i].scans) continue;
        for (const char *p = letters[i].scans; *p; p++) there[(int)*p] = true;
        struct rs_view_order a = rs_letter_order(&letters[i]);
        struct rs_view_order b = newest ? rs_letter_order(newest) : (struct rs_view_order){.at_us = RS_INSTANT_NONE};
        if (rs_view_order_cmp(&a, &b) > 0) newest = &letters[i];
    }
    struct rs_buf buf = {0};
    struct rs_event head = {0};
    for (char c = 'A'; c <= 'z'; c++) {
        if (!there[(int)c] || c == ' ') continue;
        char twin = (char)(c ^ 32);
        if (strchr(newest->scans, c)) {
            rs_buf_printf(&buf, "%c ", c);
            struct rs_event e = rs_scan_of(c, false, 1);
            if (!head.code.n || rs_event_cmp(&e, RS_STR_NONE, &head, RS_STR_NONE) > 0) head = e;
        } else if (strchr(newest->scans, twin)) {
            rs_buf_printf(&buf, "%c>%c ", c, twin);
        } else {
            rs_buf_printf(&buf, "%c- ", c);
        }
    }
    if (buf.n) buf.n--;
    rs_buf_printf(&buf, "; head %.*s", RS_FMT(head.code.n ? head.code : RS_LIT("none")));
    const char *text = rs_test_say("%s", rs_buf_cstr(&buf)).p;
    rs_buf_free(&buf);
    return text;
}

Test(track_order, gives_one_outcome_for_any_snapshots, .timeout = 100)
{
    uint64_t chance = rs_test_seed();
    for (int round = 0; round < 150; round++) {
        struct rs_arena_mark mark = rs_arena_mark(rs_test_arena());
        struct rs_letter_text letter[LETTERS_MAX] = {{0}};
        char scans[LETTERS_MAX][16];
        int n = 2 + (int)rs_test_below(&chance, 3);
        for (int i = 0; i < n; i++) {
            char *p = scans[i];
            for (char c = 'a'; c <= 'd'; c++) {
                uint32_t which = rs_test_below(&chance, 4);
                if (which & 1) *p++ = c;
                if (which == 2) *p++ = (char)(c - 32);
            }
            *p = '\0';
            letter[i] = (struct rs_letter_text){
                .scans = scans[i], .at = 1 + i, .published = 1 + rs_test_below(&chance, 50)};
        }
        assert_any_order(letter, n, expected(letter, n));
        rs_arena_rewind(rs_test_arena(), mark);
    }
}
