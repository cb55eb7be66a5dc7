/* A text that is read by the form of one before it, beside the same text read by a
 * parser that knows none. */
#include "rastro/json.h"

#include "support.h"

static struct rs_arena *arena;

static void open_all(void)
{
    arena = rs_arena_new(1 << 16);
}

static void close_all(void)
{
    rs_arena_free(arena);
}

TestSuite(json_form, .init = open_all, .fini = close_all);

static int parse(struct rs_json_parser *parser, struct rs_str text, struct rs_json *ret, struct rs_diag *diag)
{
    *ret = (struct rs_json){0};
    return rs_json_parse(parser, arena, text, ret, diag);
}

static struct rs_json parsed(struct rs_json_parser *parser, const char *text)
{
    struct rs_json json;
    struct rs_diag diag;
    struct rs_str kept = rs_arena_str(arena, rs_test_json(text));
    cr_assert(parse(parser, kept, &json, &diag) == RS_OK, "%s", diag.text);
    return json;
}

static bool same_place(struct rs_str a, struct rs_str b)
{
    return a.n == b.n && (!a.n || a.p == b.p);
}

/* Words are compared by their place: both parsers were given the same bytes. */
static void same(struct rs_json_parser *knowing, struct rs_str text)
{
    struct rs_json_parser *fresh = rs_json_parser_new(RS_JSON_FAST);
    struct rs_json x, y;
    struct rs_diag why_x, why_y;
    int a = parse(knowing, text, &x, &why_x), b = parse(fresh, text, &y, &why_y);
    cr_assert(a == b && x.count == y.count && x.escapes == y.escapes, "%.*s", RS_FMT(text));
    cr_assert(!a || !strcmp(why_x.text, why_y.text), "%.*s: %s; %s", RS_FMT(text), why_x.text, why_y.text);
    for (uint32_t i = 0; i < y.count; i++) {
        const struct rs_json_node *m = &x.node[i], *n = &y.node[i];
        bool alike = m->type == n->type && m->at == n->at && m->end == n->end && m->next == n->next;
        bool words = y.escapes ? rs_str_eq(m->s, n->s) && rs_str_eq(m->key, n->key)
                               : same_place(m->s, n->s) && same_place(m->key, n->key);
        cr_assert(alike && words, "node %u of %.*s", i, RS_FMT(text));
    }
    rs_json_parser_free(fresh);
}

/* If both are said to be of one form, they have all that is in common. */
static void alike(struct rs_json_parser *parser, struct rs_str a, struct rs_str b)
{
    struct rs_json x, y;
    struct rs_diag diag;
    struct rs_json_node kept[64];
    cr_assert(parse(parser, a, &x, &diag) == RS_OK && x.count <= COUNT(kept));
    memcpy(kept, x.node, x.count * sizeof *kept);
    if (parse(parser, b, &y, &diag) || !y.form || y.form != x.form) return;
    cr_assert(x.count == y.count);
    for (uint32_t i = 0; i < x.count; i++) {
        const struct rs_json_node *m = &kept[i], *n = &y.node[i];
        cr_assert(m->type == n->type && m->next == n->next && rs_str_eq(m->key, n->key), "%.*s", RS_FMT(b));
    }
}

static const char *const forms[] = {
    "{'a':'x','number':12.5e3,'longer key':{'':'y','no':null,'yes':true},'l':['p',['q',7],{}],'a much longer key':''}",
    "{ 'a' : 'x' ,\n  'number': -1,\n  'longer key': {\n  'b': 'y' },\n  'l': [ 'p', [ 'q', 7 ], {} ]\n}",
    "[['x','y'],{'k':[]},1,'z']",
    "'word'",
    "17",
};

Test(json_form, is_told_for_the_second_text_that_is_like_the_first)
{
    struct rs_json_parser *parser = rs_json_parser_new(RS_JSON_FAST);
    uint64_t first = parsed(parser, "{'a':'x','b':[1,2]}").form;
    cr_expect(first != 0);
    cr_expect(parsed(parser, "{'a':'other','b':[17,2e5]}").form == first);
    cr_expect(parsed(parser, "{'a':'\xe5\xb9\xbf','b':[1,2]}").form == first);
    cr_expect(parsed(parser, "{'a':'x','c':[1,2]}").form != first);
    cr_expect(parsed(parser, "{'a':'x','b':[1,null]}").form != first);
    cr_expect(parsed(parser, "{'a':'x\\n','b':[1,2]}").form == 0, "an escape");
    cr_expect(parsed(parser, "{'a':'','b':[0,0]}").form == first);
    rs_json_parser_free(parser);
}

/* Each byte of a text of a known form becomes each of these. */
Test(json_form, reads_what_a_walk_reads_of_any_change_of_one_byte)
{
    static const char others[] = "\"{}[]:,x0-. \n\\e\xc3";
    for (size_t f = 0; f < COUNT(forms); f++) {
        struct rs_json_parser *parser = rs_json_parser_new(RS_JSON_FAST);
        struct rs_str text = rs_arena_str(arena, rs_test_json(forms[f]));
        for (uint32_t i = 0; i < text.n; i++) {
            for (size_t k = 0; k < sizeof others - 1; k++) {
                struct rs_str changed = rs_arena_str(arena, text);
                ((char *)(uintptr_t)changed.p)[i] = others[k];
                same(parser, text);
                same(parser, changed);
                alike(parser, text, changed);
            }
        }
        rs_json_parser_free(parser);
    }
}

/* And each byte goes, or one more comes before it. */
Test(json_form, reads_what_a_walk_reads_of_a_text_that_is_longer_or_shorter)
{
    static const char others[] = "\", x";
    for (size_t f = 0; f < COUNT(forms); f++) {
        struct rs_json_parser *parser = rs_json_parser_new(RS_JSON_FAST);
        struct rs_str text = rs_arena_str(arena, rs_test_json(forms[f]));
        for (uint32_t i = 0; i < text.n; i++) {
            for (size_t k = 0; k < sizeof others; k++) {
                uint32_t more = others[k] != '\0';
                struct rs_str changed = {rs_arena_get(arena, text.n + 1), text.n + (more ? 1 : -1u)};
                char *out = (char *)(uintptr_t)changed.p;
                memcpy(out, text.p, i);
                out[i] = others[k];
                memcpy(out + i + more, text.p + i + !more, text.n - i - !more);
                same(parser, text);
                same(parser, changed);
                alike(parser, text, changed);
            }
        }
        rs_json_parser_free(parser);
    }
}

/* Sixteen bytes, behind which the arena's memory is nobody's. */
Test(json_form, does_not_look_for_a_long_key_behind_the_text)
{
    struct rs_json_parser *parser = rs_json_parser_new(RS_JSON_FAST);
    same(parser, rs_arena_str(arena, rs_test_json("{'b':12345,'a long key':1}")));
    same(parser, rs_arena_str(arena, rs_test_json("{'b':12345,'':1}")));
    rs_json_parser_free(parser);
}

/* More forms than there is room for behind one piece, and more than in all. */
Test(json_form, is_right_when_many_forms_take_turns)
{
    struct rs_json_parser *parser = rs_json_parser_new(RS_JSON_FAST);
    for (int i = 0; i < 400; i++) {
        char text[80];
        int n = snprintf(text, sizeof text, "{\"a\":\"%d\",\"key%d\":[1,%d]}", i, i % 7, i);
        same(parser, rs_arena_str(arena, (struct rs_str){text, (uint32_t)n}));
    }
    rs_json_parser_free(parser);
}
