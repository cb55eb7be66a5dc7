#include "reader.h"

#include <stdio.h>
#include <stdlib.h>

int rs_reader_open(struct rs_reader *reader, const char *file, struct rs_str text, struct rs_arena *arena,
                   struct rs_diag *diag)
{
    *reader = (struct rs_reader){.file = file, .arena = arena, .diag = diag};
    reader->parser = rs_json_parser_new(RS_JSON_FAST);
    int err = rs_json_parse(reader->parser, arena, text, &reader->json, diag);
    if (!err) return RS_OK;
    rs_diag_prefix(diag, "%s", file);
    if (diag) diag->err = RS_E_CONFIG;
    rs_reader_close(reader);
    return RS_E_CONFIG;
}

void rs_reader_close(struct rs_reader *reader)
{
    rs_json_parser_free(reader->parser);
    reader->parser = NULL;
}

int rs_reader_fail(struct rs_reader *reader, uint32_t at, const char *fmt, ...)
{
    char what[RS_DIAG_TEXT_MAX / 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    unsigned line, column;
    rs_json_place(reader->json.text, reader->json.node[at].at, &line, &column);
    return rs_fail(reader->diag, RS_E_CONFIG, "%s:%u:%u: %s", reader->file, line, column, what);
}

int rs_reader_unknown(struct rs_reader *reader, uint32_t at, const char *what, struct rs_str word,
                      const struct rs_strmap *known)
{
    struct rs_str near = rs_strmap_nearest(known, word);
    if (!near.n) return rs_reader_fail(reader, at, "unknown %s \"%.*s\"", what, RS_FMT(word));
    return rs_reader_fail(reader, at, "unknown %s \"%.*s\"; did you mean \"%.*s\"?", what, RS_FMT(word), RS_FMT(near));
}

int rs_reader_map(struct rs_reader *reader, uint32_t at)
{
    const struct rs_json_node *node = reader->json.node;
    if (node[at].type != RS_JSON_OBJECT) {
        return rs_reader_fail(reader, at, "expected an object, found %s", rs_json_type_name(node[at].type));
    }
    struct rs_strmap seen = {0};
    int err = RS_OK;
    RS_EACH_CHILD (&reader->json, at, c) {
        if (!err && !rs_strmap_add(&seen, node[c].key, c)) {
            err = rs_reader_fail(reader, c, "key \"%.*s\" is here twice", RS_FMT(node[c].key));
        }
    }
    rs_strmap_free(&seen);
    return err;
}

int rs_reader_object(struct rs_reader *reader, uint32_t at, const char *const keys[])
{
    int err = rs_reader_map(reader, at);
    struct rs_strmap known = {0};
    for (int i = 0; keys[i]; i++) rs_strmap_add(&known, rs_str_of(keys[i]), (uint32_t)i);
    const struct rs_json_node *node = reader->json.node;
    for (uint32_t c = at + 1; !err && c < node[at].next; c = node[c].next) {
        if (rs_strmap_get(&known, node[c].key) == RS_STRMAP_NONE) {
            err = rs_reader_unknown(reader, c, "key", node[c].key, &known);
        }
    }
    rs_strmap_free(&known);
    return err;
}

int rs_reader_array(struct rs_reader *reader, uint32_t at)
{
    enum rs_json_type type = reader->json.node[at].type;
    if (type == RS_JSON_ARRAY) return RS_OK;
    return rs_reader_fail(reader, at, "expected a list, found %s", rs_json_type_name(type));
}

int rs_reader_string(struct rs_reader *reader, uint32_t at, struct rs_str *ret)
{
    if (!at) {
        *ret = RS_STR_NONE;
        return RS_OK;
    }
    const struct rs_json_node *node = &reader->json.node[at];
    if (node->type != RS_JSON_STRING) {
        return rs_reader_fail(reader, at, "expected a string, found %s", rs_json_type_name(node->type));
    }
    *ret = rs_arena_str(reader->arena, node->s);
    return RS_OK;
}

int rs_reader_need(struct rs_reader *reader, uint32_t object, const char *key, uint32_t *ret)
{
    uint32_t at = rs_json_member(&reader->json, object, key);
    if (!at) return rs_reader_fail(reader, object, "\"%s\" is missing", key);
    *ret = at;
    return RS_OK;
}

int rs_reader_integer(struct rs_reader *reader, uint32_t at, int64_t min, int64_t max, int64_t *ret)
{
    const struct rs_json_node *node = &reader->json.node[at];
    char text[24];
    char *end = text;
    long long v = 0;
    if (node->type == RS_JSON_NUMBER && node->s.n < sizeof text) {
        snprintf(text, sizeof text, "%.*s", RS_FMT(node->s));
        v = strtoll(text, &end, 10);
    }
    if (end == text || *end || v < min || v > max) {
        return rs_reader_fail(reader, at, "expected a whole number from %lld to %lld", (long long)min, (long long)max);
    }
    *ret = v;
    return RS_OK;
}

int rs_reader_bool(struct rs_reader *reader, uint32_t at, bool *ret)
{
    enum rs_json_type type = reader->json.node[at].type;
    if (type != RS_JSON_TRUE && type != RS_JSON_FALSE) {
        return rs_reader_fail(reader, at, "expected true or false, found %s", rs_json_type_name(type));
    }
    *ret = type == RS_JSON_TRUE;
    return RS_OK;
}
