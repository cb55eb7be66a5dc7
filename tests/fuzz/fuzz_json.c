/* Any bytes as JSON: the reader in use says what the reference says, and its
 * nodes hold together. */
#include "compare_json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rs_compare_json both;
    if (!both.arena) {
        both.fast = rs_json_parser_new(RS_JSON_FAST);
        both.reference = rs_json_parser_new(RS_JSON_REFERENCE);
        both.arena = rs_arena_new(64 << 10);
    }
    struct rs_str text = rs_fuzz_str(data, size);
    struct rs_buf difference = {0};
    bool same = rs_compare_json(&both, text, &difference);
    NEED(same, "%s", rs_buf_cstr(&difference));

    /* What was read can be quoted, placed and named. */
    struct rs_json json;
    if (!rs_json_parse(both.fast, both.arena, text, &json, NULL)) {
        uint32_t at = json.count / 2;
        unsigned line, column;
        rs_buf_clear(&difference);
        rs_json_path(&json, at, &difference);
        NEED(difference.n && difference.p[0] == '$');
        NEED(rs_is_utf8((struct rs_str){difference.p, (uint32_t)difference.n}));
        rs_json_place(text, json.node[at].at, &line, &column);
        NEED(line >= 1 && column >= 1 && line + column <= size + 2);
        rs_buf_clear(&difference);
        rs_json_quote(&difference, json.node[at].s);
        struct rs_str quoted = rs_arena_str(both.arena, (struct rs_str){difference.p, (uint32_t)difference.n});
        struct rs_str was = rs_arena_str(both.arena, json.node[at].s);
        NEED(!rs_json_parse(both.fast, both.arena, quoted, &json, NULL) && rs_str_eq(json.node[0].s, was));
    }
    rs_buf_free(&difference);
    rs_arena_reset(both.arena);
    return 0;
}
