#include "path.h"

#include <stdlib.h>

/* ---- parsing ----------------------------------------------------------------- */

struct scan {
    const char *start, *p, *end;
    struct rs_arena *arena;
    const char *why;
};

static bool fail(struct scan *s, const char *why)
{
    if (!s->why) s->why = why;
    return false;
}

static bool take(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0) return false;
    s->p += n;
    return true;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool read_name(struct scan *s, struct rs_str *ret)
{
    const char *from = s->p;
    while (s->p < s->end && name_char(*s->p)) s->p++;
    if (s->p == from) return fail(s, "expected a name");
    *ret = rs_arena_str(s->arena, (struct rs_str){from, (uint32_t)(s->p - from)});
    return true;
}

static bool read_quoted(struct scan *s, struct rs_str *ret)
{
    char quote = *s->p++;
    const char *from = s->p;
    while (s->p < s->end && *s->p != quote && *s->p != '\\') s->p++;
    if (s->p == s->end) return fail(s, "the quoted string does not end");
    if (*s->p == '\\') return fail(s, "escapes in a quoted string are not supported");
    *ret = rs_arena_str(s->arena, (struct rs_str){from, (uint32_t)(s->p - from)});
    s->p++;
    return true;
}

static bool at_quote(const struct scan *s)
{
    return s->p < s->end && (*s->p == '\'' || *s->p == '"');
}

static void skip_spaces(struct scan *s)
{
    while (s->p < s->end && *s->p == ' ') s->p++;
}

static bool read_filter(struct scan *s, struct rs_step *step)
{
    step->kind = RS_STEP_FILTER;
    skip_spaces(s);
    if (!take(s, "@")) return fail(s, "a filter reads [?@.name=='value']");
    while (take(s, ".")) {
        if (step->filter_n == RS_FILTER_NAMES_MAX) return fail(s, "the filter's path is too long");
        if (!read_name(s, &step->filter[step->filter_n++])) return false;
    }
    skip_spaces(s);
    if (!step->filter_n || !take(s, "==")) return fail(s, "a filter reads [?@.name=='value']");
    skip_spaces(s);
    step->literal_is_string = at_quote(s);
    if (step->literal_is_string) {
        if (!read_quoted(s, &step->literal)) return false;
    } else {
        const char *from = s->p;
        while (s->p < s->end && (name_char(*s->p) || *s->p == '.' || *s->p == '-')) s->p++;
        step->literal = rs_arena_str(s->arena, (struct rs_str){from, (uint32_t)(s->p - from)});
        if (!step->literal.n) return fail(s, "expected a value behind ==");
    }
    skip_spaces(s);
    return true;
}

static bool read_bracket(struct scan *s, struct rs_step *step)
{
    if (take(s, "*")) {
        step->kind = RS_STEP_EACH;
    } else if (take(s, "?")) {
        if (!read_filter(s, step)) return false;
    } else if (at_quote(s)) {
        step->kind = RS_STEP_NAME;
        if (!read_quoted(s, &step->name)) return false;
    } else {
        step->kind = RS_STEP_INDEX;
        const char *from = s->p;
        while (s->p < s->end && *s->p >= '0' && *s->p <= '9' && s->p - from < 6) {
            step->index = step->index * 10 + (uint32_t)(*s->p++ - '0');
        }
        if (s->p == from) return fail(s, "expected *, an index, a quoted name or a filter");
    }
    return take(s, "]") || fail(s, "expected ]");
}

bool rs_path_parse(struct rs_arena *arena, struct rs_str text, struct rs_path *ret, const char **ret_why,
                   uint32_t *ret_at)
{
    struct scan s = {.start = text.p, .p = text.p, .end = text.p + text.n, .arena = arena};
    struct rs_path path = {.text = rs_arena_str(arena, text)};
    bool fine = true;
    if (take(&s, "$")) {
        path.from_root = true;
    } else if (!take(&s, "@")) {
        fine = fail(&s, "a path starts with $ (the message) or @ (the current block)");
    }
    while (fine && s.p < s.end) {
        if (path.n == RS_PATH_STEPS_MAX) {
            fine = fail(&s, "the path has too many steps");
            break;
        }
        struct rs_step *step = &path.step[path.n++];
        if (take(&s, ".")) {
            step->kind = RS_STEP_NAME;
            fine = read_name(&s, &step->name);
        } else if (take(&s, "[")) {
            fine = read_bracket(&s, step);
        } else {
            fine = fail(&s, "expected . or [");
        }
    }
    if (!fine) {
        *ret_why = s.why;
        *ret_at = (uint32_t)(s.p - s.start);
        return false;
    }
    *ret = path;
    return true;
}

/* ---- selecting --------------------------------------------------------------- */

static uint32_t member(const struct rs_json_node *node, uint32_t at, struct rs_str key)
{
    if (node[at].type != RS_JSON_OBJECT) return 0;
    for (uint32_t c = at + 1; c < node[at].next; c = node[c].next) {
        if (rs_str_eq(node[c].key, key)) return c;
    }
    return 0;
}

static bool filter_passes(const struct rs_step *step, const struct rs_json_node *node, uint32_t at)
{
    for (uint32_t i = 0; i < step->filter_n; i++) {
        at = member(node, at, step->filter[i]);
        if (!at) return false;
    }
    bool is_string = node[at].type == RS_JSON_STRING;
    return is_string == step->literal_is_string && rs_str_eq(node[at].s, step->literal);
}

bool rs_step_selects(const struct rs_step *step, const struct rs_json_node *node, uint32_t c, uint32_t index)
{
    switch (step->kind) {
    case RS_STEP_NAME: return false;
    case RS_STEP_INDEX: return index == step->index;
    case RS_STEP_EACH: return true;
    default: return filter_passes(step, node, c);
    }
}

struct each {
    const struct rs_path *path;
    const struct rs_json *json;
    rs_path_cb *cb;
    void *self;
};

/* Recursion is bounded by the path's steps. */
static bool each_from(const struct each *e, uint32_t depth, uint32_t at)
{
    if (depth == e->path->n) return e->cb(e->self, at);
    const struct rs_json_node *node = e->json->node;
    const struct rs_step *step = &e->path->step[depth];
    if (step->kind == RS_STEP_NAME) {
        uint32_t c = member(node, at, step->name);
        return !c || each_from(e, depth + 1, c);
    }
    if (node[at].type != RS_JSON_ARRAY) return true;
    uint32_t index = 0;
    for (uint32_t c = at + 1; c < node[at].next; c = node[c].next, index++) {
        if (!rs_step_selects(step, node, c, index)) continue;
        if (!each_from(e, depth + 1, c)) return false;
    }
    return true;
}

void rs_path_each(const struct rs_path *path, const struct rs_json *json, uint32_t base, rs_path_cb *cb, void *self)
{
    struct each e = {path, json, cb, self};
    each_from(&e, 0, path->from_root ? 0 : base);
}

struct first {
    bool found;
    uint32_t node;
};

static bool keep_first(void *self, uint32_t node)
{
    *(struct first *)self = (struct first){true, node};
    return false;
}

bool rs_path_first(const struct rs_path *path, const struct rs_json *json, uint32_t base, uint32_t *ret)
{
    struct first first = {0};
    rs_path_each(path, json, base, keep_first, &first);
    if (first.found) *ret = first.node;
    return first.found;
}
