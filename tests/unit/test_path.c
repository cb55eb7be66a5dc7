#include "path.h"

#include "support.h"

/* ---- the language ----------------------------------------------------------------------- */

static struct rs_path *path_of(const char *text)
{
    struct rs_path *path = rs_arena_get(rs_test_arena(), sizeof *path);
    const char *why;
    uint32_t at;
    cr_assert(rs_path_parse(rs_test_arena(), rs_str_of(text), path, &why, &at), "%s: %s", text, why);
    return path;
}

Test(path, refuses_what_is_no_path_and_says_where)
{
    static const struct {
        const char *text, *why;
        uint32_t at;
    } cases[] = {
        {"", "a path starts with $", 0},
        {"a.b", "a path starts with $", 0},
        {".a", "a path starts with $", 0},
        {"$a", "expected . or [", 1},
        {"$.", "expected a name", 2},
        {"$..a", "expected a name", 2},
        {"$.a b", "expected . or [", 3},
        {"$.a-b", "expected . or [", 3},
        {"$.*", "expected a name", 2},
        {"$[", "expected *, an index, a quoted name or a filter", 2},
        {"$[a]", "expected *, an index, a quoted name or a filter", 2},
        {"$[-1]", "expected *, an index, a quoted name or a filter", 2},
        {"$[1", "expected ]", 3},
        {"$[1:2]", "expected ]", 3},
        {"$[1234567]", "expected ]", 8},
        {"$['a", "the quoted string does not end", 4},
        {"$['a']x", "expected . or [", 6},
        {"$['a\\'b']", "escapes in a quoted string are not supported", 4},
        {"$[?a=='x']", "a filter reads", 3},
        {"$[?@=='x']", "a filter reads", 4},
        {"$[?@.a]", "a filter reads", 6},
        {"$[?@.a='x']", "a filter reads", 6},
        {"$[?@.a==]", "expected a value behind ==", 8},
        {"$[?@.a=='x'", "expected ]", 11},
        {"$[?@.a.b.c.d=='x']", "the filter's path is too long", 11},
        {"$.a.b.c.d.e.f.g.h.i.j.k", "the path has too many steps", 21},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_path path = {.n = 42};
        const char *why = "";
        uint32_t at = 999;
        cr_expect(!rs_path_parse(rs_test_arena(), rs_str_of(cases[i].text), &path, &why, &at), "%s", cases[i].text);
        cr_expect(strstr(why, cases[i].why), "%s: %s", cases[i].text, why);
        cr_expect(at == cases[i].at, "%s: at %u", cases[i].text, at);
        cr_expect(path.n == 42, "%s: the output is touched", cases[i].text);
    }
}

Test(path, keeps_its_words_when_the_text_goes)
{
    char text[] = "@.name[?@.type=='X'].value";
    struct rs_path path;
    const char *why;
    uint32_t at;
    cr_assert(rs_path_parse(rs_test_arena(), rs_str_of(text), &path, &why, &at));
    memset(text, '?', sizeof text - 1);
    assert_str(path.text, "@.name[?@.type=='X'].value");
    assert_str(path.step[0].name, "name");
    assert_str(path.step[1].literal, "X");
    cr_expect(!path.from_root && path.n == 3);
}

/* ---- selecting ----------------------------------------------------------------------------- */

static struct rs_json parsed(struct rs_str text)
{
    struct rs_json json;
    struct rs_diag diag;
    struct rs_json_parser *parser = rs_json_parser_new(RS_JSON_FAST);
    cr_assert(rs_json_parse(parser, rs_test_arena(), text, &json, &diag) == RS_OK, "%.*s: %s", RS_FMT(text), diag.text);
    struct rs_json_node *node = rs_arena_get(rs_test_arena(), json.count * sizeof *node);
    json.node = memcpy(node, json.node, json.count * sizeof *node);
    rs_json_parser_free(parser);
    return json;
}

struct found {
    const struct rs_json *json;
    struct rs_buf out;
};

static bool put_found(void *self, uint32_t node)
{
    struct found *found = self;
    if (found->out.n) rs_buf_putc(&found->out, ' ');
    rs_json_path(found->json, node, &found->out);
    return true;
}

static const char *selected(const char *path, const struct rs_json *json, uint32_t base)
{
    struct found found = {.json = json};
    rs_path_each(path_of(path), json, base, put_found, &found);
    const char *text = rs_test_say("%s", rs_buf_cstr(&found.out)).p;
    rs_buf_free(&found.out);
    return text;
}

static const char document[] =
    "{'a': {'b': [10, {'c': 1}, {'c': 2, 'd': 'x'}, [5]]}, 'list': [{'t': 'X', 'v': 1}, {'t': 'Y', 'v': 2},"
    " {'t': 'X', 'v': 3}, {'t': {'u': 7}}], 'a b': 1, 'n': null, 'e': [], 'o': {}, '7': 1, 'true': [{'t': true}]}";

Test(path, selects_in_the_order_of_the_text)
{
    static const struct {
        const char *path, *nodes;
    } cases[] = {
        {"$", "$"},
        {"@", "$"},
        {"$.a", "$.a"},
        {"@.a.b", "$.a.b"},
        {"$['a']['b']", "$.a.b"},
        {"$[\"a b\"]", "$[\"a b\"]"},
        {"$.7", "$[\"7\"]"},
        {"$.n", "$.n"},
        {"$.x", ""},
        {"$.n.x", ""},
        {"$.a.b[0]", "$.a.b[0]"},
        {"$.a.b[3][0]", "$.a.b[3][0]"},
        {"$.a.b[4]", ""},
        {"$.a.b[*]", "$.a.b[0] $.a.b[1] $.a.b[2] $.a.b[3]"},
        {"$.a.b[*].c", "$.a.b[1].c $.a.b[2].c"},
        {"$.e[*]", ""},
        {"$.o[*]", ""},
        {"$.a[*]", ""},
        {"$.a[0]", ""},
        {"$.list[?@.t=='X'].v", "$.list[0].v $.list[2].v"},
        {"$.list[? @.t == 'X' ].v", "$.list[0].v $.list[2].v"},
        {"$.list[?@.t==\"Y\"]", "$.list[1]"},
        {"$.list[?@.v==2].t", "$.list[1].t"},
        {"$.list[?@.v=='2'].t", ""},
        {"$.list[?@.t.u==7]", "$.list[3]"},
        {"$.true[?@.t==true]", "$.true[0]"},
        {"$.list[?@.z=='X']", ""},
        {"$.a[?@.b=='X']", ""},
    };
    struct rs_json json = parsed(rs_test_json(document));
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *nodes = selected(cases[i].path, &json, 0);
        cr_expect_str_eq(nodes, cases[i].nodes, "%s selects \"%s\"", cases[i].path, nodes);
    }
}

Test(path, counts_from_the_block_or_from_the_message)
{
    struct rs_json json = parsed(rs_test_json(document));
    uint32_t list = rs_json_member(&json, 0, "list");
    cr_expect_str_eq(selected("@[1].v", &json, list), "$.list[1].v");
    cr_expect_str_eq(selected("$.a", &json, list), "$.a");
}

static bool stop_at_second(void *self, uint32_t node)
{
    (void)node;
    return ++*(int *)self < 2;
}

Test(path, stops_when_told_to)
{
    struct rs_json json = parsed(rs_test_json(document));
    int calls = 0;
    rs_path_each(path_of("$.a.b[*]"), &json, 0, stop_at_second, &calls);
    cr_expect(calls == 2);
    uint32_t node = 42;
    cr_expect(rs_path_first(path_of("$.a.b[*].c"), &json, 0, &node));
    assert_str(json.node[node].s, "1");
    node = 42;
    cr_expect(!rs_path_first(path_of("$.x"), &json, 0, &node) && node == 42);
}

/* ---- many at once -------------------------------------------------------------------------------- */

Test(path, shares_a_slot_between_equal_paths)
{
    struct rs_trie trie = {0};
    int a = rs_trie_add(&trie, path_of("@.a.b"));
    cr_expect(rs_trie_add(&trie, path_of("@['a'].b")) == a);
    cr_expect(rs_trie_add(&trie, path_of("@.a")) != a);
    cr_expect(rs_trie_add(&trie, path_of("@.a[?@.t=='X']")) != rs_trie_add(&trie, path_of("@.a[?@.t=='Y']")));
    cr_expect(rs_trie_add(&trie, path_of("@.a[?@.t=='7']")) != rs_trie_add(&trie, path_of("@.a[?@.t==7]")));
    cr_expect(rs_trie_add(&trie, path_of("@.a[1]")) != rs_trie_add(&trie, path_of("@.a[2]")));
    cr_expect(trie.slots == 8);
    rs_trie_free(&trie);
    cr_expect(trie.node == NULL && trie.slots == 0);
}

Test(path, refuses_more_paths_than_it_has_slots_for)
{
    struct rs_trie trie = {0};
    for (int i = 0; i < RS_TRIE_SLOTS_MAX; i++) cr_assert(rs_trie_add(&trie, path_of(rs_test_say("@.k%d", i).p)) == i);
    cr_expect(rs_trie_add(&trie, path_of("@.k64")) == -1);
    cr_expect(rs_trie_add(&trie, path_of("@.k63")) == 63, "one that is there still has its slot");

    /* All of them in one object, each seen once. */
    struct rs_buf text = {0};
    for (int i = 0; i < RS_TRIE_SLOTS_MAX; i++) rs_buf_printf(&text, "%c\"k%d\":%d", i ? ',' : '{', i, i);
    rs_buf_putc(&text, '}');
    struct rs_json json = parsed((struct rs_str){text.p, (uint32_t)text.n});
    struct rs_match match;
    rs_trie_match(&trie, &json, 0, &match);
    cr_expect(match.repeated == 0);
    for (uint32_t i = 0; i < RS_TRIE_SLOTS_MAX; i++) cr_expect(match.slot[i] == i + 1);
    rs_buf_free(&text);
    rs_trie_free(&trie);
}

static bool keep_all(void *self, uint32_t node)
{
    struct rs_match *all = self;
    if (!all->slot[0]) {
        all->slot[0] = node;
    } else if (all->more_n < RS_TRIE_MORE_MAX) {
        all->more[all->more_n++].node = node;
    }
    return true;
}

Test(path, finds_in_one_walk_what_each_path_finds_alone)
{
    static const char *const texts[] = {
        "@.a",
        "@.a.b",
        "@.a.b[*]",
        "@.a.b[*].c",
        "@.a.b[1].c",
        "@.a.b[2]",
        "@.list[?@.t=='X'].v",
        "@.list[?@.t=='Y'].v",
        "@.list[*].v",
        "@.list[0]",
        "@.list[*].t.u",
        "@.n",
        "@.x",
        "@['a b']",
        "@.e[*]",
        "@.o",
        "@.a.b[*][0]",
        "@",
    };
    struct rs_json json = parsed(rs_test_json(document));
    uint64_t chance = rs_test_seed();
    for (int round = 0; round < 200; round++) {
        struct rs_trie trie = {0};
        struct rs_path *path[8];
        int slot[8];
        for (int i = 0; i < 8; i++) {
            path[i] = path_of(texts[rs_test_below(&chance, COUNT(texts))]);
            slot[i] = rs_trie_add(&trie, path[i]);
        }
        struct rs_match match;
        rs_trie_match(&trie, &json, 0, &match);
        cr_assert(match.repeated == 0);
        for (int i = 0; i < 8; i++) {
            struct rs_match alone = {0};
            rs_path_each(path[i], &json, 0, keep_all, &alone);
            cr_assert(match.slot[slot[i]] == alone.slot[0], "%s", path[i]->text.p);
            uint32_t more = 0;
            for (uint32_t k = 0; k < match.more_n; k++) {
                if (match.more[k].slot != (uint32_t)slot[i]) continue;
                cr_assert(match.more[k].node == alone.more[more++].node, "%s", path[i]->text.p);
            }
            cr_assert(more == alone.more_n, "%s: %u more", path[i]->text.p, more);
        }
        rs_trie_free(&trie);
    }
}

Test(path, names_a_key_that_it_reads_and_that_is_there_twice)
{
    static const struct {
        const char *json, *repeated; /* the key, or NULL */
    } cases[] = {
        {"{'a': {'b': 1}, 'c': 2}", NULL},
        {"{'a': {'b': 1}, 'c': 2, 'c': 3}", "c"},
        {"{'a': {'b': 1, 'b': 2}, 'c': 2}", "b"},
        {"{'a': {}, 'a': {'b': 1}}", "a"},
        {"{'x': 1, 'x': 2, 'a': {'y': 1, 'y': 1}}", NULL},
        {"{'l': [{'d': 1}, {'d': 2}]}", NULL},
        {"{'l': [{'d': 1}, {'d': 2, 'd': 3}]}", "d"},
    };
    struct rs_trie trie = {0};
    rs_trie_add(&trie, path_of("@.a.b"));
    rs_trie_add(&trie, path_of("@.c"));
    rs_trie_add(&trie, path_of("@.l[*].d"));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_json json = parsed(rs_test_json(cases[i].json));
        struct rs_match match;
        rs_trie_match(&trie, &json, 0, &match);
        cr_expect((match.repeated != 0) == (cases[i].repeated != NULL), "%s", cases[i].json);
        if (match.repeated && cases[i].repeated) assert_str(json.node[match.repeated].key, cases[i].repeated);
    }
    rs_trie_free(&trie);
}

Test(path, counts_no_more_than_its_room_of_further_nodes)
{
    struct rs_buf text = {0};
    for (int i = 0; i < 100; i++) rs_buf_printf(&text, "%c%d", i ? ',' : '[', i);
    rs_buf_putc(&text, ']');
    struct rs_json json = parsed((struct rs_str){text.p, (uint32_t)text.n});
    struct rs_trie trie = {0};
    rs_trie_add(&trie, path_of("@[*]"));
    struct rs_match match;
    rs_trie_match(&trie, &json, 0, &match);
    cr_expect(match.slot[0] == 1 && match.more_n == RS_TRIE_MORE_MAX);
    rs_buf_free(&text);
    rs_trie_free(&trie);
}

Test(path, matches_nothing_with_an_empty_trie)
{
    struct rs_trie trie = {0};
    struct rs_json json = parsed(RS_LIT("{}"));
    struct rs_match match = {.repeated = 42, .more_n = 42};
    rs_trie_match(&trie, &json, 0, &match);
    cr_expect(match.repeated == 0 && match.more_n == 0);
}
