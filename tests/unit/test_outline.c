#include "outline.h"

#include "support.h"

static struct rs_arena *arena;
static struct rs_json_parser *parser;

static void open_all(void)
{
    arena = rs_arena_new(4096);
    parser = rs_json_parser_new(RS_JSON_FAST);
}

static void close_all(void)
{
    rs_json_parser_free(parser);
    rs_arena_free(arena);
}

TestSuite(outline, .init = open_all, .fini = close_all);

/* With '' for "". */
static struct rs_json parsed(const char *text)
{
    struct rs_json json;
    struct rs_diag diag;
    cr_assert(!rs_json_parse(parser, arena, rs_arena_str(arena, rs_test_json(text)), &json, &diag), "%s", diag.text);
    return json;
}

/* Notes are new when the outline is. */
static bool is_new(struct rs_outlines *outlines, const char *text)
{
    struct rs_json json = parsed(text);
    struct rs_outline *outline = rs_outline_of(outlines, &json);
    bool fresh;
    cr_assert(outline != NULL, "%s", text);
    rs_outline_notes(outline, 1, &fresh);
    return fresh;
}

Test(outline, is_the_same_whatever_the_words_are)
{
    struct rs_outlines *outlines = rs_outlines_new();
    cr_expect(is_new(outlines, "{'a': 'x', 'long key': {'c': 1}, 'l': ['y', 'z']}"));
    cr_expect(!is_new(outlines, "{'a': 'x', 'long key': {'c': 1}, 'l': ['y', 'z']}"));
    cr_expect(!is_new(outlines, "{'a': 'longer', 'long key' : {'c': -2.5}, 'l': ['', ' ']}"));
    rs_outlines_free(outlines);
}

Test(outline, is_another_when_a_key_a_type_or_the_nesting_is)
{
    static const char *const texts[] = {
        "{'a': '1', 'b': '2'}",
        "{'a': '1', 'b': 2}",
        "{'a': '1', 'c': '2'}",
        "{'a': '1', 'bb': '2'}",
        "{'a': '1', 'b': '2', 'c': '3'}",
        "{'b': '1', 'a': '2'}",
        "{'a': {'b': '2'}}",
        "{'a': ['b', '2']}",
        "{'a': {}, 'b': '2'}",
        "{'a': [], 'b': '2'}",
        "['a', 'b']",
        "[['a'], 'b']",
        "{'01234567': '1', 'b': '2'}",
        "{'0123456789': '1', 'b': '2'}",
        "{'0123456780': '1', 'b': '2'}",
        "{'0123456789abcdefghij': '1', 'b': '2'}",
        "{'0123456789abcdefghiJ': '1', 'b': '2'}",
        "{'0123456789Abcdefghij': '1', 'b': '2'}",
        "{'01\\u000034': '1', 'b': '2'}",
        "{'01': '1', 'b': '2\\n'}",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t k = 0; k < COUNT(texts); k++) {
            struct rs_outlines *outlines = rs_outlines_new();
            is_new(outlines, texts[i]);
            cr_expect(is_new(outlines, texts[k]) == (i != k), "%s after %s", texts[k], texts[i]);
            rs_outlines_free(outlines);
        }
    }
}

Test(outline, of_a_large_message_is_none)
{
    struct rs_outlines *outlines = rs_outlines_new();
    struct rs_buf text = {0};
    for (int i = 0; i < 100; i++) rs_buf_printf(&text, "%c%d", i ? ',' : '[', i);
    rs_buf_putc(&text, ']');
    struct rs_json json = parsed(rs_buf_cstr(&text));
    cr_expect(rs_outline_of(outlines, &json) == NULL);
    rs_buf_clear(&text);
    rs_buf_printf(&text, "{'%0*d': 1}", 4000, 1);
    json = parsed(rs_buf_cstr(&text));
    cr_expect(rs_outline_of(outlines, &json) == NULL, "nor of one with large keys");
    rs_buf_free(&text);
    rs_outlines_free(outlines);
}

static struct rs_path *path_of(const char *text)
{
    struct rs_path *path = rs_arena_get(arena, sizeof *path);
    const char *why;
    uint32_t at;
    cr_assert(rs_path_parse(arena, rs_str_of(text), path, &why, &at), "%s: %s", text, why);
    return path;
}

static void same_match(const struct rs_trie *trie, const struct rs_match *a, const struct rs_match *b)
{
    for (uint32_t i = 0; i < trie->slots; i++) cr_assert(a->slot[i] == b->slot[i]);
    cr_assert(a->repeated == b->repeated && a->more_n == b->more_n);
    for (uint32_t i = 0; i < a->more_n; i++) {
        cr_assert(a->more[i].slot == b->more[i].slot && a->more[i].node == b->more[i].node);
    }
}

/* Also what depends on values, and more blocks than are remembered. */
Test(outline, matches_as_a_walk_does)
{
    static const char *const texts[] = {
        "{'a': {'b': '1'}, 'l': [{'k': 'x'}, {'k': 'y'}]}",
        "{'a': {'b': '2'}, 'l': [{'k': 'y'}, {'k': 'x'}]}",
        "{'a': {'b': '2', 'b': '3'}, 'l': []}",
        "{'l': [{'k': 'y'}, {'k': 'x'}], 'a': {'b': '2'}}",
    };
    struct rs_trie trie[2] = {0};
    rs_trie_add(&trie[0], path_of("@.a.b"));
    rs_trie_add(&trie[0], path_of("@.l[*].k"));
    rs_trie_add(&trie[0], path_of("@.k"));
    rs_trie_add(&trie[1], path_of("@.l[?@.k=='x']"));
    cr_assert(!trie[0].filters && trie[1].filters);
    struct rs_outlines *outlines = rs_outlines_new();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT(texts); i++) {
            struct rs_json json = parsed(texts[i]);
            struct rs_outline *outline = rs_outline_of(outlines, &json);
            for (uint32_t at = 0; at < 2 * json.count; at++) {
                const struct rs_trie *t = &trie[at % 2];
                struct rs_match walked, room;
                rs_trie_match(t, &json, at / 2, &walked);
                same_match(t, rs_outline_match(outline, t, &json, at / 2, &room), &walked);
            }
        }
    }
    rs_outlines_free(outlines);
    for (int i = 0; i < 2; i++) rs_trie_free(&trie[i]);
}

static void matches(struct rs_outlines *outlines, const struct rs_trie *trie, const char *text)
{
    struct rs_json json = parsed(text);
    struct rs_outline *outline = rs_outline_of(outlines, &json);
    struct rs_match walked, room;
    rs_trie_match(trie, &json, 0, &walked);
    same_match(trie, rs_outline_match(outline, trie, &json, 0, &room), &walked);
}

/* One whose form the parser knows, among more than there are places. */
Test(outline, matches_as_a_walk_does_when_places_are_taken_over)
{
    struct rs_trie trie = {0};
    rs_trie_add(&trie, path_of("@.z"));
    struct rs_outlines *outlines = rs_outlines_new();
    for (int i = 0; i < 600; i++) {
        char other[80];
        snprintf(other, sizeof other, "{'n%d': 1, 'm': 3, 'z': 2}", i);
        matches(outlines, &trie, other);
        matches(outlines, &trie, "{'z': 2}");
    }
    rs_trie_free(&trie);
    rs_outlines_free(outlines);
}
